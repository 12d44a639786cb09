"""What has to be bought, and from which day on goods can be promised: the queue, served ahead of time (D7-12, D8).

The receipts that are expected are handed down the queue by `domain.allocation.allocate`, the very function that will
hand out the goods when they come; so a promise keeps the hold-back and whole orders as the goods themselves will.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import TypeAlias

from domain.allocation import (
    NOTHING,
    STEP,
    Allotment,
    Claim,
    ClaimLine,
    QueueTerms,
    Shelf,
    ShelfKey,
    allocate,
    counts_as_vip,
    queue_order,
)

LineKey: TypeAlias = tuple[str, int, str]
"""Order, line number, warehouse."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Goods that a supplier still owes, and the day they are expected on."""

    warehouse: str
    sku: str
    on: date
    quantity: Decimal

    @property
    def shelf(self) -> ShelfKey:
        return self.warehouse, self.sku


@dataclass(frozen=True, slots=True)
class Prospect:
    """What is known of some shelves: what lies there, who waits in the queue, what is expected."""

    shelves: Sequence[Shelf]
    claims: Sequence[Claim]
    arrivals: Sequence[Arrival]
    terms: QueueTerms
    as_of: datetime
    today: date


@dataclass(frozen=True, slots=True)
class Promise:
    """What of a line is there now, and the day on which the whole of it is; None when nothing expected covers it."""

    now: Decimal
    on: date | None


def promises(prospect: Prospect) -> dict[LineKey, Promise]:
    """When each waiting line has its whole quantity, if nothing comes but what is expected and nobody joins the queue.

    An order that ships whole has all its lines on one day, the latest (D7-12). A receipt whose day has passed promises
    nothing until it gets another.
    """
    days: dict[date, list[Arrival]] = defaultdict(list)
    for arrival in prospect.arrivals:
        if arrival.on >= prospect.today:
            days[arrival.on].append(arrival)
    shelves = {shelf.key: shelf for shelf in prospect.shelves}
    allotted = allocate(list(shelves.values()), prospect.claims, prospect.terms, prospect.as_of)
    now = {_key(part): max(NOTHING, part.given) for part in allotted}
    claims, done = _after(shelves, prospect.claims, allotted)
    found: dict[LineKey, date] = dict.fromkeys(done, prospect.today)
    for day in sorted(days):
        for arrival in days[day]:
            _put(shelves, arrival)
        at = prospect.as_of + timedelta(days=(day - prospect.today).days)
        claims, done = _after(shelves, claims, allocate(list(shelves.values()), claims, prospect.terms, at))
        found |= dict.fromkeys(done, day)
    return {key: Promise(given, found.get(key)) for key, given in now.items()}


def days_of(promised: Mapping[LineKey, Promise]) -> dict[LineKey, date | None]:
    """The day of each promise; None where nothing expected covers it."""
    return {line: promise.on for line, promise in promised.items()}


def _put(shelves: dict[ShelfKey, Shelf], arrival: Arrival) -> None:
    shelf = shelves.get(arrival.shelf)
    if shelf is not None:
        quantity = arrival.quantity
        shelves[shelf.key] = replace(shelf, on_hand=shelf.on_hand + quantity, free=shelf.free + quantity)


def _after(
    shelves: dict[ShelfKey, Shelf], claims: Iterable[Claim], allotted: Iterable[Allotment]
) -> tuple[list[Claim], list[LineKey]]:
    """The shelves and the queue once what was allotted is given; who still waits, and which lines wait no more."""
    lines: dict[str, list[ClaimLine]] = defaultdict(list)
    for part in allotted:
        shelf = shelves[part.line.shelf]
        shelves[shelf.key] = replace(shelf, free=shelf.free - part.given)
        lines[part.order_id].append(_left(part))
    waiting, done = [], []
    for claim in claims:
        after = lines[claim.order_id]
        over = [line for line in after if line.quantity <= NOTHING]
        if claim.ship_complete and len(over) < len(after):
            over = []
        done += [(claim.order_id, line.line_no, line.warehouse) for line in over]
        left = [line for line in after if line not in over]
        if left:
            waiting.append(replace(claim, lines=tuple(left)))
    return waiting, done


