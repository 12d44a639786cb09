"""Which rows have something left to happen, and so a process; and what starts it from the row's state."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from activities.persistence import orders, revisions
from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.identifiers import new_id
from activities.persistence.money_tables import BankStatementRow, InvoiceRow, PaymentRow, ScheduleLineRow
from activities.persistence.order_tables import ApprovalRow, OrderRow
from activities.persistence.party_tables import CustomerRow, UserRow
from activities.persistence.stock_tables import ExpectedReceiptRow, ShortageRow
from domain.grant_life import GrantInput
from domain.invoicing import InvoiceInput
from domain.limits import GrantKind, GrantState
from domain.messages import MessageState
from domain.orders import ENDED, SYSTEM, Actor, OpenShortage, OrderInput, Proposal, Role
from domain.payments import PaymentInput, StatementInput
from domain.shortages import ShortageState
from domain.supply_life import SupplyInput, SupplyState
from domain.watch import Effect, Thing

STEPS_PER_VERSION = 1_000
"""More steps than an order can take without a new version of its row."""
PAGE = 1_000

_WAITS = "coalesce(jsonb_typeof(wait), 'null') <> 'null'"
_POSTING = """
    EXISTS (SELECT 1 FROM outbound WHERE outbound.{of} = {table}.id AND outbound.state IN ('planned','sending'))
"""
_TELLING = """
    EXISTS (SELECT 1 FROM outbound WHERE outbound.key LIKE '{kind}:' || {table}.id || ':%'
                                     AND outbound.state IN ('planned','sending'))
"""
_ORDERS = f"SELECT id, status, {_WAITS} AS waits FROM sales_order WHERE status <> ALL(:ended)"
_LINES = "SELECT id FROM schedule_line WHERE residual > 0"
_PAYMENTS = """
    SELECT identity FROM payment LEFT JOIN bank_statement ON sha256 = statement_sha256
     WHERE reason = 'new' AND (sha256 IS NULL OR coalesce(jsonb_typeof(summary), 'null') <> 'null')
"""
"""Recorded money that nobody has matched; that of a statement under way is the statement's."""
_STATEMENTS = "SELECT sha256 FROM bank_statement WHERE coalesce(jsonb_typeof(summary), 'null') = 'null'"
_LATER = {
    "order": f"SELECT id, status, {_POSTING.format(of='order_id', table='sales_order')} AS posting "
    "FROM sales_order WHERE id = ANY(:ids)",
    "invoice": f"SELECT id, 'settled', {_POSTING.format(of='schedule_line_id', table='schedule_line')} AS posting "
    "FROM schedule_line WHERE id = ANY(:ids)",
    "grant": f"SELECT id, state, {_TELLING.format(kind='grant', table='credit_grant')} AS posting "
    "FROM credit_grant WHERE id = ANY(:ids)",
    "supply": f"SELECT id, state, {_TELLING.format(kind='supply', table='expected_receipt')} AS posting "
    "FROM expected_receipt WHERE id = ANY(:ids)",
}


def living(session: Session) -> Iterator[Thing]:
    """Everything that has something left to happen."""
    for row in session.execute(text(_ORDERS), {"ended": sorted(ENDED)}):
        yield Thing(f"order/{row.id}", lives=True, state=row.status, waits=row.waits)
    for row in session.execute(text(_LINES)):
        yield Thing(f"invoice/{row.id}", lives=True)
    for grant in session.exec(unfinished_grants()):
        yield Thing(f"grant/{grant.id}", lives=True)
    for receipt in session.exec(select(ExpectedReceiptRow.id).where(ExpectedReceiptRow.state == SupplyState.EXPECTED)):
        yield Thing(f"supply/{receipt}", lives=True)
    for row in session.execute(text(_PAYMENTS)):
        yield Thing(f"payment/{row.identity}", lives=True)
    for row in session.execute(text(_STATEMENTS)):
        yield Thing(f"statement/{row.sha256}", lives=True)


def unfinished_grants() -> SelectOfScalar[CreditGrantRow]:
    """Changes of credit with something left to happen: undecided, waiting for their day, or with an end still to
    come."""
    row = CreditGrantRow
    ends = (col(row.state) == GrantState.IN_FORCE) & col(row.valid_to).is_not(None) & col(row.ended_at).is_(None)
    waits = col(row.state).in_([GrantState.REQUESTED, GrantState.SCHEDULED])
    return select(row).where(waits | ends).order_by(col(row.id))


def over(session: Session, processes: Collection[str]) -> Iterator[Thing]:
    """The things of these processes that are over; a process whose thing is unknown has none."""
    ids: dict[str, list[UUID]] = {kind: [] for kind in _LATER}
    for process in processes:
        kind, _, name = process.partition("/")
        if kind in ids and (found := _uuid(name)) is not None:
            ids[kind].append(found)
    for kind, wanted in ids.items():
        for begin in range(0, len(wanted), PAGE):
            for row in session.execute(text(_LATER[kind]), {"ids": wanted[begin : begin + PAGE]}):
                yield Thing(f"{kind}/{row[0]}", lives=False, state=row[1], posting=row.posting)


def effects_under_way(session: Session) -> Iterator[Effect]:
    """Messages that are not out yet, and whose they are."""
    rows = session.execute(
        text("""
        SELECT key, state, coalesce(CASE WHEN state = 'sending' THEN claimed_at END, created_at) AS since,
               order_id, schedule_line_id FROM outbound WHERE state IN ('planned','sending') ORDER BY key
    """)
    )
    for row in rows:
        yield Effect(row.key, MessageState(row.state), row.since, _sender(row))


