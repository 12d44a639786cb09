"""Packs the warehouse counts in: a quantity as whole packs and a loose rest (D12-3)."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Packs:
    """So many whole packs of `size` units each, and `loose` units beside them."""

    name: str
    size: Decimal
    whole: int
    loose: Decimal


def in_packs(quantity: Decimal, name: str | None, size: Decimal | None) -> Packs | None:
    """A quantity counted in packs; None for a product that has none (D12-3)."""
    if name is None or size is None:
        return None
    whole = int(quantity // size)
    return Packs(name, size, whole, quantity - whole * size)
