"""What may be offered instead of a product that is short, best first (D7-12)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlmodel import Session, col, delete, select

from activities.persistence.catalogue import product
from activities.persistence.events import record_event
from activities.persistence.receipts import check_products
from activities.persistence.stock_tables import SubstituteRow
from domain.orders import Actor
from domain.stock_errors import DuplicateSubstituteError, SubstituteItselfError


@dataclass(frozen=True, slots=True)
class Offer:
    """A substitute as a person weighs it: what it is, what it costs, what nobody was promised yet."""

    sku: str
    name: str
    unit: str
    price: Decimal
    currency: str | None
    free: Decimal


def substitutes_of(session: Session, skus: Collection[str]) -> dict[str, list[str]]:
    """Substitutes of each product, in the order they are offered in; a product without any is left out."""
    query = (
        select(SubstituteRow)
        .where(col(SubstituteRow.sku).in_(skus))
        .order_by(col(SubstituteRow.sku), col(SubstituteRow.rank))
    )
    ranked: dict[str, list[str]] = {}
    for row in session.exec(query):
        ranked.setdefault(row.sku, []).append(row.substitute)
    return ranked


def set_substitutes(session: Session, sku: str, substitutes: Sequence[str], actor: Actor, *, at: datetime) -> None:
    """Replace the substitutes of a product by these, in this order.

    Raises:
        ProductNotFoundError: the product or one of its substitutes is not in the catalogue.
        SubstituteItselfError: a product instead of itself.
        DuplicateSubstituteError: one is named twice.
    """
    product(session, sku, lock=True)
    if sku in substitutes:
        raise SubstituteItselfError(field="substitutes", sku=sku)
    for number, substitute in enumerate(substitutes):
        if substitute in substitutes[:number]:
            raise DuplicateSubstituteError(field="substitutes", sku=substitute)
    check_products(session, substitutes)
    before = substitutes_of(session, [sku]).get(sku, [])
    if before == list(substitutes):
        return
    session.execute(delete(SubstituteRow).where(col(SubstituteRow.sku) == sku))
    session.add_all(SubstituteRow(sku=sku, substitute=each, rank=rank) for rank, each in enumerate(substitutes, 1))
    told = ", ".join(substitutes)
    record_event(session, "product", sku, "substitutes_set" if told else "substitutes_cleared", actor, at=at,
                 substitutes=told, before=", ".join(before))  # fmt: skip


_OFFERS = text("""
    SELECT p.sku, p.name, p.unit, p.price, p.currency,
           coalesce(sum(stock.on_hand - stock.reserved - stock.picking), 0) AS free
      FROM product_substitute s JOIN product p ON p.sku = s.substitute LEFT JOIN stock ON stock.sku = p.sku
     WHERE s.sku = :sku GROUP BY s.rank, p.sku ORDER BY s.rank
""")


def offers(session: Session, sku: str) -> list[Offer]:
    """The substitutes of a product with their price and what is free of them now, in all warehouses.

    Raises:
        ProductNotFoundError: there is no such product.
    """
    product(session, sku)
    return [Offer(*row) for row in session.execute(_OFFERS, {"sku": sku})]