def _left(part: Allotment) -> ClaimLine:
    """The line as it waits on; what is gathered for it may go back one day (D8-5)."""
    gathered = NOTHING if part.gathering_since is None else part.line.gathered + part.given
    return replace(
        part.line,
        quantity=part.line.quantity - part.given,
        gathered=gathered,
        skips=part.skips,
        gathering_since=part.gathering_since,
    )


def _key(part: Allotment) -> LineKey:
    return part.order_id, part.line.line_no, part.line.warehouse


def whole_on(days: Iterable[date | None]) -> date | None:
    """The day on which all of it is there: the latest, None when one of the days is not known or there are none."""
    known = list(days)
    return None if None in known else max((day for day in known if day is not None), default=None)


def worsened(before: Mapping[LineKey, date | None], after: Mapping[LineKey, date | None]) -> dict[str, date | None]:
    """Orders whose goods were promised and now come later or on no known day: the order's day afterwards."""
    late = {
        order
        for (order, number, warehouse), day in before.items()
        if day is not None and ((now := after.get((order, number, warehouse))) is None or now > day)
    }
    return {order: whole_on(day for key, day in after.items() if key[0] == order) for order in late}


@dataclass(frozen=True, slots=True)
class Need:
    """A product that orders wait for at one warehouse.

    Attributes:
        waiting: what the queue waits for in all.
        expected: what suppliers still owe, late receipts too.
        covered: what of `waiting` the goods that are free and those that are expected will serve; goods held back for
            key customers cover no ordinary order (D8-2).
        to_order: the least that serves everybody who waits when it comes, with what is held back of it.
        queue: who waits and for how much, in queue order.
    """

    shelf: ShelfKey
    waiting: Decimal
    expected: Decimal
    covered: Decimal
    to_order: Decimal
    queue: tuple[tuple[str, Decimal], ...]

    @property
    def missing(self) -> Decimal:
        return self.waiting - self.covered


def need_of(shelf: Shelf, prospect: Prospect) -> Need | None:
    """The need on one shelf; None when nobody waits there."""
    queue = queue_order(_alone(prospect.claims, shelf.key), prospect.terms, prospect.as_of)
    if not queue:
        return None
    expected = sum((each.quantity for each in prospect.arrivals if each.shelf == shelf.key), NOTHING)
    filled = replace(shelf, on_hand=shelf.on_hand + expected, free=shelf.free + expected)
    served = allocate([filled], queue, prospect.terms, prospect.as_of)
    waiting = sum((line.quantity for claim in queue for line in claim.lines), NOTHING)
    ordinary = not all(counts_as_vip(claim, prospect.terms, prospect.as_of) for claim in queue)
    return Need(
        shelf=shelf.key,
        waiting=waiting,
        expected=expected,
        covered=sum((part.given for part in served), NOTHING),
        to_order=_to_order(filled, waiting, queue, ordinary=ordinary),
        queue=tuple((claim.order_id, sum((line.quantity for line in claim.lines), NOTHING)) for claim in queue),
    )


def _alone(claims: Iterable[Claim], key: ShelfKey) -> list[Claim]:
    """The claims on one shelf by themselves: what else an order that ships whole needs is another need."""
    alone = []
    for claim in claims:
        mine = [line for line in claim.lines if line.shelf == key and line.quantity > NOTHING]
        lines = tuple(replace(line, gathering_since=None, gathered=NOTHING) for line in mine)
        if lines:
            alone.append(replace(claim, ship_complete=False, lines=lines))
    return alone


def _to_order(shelf: Shelf, waiting: Decimal, queue: Sequence[Claim], *, ordinary: bool) -> Decimal:
    """What must come so that the last in the queue is served too.

    An ordinary one is last of all and leaves the share of key customers, of what comes as well; a share of everything
    would never let it be served, then the plain quantity is named.
    """
    missing = waiting - shelf.free
    share = shelf.hold_back_percent / 100
    if ordinary and share < 1:
        missing = (missing + shelf.held_back) / (1 - share)
    by_piece = all(line.quantity == line.quantity.to_integral_value() for claim in queue for line in claim.lines)
    missing = missing.to_integral_value(ROUND_CEILING) if by_piece else missing.quantize(STEP, ROUND_CEILING)
    return max(NOTHING, missing)
