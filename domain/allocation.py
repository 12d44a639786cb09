"""Who gets the goods: one function for a new order, freed stock and a receipt alike (D7-12, D8).

The queue of a shelf is served in order; what an ordinary customer may take leaves a share for key customers; an order
that ships whole takes all or nothing, until it has been passed over often enough to have goods gathered for it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import TypeAlias

NOTHING = Decimal(0)
STEP = Decimal("0.001")
"""Quantities have three places."""
ShelfKey: TypeAlias = tuple[str, str]
"""Warehouse and SKU."""
Place: TypeAlias = tuple[int, str]
"""Line of an order and warehouse."""


@dataclass(frozen=True, slots=True)
class QueueTerms:
    """The parameters of the queue, from the policy in force (D8-5, D8-6)."""

    starvation_days: int = 7
    most_skips: int = 2
    gathering_days: int = 7


@dataclass(frozen=True, slots=True)
class Shelf:
    """One product at one warehouse: how much there is, how much nobody was promised, what is kept for VIPs (D8-2)."""

    warehouse: str
    sku: str
    on_hand: Decimal
    free: Decimal
    hold_back_percent: Decimal

    @property
    def key(self) -> ShelfKey:
        return self.warehouse, self.sku

    @property
    def held_back(self) -> Decimal:
        """What ordinary customers leave for key customers when goods run out (D8-2)."""
        return self.on_hand * self.hold_back_percent / 100


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A backordered line of an order on one shelf.

    `since`: from when it has waited. `displaced_at`: its goods were given to another (D8-4). `skips`: how often others
    were served past it; `gathering_since`, `gathered`: goods are being gathered for it, and how many by now (D8-5).
    """

    line_no: int
    warehouse: str
    sku: str
    quantity: Decimal
    since: datetime
    displaced_at: datetime | None = None
    skips: int = 0
    gathering_since: datetime | None = None
    gathered: Decimal = NOTHING

    @property
    def shelf(self) -> ShelfKey:
        return self.warehouse, self.sku

    @property
    def place(self) -> Place:
        return self.line_no, self.warehouse


@dataclass(frozen=True, slots=True)
class Claim:
    """An order in the queue, with its lines on the shelves that are decided together.

    `confirmed_at` is that of the order, however often it comes back to the queue (D8-9).
    """

    order_id: str
    vip: bool
    confirmed_at: datetime
    ship_complete: bool
    lines: tuple[ClaimLine, ...]

    @property
    def since(self) -> datetime:
        return min(line.since for line in self.lines)

    @property
    def displaced(self) -> bool:
        return any(line.displaced_at for line in self.lines)

    @property
    def gathering_since(self) -> datetime | None:
        return min((line.gathering_since for line in self.lines if line.gathering_since), default=None)


class Rule(StrEnum):
    """Which rule decided what a line got."""

    IN_TURN = "in_turn"
    """D8-1: it was its turn, and there was enough."""
    LIFTED = "lifted"
    """D8-6: it waited so long that it counts as a key customer."""
    RETURNED_FIRST = "returned_first"
    """D8-4: its goods were given to another, so it comes first of its class."""
    RAN_OUT = "ran_out"
    """D8-1: those before it took the rest; it got what was left, or nothing."""
    HELD_BACK = "held_back"
    """D8-2: what is left is kept for key customers."""
    WHOLE_ONLY = "whole_only"
    """D7-12: it ships whole, and not everything is there."""
    GATHERING = "gathering"
    """D8-5: it was passed over often enough: goods are gathered for it."""
    GATHERED_TOO_LONG = "gathered_too_long"
    """D8-5: not everything came in time: what was gathered went back."""


@dataclass(frozen=True, slots=True)
class Allotment:
    """What a run decided about one line: `given` now, by which rule, and the place it keeps in the queue.

    `given` is negative when gathered goods go back.
    """

    order_id: str
    line: ClaimLine
    given: Decimal
    rule: Rule
    skips: int
    gathering_since: datetime | None


