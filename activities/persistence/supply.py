"""What orders wait for and what is expected: the facts of `domain.supply`, read without a lock."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Row, text
from sqlmodel import Session, col, select

from activities.persistence.calendars import company_calendar
from activities.persistence.order_tables import OrderRow
from activities.persistence.orders import customer_of
from activities.persistence.policies import policy_in_force
from activities.persistence.queueing import load_claims, queue_terms
from activities.persistence.stock import columns, joined_shelves
from activities.persistence.stock_tables import ProductRow
from domain.allocation import Claim, ClaimLine, Shelf, ShelfKey
from domain.supply import Arrival, LineKey, Need, Promise, Prospect, days_of, need_of, promises, whole_on

SHOWN = 50
"""So many of the orders that wait for a product are named; all are counted."""

_SHELVES = text("""
    SELECT warehouse, sku, coalesce(stock.on_hand, 0) AS on_hand,
           coalesce(stock.on_hand - stock.reserved - stock.picking, 0) AS free, item_group.hold_back_percent AS share,
           EXISTS (SELECT FROM reservation_line line
                    WHERE line.warehouse = wanted.warehouse AND line.sku = wanted.sku AND line.state = 'waiting')
           AS awaited,
           EXISTS (SELECT FROM expected_receipt_line line JOIN expected_receipt receipt ON receipt.id = line.receipt_id
                    WHERE line.sku = wanted.sku AND line.quantity > line.received
                      AND receipt.warehouse = wanted.warehouse AND receipt.state = 'expected')
           AS expected
      FROM unnest(CAST(:warehouses AS text[]), CAST(:skus AS text[])) AS wanted (warehouse, sku)
      LEFT JOIN stock USING (warehouse, sku)
      LEFT JOIN product USING (sku) LEFT JOIN item_group ON item_group.code = product.item_group
     ORDER BY warehouse, sku
""")
"""What lies on some shelves and the share that each keeps for key customers (D8-2); whether anybody waits there, and
whether anything is on its way."""
_OWED = """
    SELECT receipt.warehouse, line.sku, receipt.expected_on, sum(line.quantity - line.received) AS quantity
      FROM expected_receipt receipt JOIN expected_receipt_line line ON line.receipt_id = receipt.id
     WHERE receipt.state = 'expected' AND line.quantity > line.received AND {condition}
     GROUP BY receipt.warehouse, line.sku, receipt.expected_on ORDER BY receipt.expected_on, 1, 2
"""
_ARRIVALS = text(
    _OWED.format(
        condition="(receipt.warehouse, line.sku) IN "
        "(SELECT * FROM unnest(CAST(:warehouses AS text[]), CAST(:skus AS text[])))"
    )
)
_ARRIVALS_OF = text(_OWED.format(condition="line.sku = :sku"))


def load_prospect(session: Session, keys: Iterable[ShelfKey], *, at: datetime) -> Prospect:
    """Everything known of some shelves, and of those that orders which ship whole join to them (D7-12); a bounded
    number of queries, however many they are. Who waits is asked only where somebody does, and so is what is expected.
    """
    session.flush()
    today = company_calendar(session).day_of(at)
    _, policy = policy_in_force(session, today)
    reached = set(keys)
    seen, claims, arrivals = _look_at(session, reached), list[Claim](), list[Arrival]()
    if any(row.awaited for row in seen):
        joined = joined_shelves(session, reached)
        if joined != reached:
            seen, reached = _look_at(session, joined), joined
        claims = load_claims(session, reached)
    if any(row.expected for row in seen):
        arrivals = [Arrival(*row) for row in session.execute(_ARRIVALS, columns(reached))]
    shelves = [
        Shelf(row.warehouse, row.sku, row.on_hand, row.free,
              policy.hold_back_percent if row.share is None else row.share)
        for row in seen
    ]  # fmt: skip
    return Prospect(shelves, claims, arrivals, queue_terms(policy), at, today)


def _look_at(session: Session, keys: Iterable[ShelfKey]) -> Sequence[Row[Any]]:
    return session.execute(_SHELVES, columns(keys)).all()


def arrivals_of(session: Session, sku: str) -> list[Arrival]:
    """What suppliers still owe of a product, by day and warehouse."""
    rows = session.execute(_ARRIVALS_OF, {"sku": sku})
    return [Arrival(*row) for row in rows]


def promised_days(session: Session, keys: Iterable[ShelfKey], *, at: datetime) -> dict[LineKey, date | None]:
    """The day of each line that waits on some shelves."""
    return days_of(promises(load_prospect(session, keys, at=at)))


def expected_days(
    session: Session, order_id: UUID, shelves: Collection[ShelfKey], *, at: datetime
) -> dict[int, date | None]:
    """By line number, the day on which all is there that an order waits for on these shelves; None when it is not
    known."""
    if not shelves:
        return {}
    days: dict[int, list[date | None]] = defaultdict(list)
    for (order, number, _), day in promised_days(session, shelves, at=at).items():
        if order == str(order_id):
            days[number].append(day)
    return {number: whole_on(some) for number, some in days.items()}


class Wanted(Protocol):
    """A line of a quote."""

    @property
    def line_no(self) -> int: ...
    @property
    def warehouse(self) -> str: ...
    @property
    def sku(self) -> str: ...
    @property
    def quantity(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Availability:
    """What of a quoted line this customer could have now, and on which day the rest."""

    sku: str
    quantity: Decimal
    now: Decimal
    on: date | None


def availability(session: Session, order: OrderRow, wanted: Sequence[Wanted], *, at: datetime) -> list[Availability]:
    """Whether the lines of a quote can be served and from when: as the newest of its class, after the hold-back (D8-1,
    D8-2)."""
    lines = tuple(ClaimLine(each.line_no, each.warehouse, each.sku, each.quantity, at) for each in wanted)
    claim = Claim(str(order.id), customer_of(session, order).segment == "vip", at, False, lines)
    prospect = load_prospect(session, {line.shelf for line in lines}, at=at)
    found = promises(
        Prospect(prospect.shelves, [*prospect.claims, claim], prospect.arrivals, prospect.terms, at, prospect.today)
    )
    return [_available(line, found[claim.order_id, line.line_no, line.warehouse]) for line in lines]


def _available(line: ClaimLine, promise: Promise) -> Availability:
    return Availability(line.sku, line.quantity, promise.now, promise.on)


@dataclass(frozen=True, slots=True)
class WaitingOrder:
    """An order in the queue for a product: how much it wants, by which day, and when it is promised."""

    id: UUID
    number: str
    customer_name: str
    people: frozenset[UUID]
    quantity: Decimal
    wanted_on: date
    expected_on: date | None


@dataclass(frozen=True, slots=True)
class SupplyNeed:
    """A need with the names that a buyer reads; `orders` are the first in the queue, `waiting` counts all."""

    need: Need
    name: str
    unit: str
    wanted_on: date
    waiting: int
    orders: tuple[WaitingOrder, ...]


_NEEDED = text("""
    SELECT DISTINCT warehouse, sku FROM reservation_line
     WHERE state = 'waiting' AND (CAST(:warehouse AS text) IS NULL OR warehouse = :warehouse)
       AND (CAST(:sku AS text) IS NULL OR sku = :sku)
       AND (CAST(:after_warehouse AS text) IS NULL OR (warehouse, sku) > (:after_warehouse, :after_sku))
     ORDER BY warehouse, sku LIMIT :limit
