"""Goods that come in: on hand grows once per key, and the queue is served with them in the same transaction."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from activities.persistence.allocations import Cause
from activities.persistence.queueing import serve_queue
from activities.persistence.stock import lock_shelves
from activities.persistence.stock_tables import ProductRow, StockMovementRow
from domain.errors import ProductNotFoundError
from domain.orders import LineQuantity


def receive(session: Session, warehouse: str, lines: list[LineQuantity], *, key: str, as_of: datetime) -> list[UUID]:
    """Add goods on hand, once per `key`, and serve the queue with them.

    Returns:
        Orders that got something from the queue.

    Raises:
        ProductNotFoundError: a SKU is not in the catalogue.
    """
    quantities: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        quantities[line.sku] += line.quantity
    check_products(session, quantities)
    shelves = lock_shelves(session, ((warehouse, sku) for sku in quantities))
    for sku, quantity in quantities.items():
        if record_movement(
            session, (warehouse, sku), quantity, key=f"{key}:{warehouse}:{sku}", kind="receipt", at=as_of
        ):
            shelves[warehouse, sku].on_hand += quantity
    return serve_queue(session, shelves, Cause.RECEIPT, key, at=as_of)


def check_products(session: Session, skus: Iterable[str]) -> None:
    """Refuse products that are not in the catalogue.

    Raises:
        ProductNotFoundError
    """
    wanted = list(skus)
    known = set(session.exec(select(ProductRow.sku).where(col(ProductRow.sku).in_(wanted))))
    for sku in wanted:
        if sku not in known:
            raise ProductNotFoundError(sku=sku)


def record_movement(
    session: Session, shelf: tuple[str, str], quantity: Decimal, *, key: str, kind: str, at: datetime
) -> bool:
    """Write down a change of what is on hand, once per `key`; whether it was new."""
    movement = (
        insert(StockMovementRow)
        .values(key=key, warehouse=shelf[0], sku=shelf[1], kind=kind, quantity=quantity, at=at)
        .on_conflict_do_nothing()
        .returning(col(StockMovementRow.id))
    )
    return session.execute(movement).first() is not None