def counts_as_vip(claim: Claim, terms: QueueTerms, as_of: datetime) -> bool:
    """Key customers, and whoever has waited so long that they are lifted to them (D8-6)."""
    return claim.vip or as_of - claim.since >= timedelta(days=terms.starvation_days)


def queue_order(claims: Iterable[Claim], terms: QueueTerms, as_of: datetime) -> list[Claim]:
    """Class, then whose goods were taken from them, then confirmation time, then order id; never random.

    D8-1, D8-4, D8-6, D8-7, D8-9.
    """

    def place(claim: Claim) -> tuple[bool, bool, datetime, str]:
        return not counts_as_vip(claim, terms, as_of), not claim.displaced, claim.confirmed_at, claim.order_id

    return sorted(claims, key=place)


@dataclass(frozen=True, slots=True)
class _Room:
    """What is left on a shelf, and how much of it one line may take."""

    left: Decimal
    open: Decimal


def allocate(shelves: Sequence[Shelf], claims: Iterable[Claim], terms: QueueTerms, as_of: datetime) -> list[Allotment]:
    """Hand what is free on the shelves down the queue; one allotment for each line of each claim, in queue order.

    A newcomer is a claim like any other. Zero or negative stock gives nothing (D7-18). What it hands out of a shelf is
    never more than the shelf's free quantity, plus what was gathered on it too long (D8-5). Which shelves are decided
    together matters to orders that ship whole only.
    """
    by_key = {shelf.key: shelf for shelf in shelves}
    left = {key: max(NOTHING, shelf.free) for key, shelf in by_key.items()}
    queue = queue_order(_by_shelf(claims), terms, as_of)
    stale = {claim.order_id for claim in queue if _gathers_too_long(claim, left, terms, as_of)}
    for claim in queue:
        if claim.order_id in stale:
            for line in claim.lines:
                left[line.shelf] += line.gathered
    allotted: list[Allotment] = []
    for claim in queue:
        key_customer = counts_as_vip(claim, terms, as_of)
        rooms = {line.place: _room(by_key[line.shelf], left[line.shelf], line, key_customer) for line in claim.lines}
        if claim.order_id in stale:
            parts = _begin_again(claim, rooms, lifted=key_customer and not claim.vip)
            returned = {part.line.place: part.line.gathered for part in parts}
        else:
            parts, returned = _serve(claim, rooms, terms, as_of), {}
        for part in parts:
            left[part.line.shelf] -= part.given + returned.get(part.line.place, NOTHING)
        allotted += parts
    return _count_skips(allotted)


def _by_shelf(claims: Iterable[Claim]) -> list[Claim]:
    """An order that takes parts stands in the queue of each shelf by itself, with its own waiting time there."""
    parted = []
    for claim in claims:
        if claim.ship_complete:
            parted.append(claim)
            continue
        parted += [
            replace(claim, lines=tuple(line for line in claim.lines if line.shelf == shelf))
            for shelf in dict.fromkeys(line.shelf for line in claim.lines)
        ]
    return parted


def _gathers_too_long(claim: Claim, left: Mapping[ShelfKey, Decimal], terms: QueueTerms, as_of: datetime) -> bool:
    """Gathered for longer than allowed, and what it still misses is not there either: the goods go back (D8-5)."""
    began = claim.gathering_since
    if began is None or as_of - began < timedelta(days=terms.gathering_days):
        return False
    return not _all_there(claim, left)


def _begin_again(claim: Claim, rooms: Mapping[Place, _Room], *, lifted: bool) -> list[Allotment]:
    """An order whose gathered goods went back is served whole at its turn, or waits with none of them (D8-5)."""
    whole = replace(claim, lines=tuple(replace(line, quantity=line.quantity + line.gathered) for line in claim.lines))
    if not _all_there(whole, {line.shelf: rooms[line.place].open for line in claim.lines}):
        return [
            Allotment(claim.order_id, line, -line.gathered, Rule.GATHERED_TOO_LONG, 0, None) for line in claim.lines
        ]
    parts = []
    for line in claim.lines:
        rule = _rule(claim, line, line.quantity, rooms[line.place], lifted=lifted)
        parts.append(Allotment(claim.order_id, line, line.quantity, rule, 0, None))
    return parts


