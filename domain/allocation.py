"""Who gets the goods: reservation of an order's lines, and the queue for what becomes free (D7, D8)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Demand:
    """What an order line still needs at one warehouse."""

    line_no: int
    sku: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Allotment:
    """How a demand was met: `reserved` now, `backordered` for later; together the demand."""

    line_no: int
    sku: str
    reserved: Decimal
    backordered: Decimal


def allot(demands: Sequence[Demand], free: dict[str, Decimal], *, ship_complete: bool) -> list[Allotment]:
    """Reserve what there is, the rest is a backorder; `ship_complete` takes all or nothing (D7-12).

    `free` is the free stock by SKU; zero or negative stock gives nothing (D7-18).
    """
    left = dict(free)
    allotments = []
    for demand in demands:
        reserved = min(demand.quantity, max(NOTHING, left.get(demand.sku, NOTHING)))
        left[demand.sku] = left.get(demand.sku, NOTHING) - reserved
        allotments.append(Allotment(demand.line_no, demand.sku, reserved, demand.quantity - reserved))
    if ship_complete and any(allotment.backordered > 0 for allotment in allotments):
        return [Allotment(each.line_no, each.sku, NOTHING, each.reserved + each.backordered) for each in allotments]
    return allotments


@dataclass(frozen=True, slots=True)
class Waiting:
    """A backordered line in the queue for one SKU at one warehouse."""

    order_id: str
    line_no: int
    quantity: Decimal
    vip: bool
    confirmed_at: datetime
    ship_complete: bool


def queue_order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Class first, then confirmation time, then order id; never random (D8-1, D8-7)."""
    return sorted(waiting, key=lambda each: (not each.vip, each.confirmed_at, each.order_id, each.line_no))


def serve(queue: Iterable[Waiting], free: Decimal) -> list[tuple[Waiting, Decimal]]:
    """Hand freed stock down the queue; each line takes what it can (D8-1).

    A `ship_complete` line that cannot be served whole is passed over, and keeps its place.
    """
    served = []
    for waiting in queue_order(queue):
        quantity = min(waiting.quantity, free)
        if quantity <= 0 or (waiting.ship_complete and quantity < waiting.quantity):
            continue
        served.append((waiting, quantity))
        free -= quantity
    return served
