"""Products and their prices, and what lies in stock."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation
from sqlalchemy import text, tuple_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from activities.persistence.events import record_event
from activities.persistence.parties import name_key, search_key
from activities.persistence.stock_tables import ItemGroupRow, ProductRow, StockRow
from domain.errors import ProductExistsError, ProductNotFoundError
from domain.orders import Actor
from domain.stock_errors import ItemGroupNotFoundError


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product with its list price per unit, VAT inside; without a currency it is a price in any."""

    sku: str
    name: str
    unit: str
    price: Decimal
    currency: str | None
    vat_rate: Decimal
    cost: Decimal | None = None
    item_group: str | None = None
    pack_name: str | None = None
    pack_size: Decimal | None = None


def create_product(session: Session, new: NewProduct, actor: Actor, *, at: datetime) -> ProductRow:
    """Store a product.

    Raises:
        ProductExistsError: the SKU is there already.
        ItemGroupNotFoundError: there is no such group.
    """
    _check_group(session, new.item_group)
    row = ProductRow(
        sku=new.sku,
        name=new.name,
        name_key=name_key(new.name),
        unit=new.unit,
        price=new.price,
        currency=new.currency,
        vat_rate=new.vat_rate,
        cost=new.cost,
        item_group=new.item_group,
        pack_name=new.pack_name,
        pack_size=new.pack_size,
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        if not isinstance(error.orig, UniqueViolation):
            raise
        raise ProductExistsError(sku=new.sku) from None
    record_event(session, "product", new.sku, "product_created", actor, at=at, price=str(new.price))
    return row


def product(session: Session, sku: str, *, lock: bool = False) -> ProductRow:
    """A product by its SKU.

    Raises:
        ProductNotFoundError: there is none.
    """
    query = select(ProductRow).where(ProductRow.sku == sku)
    row = session.exec(query.with_for_update(key_share=True) if lock else query).first()
    if row is None:
        raise ProductNotFoundError(sku=sku)
    return row


def change_product(session: Session, row: ProductRow, actor: Actor, *, fields: dict[str, Any], at: datetime) -> None:
    """Change fields of a locked product; quotes in force keep their price (D6-10).

    Raises:
        ItemGroupNotFoundError: there is no such group.
    """
    _check_group(session, fields.get("item_group"))
    changes = {}
    for name, value in fields.items():
        before = getattr(row, name)
        if before != value:
            changes[name] = {"from": str(before), "to": str(value)}
            setattr(row, name, value)
    if not changes:
        return
    row.name_key = name_key(row.name)
    row.version += 1
    session.add(row)
    record_event(session, "product", row.sku, "product_changed", actor, at=at, changes=changes)


def list_products(
    session: Session, *, prefix: str = "", after: tuple[str, str] | None = None, limit: int = 50
) -> list[ProductRow]:
    """Products by name; `after` is the key of the last one already seen."""
    query = select(ProductRow)
    if prefix:
        query = query.where(col(ProductRow.name_key).startswith(search_key(prefix), autoescape=True))
    if after is not None:
        query = query.where(tuple_(col(ProductRow.name_key), col(ProductRow.sku)) > after)
    return list(session.exec(query.order_by(col(ProductRow.name_key), col(ProductRow.sku)).limit(limit)))


def stock_of(session: Session, sku: str) -> list[StockRow]:
    """The product's stock, warehouse by warehouse.

    Raises:
        ProductNotFoundError: there is no such product.
    """
    product(session, sku)
    return list(session.exec(select(StockRow).where(StockRow.sku == sku).order_by(col(StockRow.warehouse))))


_SERVED_UNTOLD = text("""
    SELECT id FROM sales_order WHERE status = 'part_reserved'
       AND EXISTS (SELECT 1 FROM reservation_line WHERE order_id = sales_order.id AND state = 'reserved')
       AND NOT EXISTS (SELECT 1 FROM reservation_line WHERE order_id = sales_order.id AND state = 'waiting')
    UNION
    SELECT id FROM sales_order WHERE status = 'part_reserved'
       AND NOT EXISTS (SELECT 1 FROM reservation_line WHERE order_id = sales_order.id AND state = 'reserved')
    UNION
    SELECT id FROM sales_order WHERE status = 'confirmed' AND wait ->> 'reason' = 'stock'
       AND EXISTS (SELECT 1 FROM reservation_line WHERE order_id = sales_order.id AND state = 'reserved')
       AND NOT (ship_complete
                AND EXISTS (SELECT 1 FROM reservation_line WHERE order_id = sales_order.id AND state = 'waiting'))
    UNION
    SELECT order_id FROM reservation_line JOIN sales_order ON id = order_id
     WHERE state = 'waiting' AND (status = 'ready' OR status = 'awaiting_payment' AND wait ->> 'reason' = 'payment')
    UNION
    SELECT order_id FROM outbound JOIN sales_order ON sales_order.id = order_id
     WHERE outbound.state = 'planned' AND status IN ('confirmed', 'part_reserved', 'awaiting_payment', 'ready')
""")


def orders_served_untold(session: Session) -> list[UUID]:
    """Orders that may not have heard what became of their goods: they count as waiting although the queue gave them
    goods, as served although goods were taken from them (D7-15, D8-4), or have post that nobody delivers."""
    return list(session.execute(_SERVED_UNTOLD).scalars())


def _check_group(session: Session, code: str | None) -> None:
    if code is not None and session.get(ItemGroupRow, code) is None:
        raise ItemGroupNotFoundError(group=code)
