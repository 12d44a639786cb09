"""Orders that are short, and what their customers choose: for tests of the steps themselves."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session, select
from support.company import MONDAY, Company
from support.goods import a_step

from activities.persistence.order_tables import OrderRow
from activities.persistence.record_tables import OutboundRow, TaskRow
from activities.persistence.stock_tables import ReservationLineRow, ShortageRow, SubstituteRow
from activities.revisions import RevisionActivities
from activities.shortages import ShortageActivities
from activities.stock import StockActivities
from domain.orders import StepResult
from domain.revisions import ReviseCommand, ReviseOutcome, ReviseRequest
from domain.shortages import Choice, ShortageCommand, ShortageRequest, Substitution, WeighedChoice

HOUR = timedelta(hours=1)


def keep_substitutes(engine: Engine, sku: str, *substitutes: str) -> None:
    with Session(engine) as session, session.begin():
        session.add_all(SubstituteRow(sku=sku, substitute=each, rank=rank) for rank, each in enumerate(substitutes, 1))


def questions(engine: Engine, order: str) -> list[ShortageRow]:
    """Every question about an order, oldest first."""
    with Session(engine) as session:
        query = select(ShortageRow).where(ShortageRow.order_id == UUID(order))
        return sorted(session.exec(query), key=lambda row: row.round)


def states(engine: Engine, order: str) -> list[tuple[str, str | None]]:
    """State and choice of every question."""
    return [(row.state, row.choice) for row in questions(engine, order)]


def held(engine: Engine, order: str) -> dict[tuple[str, str], int]:
    """What an order has or waits for, by SKU and state."""
    with Session(engine) as session:
        rows = session.exec(select(ReservationLineRow).where(ReservationLineRow.order_id == UUID(order)))
        return {(row.sku, row.state): int(row.quantity) for row in rows}


def tasks(engine: Engine, order: str) -> list[tuple[str, str]]:
    """Tasks about the choice: their subject and state."""
    with Session(engine) as session:
        query = select(TaskRow).where(TaskRow.order_id == UUID(order), TaskRow.kind == "shortage_choice")
        return [(row.subject, row.state) for row in session.exec(query.order_by(TaskRow.id))]


def letters(engine: Engine, order: str) -> list[OutboundRow]:
    """Letters that ask the customer."""
    with Session(engine) as session:
        query = select(OutboundRow).where(
            OutboundRow.order_id == UUID(order), OutboundRow.template == "shortage_choice"
        )
        return sorted(session.exec(query), key=lambda row: row.created_at)


def order_row(engine: Engine, order: str) -> OrderRow:
    with Session(engine) as session:
        return session.get_one(OrderRow, UUID(order))


def weigh(
    engine: Engine, company: Company, order: str, choice: str, *alternatives: Substitution, number: int = 20,
    at: datetime = MONDAY + HOUR,
) -> WeighedChoice:  # fmt: skip
    return ShortageActivities(engine).weigh_choice(_request(company, order, choice, alternatives, number, at))


def choose(
    engine: Engine, company: Company, order: str, choice: str, *alternatives: Substitution, number: int = 20,
    at: datetime = MONDAY + HOUR,
) -> tuple[WeighedChoice, ReviseOutcome | None, StepResult | None]:  # fmt: skip
    """The steps that a choice takes, as the order's process does them."""
    weighed = weigh(engine, company, order, choice, *alternatives, number=number, at=at)
    if weighed.lines is None:
        return weighed, None, None
    command = ReviseCommand(company.manager, lines=weighed.lines)
    revised = RevisionActivities(engine).revise_order(ReviseRequest(order, number + 1, command, at))
    ShortageActivities(engine).record_choice(_request(company, order, choice, alternatives, number + 2, at))
    fitted = StockActivities(engine).fit_reserve(a_step(order, number + 3, at=at)) if revised.refit else None
    return weighed, revised, fitted


def _request(
    company: Company, order: str, choice: str, alternatives: tuple[Substitution, ...], number: int, at: datetime
) -> ShortageRequest:
    return ShortageRequest(order, number, ShortageCommand(company.manager, Choice(choice), None, alternatives), at)


def instead(sku: str, substitute: str, quantity: str | None = None) -> Substitution:
    return Substitution(sku, substitute, Decimal(quantity) if quantity else None)