def _room(shelf: Shelf, left: Decimal, line: ClaimLine, key_customer: bool) -> _Room:
    """What a line may take of what is left (D8-2); goods asked for by the piece are not split."""
    return _Room(left, _open_to(shelf, left, line.quantity, key_customer))


def free_for(shelf: Shelf, quantity: Decimal, *, key_customer: bool) -> Decimal:
    """What a newcomer of this class finds free on a shelf when it asks for `quantity` (D8-2)."""
    return _open_to(shelf, max(NOTHING, shelf.free), quantity, key_customer)


def _open_to(shelf: Shelf, left: Decimal, quantity: Decimal, key_customer: bool) -> Decimal:
    if key_customer:
        return left
    room = max(NOTHING, left - shelf.held_back)
    by_piece = quantity == quantity.to_integral_value()
    return room.to_integral_value(ROUND_FLOOR) if by_piece else room.quantize(STEP, ROUND_FLOOR)


def _serve(claim: Claim, rooms: Mapping[Place, _Room], terms: QueueTerms, as_of: datetime) -> list[Allotment]:
    """What one claim gets of the room there is for each of its lines."""
    by_shelf = {line.shelf: rooms[line.place].open for line in claim.lines}
    complete, gathering = _all_there(claim, by_shelf), claim.gathering_since
    if claim.ship_complete and not complete and gathering is None:
        if max(line.skips for line in claim.lines) < terms.most_skips:
            return [Allotment(claim.order_id, line, NOTHING, Rule.WHOLE_ONLY, line.skips, None) for line in claim.lines]
        gathering = as_of
    lifted = counts_as_vip(claim, terms, as_of) and not claim.vip
    parts = []
    for line in claim.lines:
        given = min(line.quantity, by_shelf[line.shelf])
        by_shelf[line.shelf] -= given
        rule = _rule(claim, line, given, rooms[line.place], lifted=lifted)
        if claim.ship_complete and not complete:
            rule = Rule.GATHERING
        parts.append(Allotment(claim.order_id, line, given, rule, line.skips, None if complete else gathering))
    return parts


def _rule(claim: Claim, line: ClaimLine, given: Decimal, room: _Room, *, lifted: bool) -> Rule:
    if given < line.quantity:
        return Rule.HELD_BACK if room.left > given and room.open < room.left else Rule.RAN_OUT
    if claim.displaced:
        return Rule.RETURNED_FIRST
    return Rule.LIFTED if lifted else Rule.IN_TURN


def _all_there(claim: Claim, rooms: Mapping[ShelfKey, Decimal]) -> bool:
    wanted: dict[ShelfKey, Decimal] = {}
    for line in claim.lines:
        wanted[line.shelf] = wanted.get(line.shelf, NOTHING) + line.quantity
    return all(quantity <= rooms[shelf] for shelf, quantity in wanted.items())


def _count_skips(allotted: list[Allotment]) -> list[Allotment]:
    """An order that ships whole was passed over when it stood first on a shelf and somebody behind it was served."""
    passed = set()
    by_shelf: dict[ShelfKey, list[Allotment]] = defaultdict(list)
    for part in allotted:
        by_shelf[part.line.shelf].append(part)
    for on_shelf in by_shelf.values():
        head = next((n for n, part in enumerate(on_shelf) if part.given < part.line.quantity), len(on_shelf))
        if any(part.given > NOTHING for part in on_shelf[head + 1 :]) and on_shelf[head].rule is Rule.WHOLE_ONLY:
            passed.add(on_shelf[head].order_id)
    return [replace(part, skips=part.skips + 1) if part.order_id in passed else part for part in allotted]
