"""Looking at reserves, and the two ways in which people move them: a request for goods, a stock-take."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import MONDAY, Company

from activities.letters import compose
from activities.persistence.counts import Count, Counted, count_stock
from activities.persistence.identifiers import new_id
from activities.persistence.reassignments import Answer, NewRequest, decide_request, request_goods
from activities.persistence.stock_tables import ReservationLineRow
from domain.orders import Actor


def held(engine: Engine, order: str) -> dict[str, int]:
    """Quantities of an order's reserve by state."""
    found: dict[str, int] = defaultdict(int)
    with Session(engine) as session:
        for line in session.exec(select(ReservationLineRow).where(ReservationLineRow.order_id == UUID(order))):
            found[line.state] += int(line.quantity)
    return dict(found)


def ask_goods(
    engine: Engine, actor: Actor, sku: str, giver: str, taker: str, quantity: str, *, at: datetime = MONDAY
) -> UUID:
    new = NewRequest("main", sku, UUID(giver), UUID(taker), Decimal(quantity), "ключевому клиенту срочно")
    with Session(engine) as session, session.begin():
        return request_goods(session, new, actor, at=at).id


def answer_request(
    engine: Engine, actor: Actor, request: UUID, *, approve: bool = True, at: datetime = MONDAY
) -> Answer:
    with Session(engine, expire_on_commit=False) as session, session.begin():
        return decide_request(session, request, actor, approve=approve, comment="да", compose=compose, at=at)


def count(
    engine: Engine,
    company: Company,
    figures: Mapping[str, str],
    *,
    warehouse: str = "main",
    at: datetime = MONDAY,
    kind: str = "count",
) -> Counted:
    found = {sku: Decimal(figure) for sku, figure in figures.items()}
    with Session(engine) as session, session.begin():
        counted = Count(f"count:{new_id()}", warehouse, found, "инвентаризация", kind)
        return count_stock(session, counted, company.warehouse, at=at)


def drifted(engine: Engine) -> list[object]:
    """Stock rows whose figures are not those of their reservation lines (D3-9)."""
    query = text("""
        SELECT stock.warehouse, stock.sku FROM stock LEFT JOIN reservation_line line USING (warehouse, sku)
         GROUP BY stock.warehouse, stock.sku
        HAVING stock.reserved <> coalesce(sum(line.quantity) FILTER (WHERE line.state = 'reserved'), 0)
            OR stock.picking <> coalesce(sum(line.quantity) FILTER (WHERE line.state = 'picking'), 0)
    """)
    with engine.connect() as connection:
        return list(connection.execute(query))
