"""Less lies there than was promised: whose reserve shrinks, and by how much (D7-15)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.allocation import NOTHING
from domain.stock_errors import CountBelowPickingError


@dataclass(frozen=True, slots=True)
class Holder:
    """A reserved line on the shelf; `paid` when money came for its order, `confirmed_at` is the order's."""

    order_id: str
    line_no: int
    quantity: Decimal
    vip: bool
    paid: bool
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of a reserved line goes back to the queue."""

    holder: Holder
    quantity: Decimal


def shortfall(sku: str, counted: Decimal, *, reserved: Decimal, picking: Decimal) -> Decimal:
    """How much was promised that is not there; goods in picking are never taken (D7-15, D7-16).

    Raises:
        CountBelowPickingError: not even what is being picked was found.
    """
    if counted < picking:
        raise CountBelowPickingError(sku=sku, counted=str(counted), picking=str(picking))
    return max(NOTHING, reserved + picking - counted)


def cuts(holders: Iterable[Holder], missing: Decimal) -> list[Cut]:
    """Take what is missing: paid orders last, then lower class first, then the newest; equal times by order id.

    A key customer is spared only as long as there is somebody before them in that order.
    """
    newest_first = sorted(holders, key=lambda each: (each.confirmed_at, each.order_id, each.line_no), reverse=True)
    taken = []
    for holder in sorted(newest_first, key=lambda each: (each.paid, each.vip)):
        part = min(holder.quantity, missing)
        if part > 0:
            taken.append(Cut(holder, part))
            missing -= part
    return taken