def _sender(row: Any) -> str | None:
    if row.schedule_line_id is not None:
        return f"invoice/{row.schedule_line_id}"
    if row.order_id is not None:
        return f"order/{row.order_id}"
    kind, _, rest = row.key.partition(":")
    return f"{kind}/{rest.partition(':')[0]}" if kind in {"grant", "supply"} else None


# -- what starts a process ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Beginning:
    """What starts the process of a row: the name of its workflow, its input, and what lists show before it moves.

    `signal`: what it is told at its start. `attributes`: search attributes by name.
    """

    workflow: str
    argument: Any
    title: str
    signal: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)


def beginning_of(session: Session, process: str, *, now: datetime) -> Beginning | None:
    """What starts this process at the state its row has reached; None when nothing is left to happen."""
    kind, _, name = process.partition("/")
    begin = _BEGINNINGS.get(kind)
    return begin(session, name, now) if begin else None


def order_input(
    order: OrderRow, *, now: datetime, proposal: Proposal | None = None, shortage: OpenShortage | None = None
) -> OrderInput:
    """What starts the order's process, at whatever state the order has reached; `proposal` and `shortage` wait beside
    it."""
    return OrderInput(
        order_id=str(order.id),
        number=order.number,
        customer_id=str(order.customer_id),
        manager_id=str(order.manager_id),
        as_of=now,
        state=orders.state_of(order),
        first_step=order.version * STEPS_PER_VERSION,
        proposal=proposal,
        shortage=shortage,
    )


@dataclass(frozen=True, slots=True)
class Beside:
    """What waits beside an order: whether an edit was asked for, and a question about a shortage."""

    asked: bool
    shortage: OpenShortage | None


def order_and_beside(session: Session, order_id: UUID) -> tuple[OrderRow, Beside] | None:
    """An order with what waits beside it, in one statement: hardly any order has either."""
    mine = [col(ApprovalRow.order_id) == OrderRow.id, col(ApprovalRow.revision) != OrderRow.revision]
    asked = select(ApprovalRow.id).where(*mine, ApprovalRow.state == "open").exists()
    question = (col(ShortageRow.order_id) == OrderRow.id) & (col(ShortageRow.state) == ShortageState.OPEN)
    query = select(OrderRow, asked, ShortageRow.round, ShortageRow.until).join(ShortageRow, question, isouter=True)
    found = session.execute(query.where(OrderRow.id == order_id)).first()
    if found is None:
        return None
    order, is_asked, number, until = found
    return order, Beside(is_asked, None if number is None else OpenShortage(number, until))


def order_beginning(session: Session, order: OrderRow, beside: Beside, *, now: datetime) -> OrderInput:
    """What starts the order's process, with what waits beside it."""
    proposal = revisions.open_proposal(session, order, as_of=now) if beside.asked else None
    return order_input(order, now=now, proposal=proposal, shortage=beside.shortage)


def _order(session: Session, name: str, now: datetime) -> Beginning | None:
    found = order_and_beside(session, UUID(name))
    if found is None or found[0].status in ENDED:
        return None
    order, beside = found
    start = order_beginning(session, order, beside, now=now)
    shown = {"OporaCustomerId": start.customer_id, "OporaManagerId": start.manager_id, "OporaStatus": order.status}
    return Beginning("OrderWorkflow", start, f"Заказ {order.number}", "stock_allocated", shown)


def _invoice(session: Session, name: str, now: datetime) -> Beginning | None:
    line = session.get(ScheduleLineRow, UUID(name))
    if line is None or line.residual == 0:
        return None
    invoice = session.get_one(InvoiceRow, line.invoice_id)
    customer = session.get_one(CustomerRow, invoice.customer_id)
    manager = str(customer.manager_id) if customer.manager_id else None
    order_id = str(invoice.order_id) if invoice.order_id else None
    start = InvoiceInput(name, invoice.number, str(invoice.customer_id), manager, order_id, now)
    return Beginning("InvoiceWorkflow", start, f"Счёт {invoice.number}")


def _grant(session: Session, name: str, now: datetime) -> Beginning | None:
    row = session.exec(unfinished_grants().where(CreditGrantRow.id == UUID(name))).first()
    if row is None:
        return None
    start = GrantInput(name, GrantKind(row.kind), str(row.customer_id), now)
    return Beginning("CreditGrantWorkflow", start, "Изменение лимита", "changed")


def _supply(session: Session, name: str, now: datetime) -> Beginning | None:
    row = session.get(ExpectedReceiptRow, UUID(name))
    if row is None or row.state != SupplyState.EXPECTED:
        return None
    return Beginning("SupplyWorkflow", SupplyInput(name, now), "Поставка", "changed")


def _payment(session: Session, identity: str, now: datetime) -> Beginning | None:
    row = session.exec(select(PaymentRow).where(PaymentRow.identity == identity, PaymentRow.reason == "new")).first()
    if row is None:
        return None
    return Beginning(
        "PaymentWorkflow", PaymentInput(identity, SYSTEM, now, payment_id=str(row.id)), "Поступление денег"
    )


def _statement(session: Session, sha256: str, now: datetime) -> Beginning | None:
    row = session.get(BankStatementRow, sha256)
    if row is None or row.summary is not None:
        return None
    person = session.get_one(UserRow, row.uploaded_by)
    actor = Actor(str(person.id), person.name, Role(person.role))
    return Beginning("StatementWorkflow", StatementInput(sha256, str(new_id()), actor, now), "Банковская выписка")


_BEGINNINGS: dict[str, Callable[[Session, str, datetime], Beginning | None]] = {
    "order": _order,
    "invoice": _invoice,
    "grant": _grant,
    "supply": _supply,
    "payment": _payment,
    "statement": _statement,
}


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None