""")
_ORDERS = text("""
    SELECT o.id, o.number, customer.name, o.manager_id, o.created_by, o.ship_on, o.confirmed_at
      FROM sales_order o JOIN customer ON customer.id = o.customer_id WHERE o.id = ANY(:orders)
""")


def needs(
    session: Session,
    *,
    at: datetime,
    limit: int,
    warehouse: str | None = None,
    sku: str | None = None,
    after: ShelfKey | None = None,
) -> list[SupplyNeed]:
    """What orders wait for, by warehouse and SKU; `after` is the last one already seen."""
    start = {"after_warehouse": after[0] if after else None, "after_sku": after[1] if after else None}
    rows = session.execute(_NEEDED, {"warehouse": warehouse, "sku": sku, "limit": limit} | start)
    keys: list[ShelfKey] = [(row.warehouse, row.sku) for row in rows]
    if not keys:
        return []
    prospect = load_prospect(session, keys, at=at)
    shelves = {shelf.key: shelf for shelf in prospect.shelves}
    found = [need for key in keys if (need := need_of(shelves[key], prospect)) is not None]
    skus = [key[1] for key in keys]
    products = {row.sku: row for row in session.exec(select(ProductRow).where(col(ProductRow.sku).in_(skus)))}
    orders, days = _orders(session, found, at=at), _days(prospect)
    return [_named(need, products[need.shelf[1]], orders, days) for need in found]


def _orders(session: Session, found: Iterable[Need], *, at: datetime) -> dict[str, Any]:
    """Rows of the orders that wait, by id, each with the day by which it wants its goods."""
    calendar = company_calendar(session)
    ids = {UUID(order) for need in found for order, _ in need.queue}
    return {
        str(row.id): (row, row.ship_on or calendar.day_of(row.confirmed_at or at))
        for row in session.execute(_ORDERS, {"orders": [*ids]})
    }


def _days(prospect: Prospect) -> dict[tuple[str, ShelfKey], list[date | None]]:
    """The promised days of each order on each shelf."""
    promised = promises(prospect)
    days: dict[tuple[str, ShelfKey], list[date | None]] = defaultdict(list)
    for claim in prospect.claims:
        for line in claim.lines:
            promise = promised[claim.order_id, line.line_no, line.warehouse]
            days[claim.order_id, line.shelf].append(promise.on)
    return days


def _named(
    need: Need, product: ProductRow, orders: dict[str, Any], days: dict[tuple[str, ShelfKey], list[date | None]]
) -> SupplyNeed:
    first = []
    for order, quantity in need.queue[:SHOWN]:
        row, wanted_on = orders[order]
        people = frozenset({row.manager_id, row.created_by})
        day = whole_on(days[order, need.shelf])
        first.append(WaitingOrder(row.id, row.number, row.name, people, quantity, wanted_on, day))
    wanted_on = min(orders[order][1] for order, _ in need.queue)
    return SupplyNeed(need, product.name, product.unit, wanted_on, len(need.queue), tuple(first))
