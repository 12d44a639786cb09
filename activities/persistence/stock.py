"""Stock rows and the reserves on them: on hand = free + reserved + picking, after every commit (D3-9).

Rows are always locked in the order (warehouse, sku), all at once, after the order row (D3-6). Whoever holds a stock row
may move the reservation lines on it, also those of other orders.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import ARRAY, String, cast, func, text, tuple_
from sqlmodel import Session, col, select

from activities.persistence.order_tables import OrderRow
from activities.persistence.stock_tables import ReservationLineRow, ReservationRow, StockRow
from domain.allocation import ShelfKey

Shelves: TypeAlias = dict[ShelfKey, StockRow]
"""Locked stock rows by warehouse and SKU."""
LineKey: TypeAlias = tuple[UUID, int, str, str]
"""Order, number of the line, warehouse and state."""
OPEN = ("waiting", "reserved", "picking")
"""States of goods that an order still holds or waits for."""

_SAVEPOINT = text("SAVEPOINT shelves")
_GIVE_BACK = text("ROLLBACK TO SAVEPOINT shelves")
_MISSING_ROWS = text("""
    INSERT INTO stock (warehouse, sku, on_hand, reserved, picking)
    SELECT warehouse, sku, 0, 0, 0
      FROM unnest(CAST(:warehouses AS text[]), CAST(:skus AS text[])) AS wanted (warehouse, sku) ORDER BY warehouse, sku
    ON CONFLICT DO NOTHING
""")
_NEIGHBOURS = text("""
    SELECT DISTINCT line.warehouse, line.sku
      FROM reservation_line line JOIN sales_order o ON o.id = line.order_id
     WHERE o.ship_complete AND line.state IN ('waiting', 'reserved') AND line.order_id IN (
               SELECT order_id FROM reservation_line
                 JOIN unnest(CAST(:warehouses AS text[]), CAST(:skus AS text[])) AS wanted (warehouse, sku)
                      USING (warehouse, sku)
                WHERE state = 'waiting' OR (:held AND state = 'reserved'))
""")
_STILL_WANTED = text("""
    SELECT line.line_no, line.warehouse, line.sku, line.quantity - coalesce(done.quantity, 0) AS quantity
      FROM order_line line
      LEFT JOIN (SELECT line_no, sum(quantity) AS quantity FROM (
                     SELECT line_no, quantity FROM shipment_line JOIN shipment ON shipment.id = shipment_id
                      WHERE order_id = :order
                     UNION ALL
                     SELECT line_no, quantity FROM reservation_line WHERE order_id = :order AND state = 'closed') part
                  GROUP BY line_no) done USING (line_no)
     WHERE line.order_id = :order AND line.revision = :revision AND line.quantity > coalesce(done.quantity, 0)
     ORDER BY line.line_no
""")
_ENQUEUE = text("""
    INSERT INTO reservation_line (order_id, line_no, warehouse, state, sku, quantity, since, skips, gathered)
    SELECT :order_id, line_no, warehouse, 'waiting', sku, quantity, CAST(:at AS timestamptz), 0, 0
      FROM unnest(CAST(:numbers AS integer[]), CAST(:warehouses AS text[]), CAST(:skus AS text[]),
                  CAST(:quantities AS numeric[])) AS wanted (line_no, warehouse, sku, quantity)
    ON CONFLICT (order_id, line_no, warehouse, state)
    DO UPDATE SET quantity = reservation_line.quantity + excluded.quantity
""")
_MOVE = text("""
    WITH whole AS (
        DELETE FROM reservation_line
         WHERE (order_id, line_no, warehouse, state) = (:order_id, :line_no, :warehouse, :state)
           AND quantity = :quantity
        RETURNING sku),
    part AS (
        UPDATE reservation_line SET quantity = quantity - :quantity, gathered = greatest(gathered - :quantity, 0)
         WHERE (order_id, line_no, warehouse, state) = (:order_id, :line_no, :warehouse, :state)
           AND quantity > :quantity
        RETURNING sku)
    INSERT INTO reservation_line AS there
           (order_id, line_no, warehouse, state, sku, quantity, since, displaced_at, served_at, skips, gathered)
    SELECT :order_id, :line_no, :warehouse, :to, sku, :quantity, CAST(:since AS timestamptz),
           CAST(:displaced_at AS timestamptz), CAST(:served_at AS timestamptz), 0, 0
      FROM (SELECT sku FROM whole UNION ALL SELECT sku FROM part) taken
    ON CONFLICT (order_id, line_no, warehouse, state) DO UPDATE
       SET quantity = there.quantity + excluded.quantity,
           displaced_at = coalesce(excluded.displaced_at, there.displaced_at),
           served_at = coalesce(excluded.served_at, there.served_at)
    RETURNING quantity
""")


class ReadLine(NamedTuple):
    """A reservation line as a query told of it under the lock of its shelf."""

    order_id: UUID
    line_no: int
    warehouse: str
    sku: str
    state: str
    quantity: Decimal
    since: datetime | None
    displaced_at: datetime | None


def lock_shelves(session: Session, keys: Iterable[ShelfKey], *, held: bool = False) -> Shelves:
    """Stock rows held until commit; a missing row is made empty first.

    With them come the rows that orders which ship whole need besides (D7-12): they are known for certain only under the
    lock, so where there are any, the rows are given back and all are locked anew, in their order. `held`: those of such
    orders, too, that hold goods on the rows and may lose them.
    """
    wanted = set(keys)
    if not wanted:
        return {}
    _mark(session)
    return _with_joined(session, _lock(session, _pairs(wanted)), wanted, held=held)


def lock_shelves_of(session: Session, order_id: UUID, *states: str, warehouse: str | None = None) -> Shelves:
    """The same for the shelves where an order's lines of some states lie, or wait, in one warehouse or in all: found
    and locked by one statement. The lines are to be read after it: the queue may have changed them meanwhile."""
    places = _places(order_id, states)
    if warehouse is not None:
        places = places.where(ReservationLineRow.warehouse == warehouse)
    _mark(session)
    shelves = _lock(session, places)
    return _with_joined(session, shelves, set(shelves)) if shelves else {}


def _mark(session: Session) -> None:
    """Rows are given back as far as here, and nothing that was written before. The mark ends with the transaction."""
    session.flush()
    session.execute(_SAVEPOINT)


def _with_joined(session: Session, shelves: Shelves, wanted: set[ShelfKey], *, held: bool = False) -> Shelves:
    """Locked rows, or in their place those of them that are missing and all that join them."""
    while True:
        if shelves.keys() != wanted:
            session.execute(_GIVE_BACK)  # what is made empty now is locked in its order, too
            session.execute(_MISSING_ROWS, columns(wanted))
            shelves = _lock(session, _pairs(wanted))
        joined = wanted | _neighbours(session, wanted, held=held)
        if joined == wanted:
            return shelves
        session.execute(_GIVE_BACK)
        wanted = joined
        shelves = _lock(session, _pairs(wanted))


def _lock(session: Session, keys: Any) -> Shelves:
    query = (
        select(StockRow)
        .where(tuple_(col(StockRow.warehouse), col(StockRow.sku)).in_(keys))
        .order_by(col(StockRow.warehouse), col(StockRow.sku))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {(row.warehouse, row.sku): row for row in session.exec(query)}


def read_shelves(session: Session, keys: Iterable[ShelfKey]) -> Shelves:
    """The stock rows that `lock_shelves` would lock, as they are now: nothing holds them, so for questions only."""
    joined = joined_shelves(session, keys)
    query = select(StockRow).where(tuple_(col(StockRow.warehouse), col(StockRow.sku)).in_(_pairs(joined)))
    rows = {(row.warehouse, row.sku): row for row in session.exec(query.execution_options(populate_existing=True))}
    return {key: rows.get(key) or StockRow(warehouse=key[0], sku=key[1], on_hand=Decimal(0)) for key in sorted(joined)}


def joined_shelves(session: Session, keys: Iterable[ShelfKey]) -> set[ShelfKey]:
    """Some shelves, and with them all that orders which ship whole join to them (D7-12)."""
    joined = set(keys)
    while more := _neighbours(session, joined) - joined:
        joined |= more
    return joined


def _neighbours(session: Session, keys: set[ShelfKey], *, held: bool = False) -> set[ShelfKey]:
    rows = session.execute(_NEIGHBOURS, {**columns(keys), "held": held})
    return {(row.warehouse, row.sku) for row in rows}


def _pairs(keys: set[ShelfKey]) -> Any:
    """The keys as a sub-query of two columns, however many there are."""
    warehouses, skus = (cast(column, ARRAY(String)) for column in columns(keys).values())
    return select(func.unnest(warehouses), func.unnest(skus))


def columns(keys: Iterable[ShelfKey]) -> dict[str, list[str]]:
    """Keys of shelves as the two arrays that a query unnests, in the order of the locks."""
    pairs = sorted(keys)
    return {"warehouses": [warehouse for warehouse, _ in pairs], "skus": [sku for _, sku in pairs]}


def free(row: StockRow) -> Decimal:
    """What nobody was promised."""
    return row.on_hand - row.reserved - row.picking


def reservation_lines(session: Session, order_id: UUID, *states: str) -> list[ReservationLineRow]:
    """The reserve of an order, line by line; of some states only, when they are named."""
    query = select(ReservationLineRow).where(ReservationLineRow.order_id == order_id)
    if states:
        query = query.where(col(ReservationLineRow.state).in_(states))
    query = query.order_by(col(ReservationLineRow.line_no), col(ReservationLineRow.warehouse))
    return list(session.exec(query.execution_options(populate_existing=True)))


def reserve_of(session: Session, order_id: UUID) -> tuple[list[ReservationLineRow], ReservationRow | None]:
    """All lines of an order's reserve, and the reserve as a whole, once it was begun."""
    query = (
        select(ReservationRow, ReservationLineRow)
        .select_from(OrderRow)
        .outerjoin(ReservationRow, col(ReservationRow.order_id) == OrderRow.id)
        .outerjoin(ReservationLineRow, col(ReservationLineRow.order_id) == OrderRow.id)
        .where(OrderRow.id == order_id)
        .order_by(col(ReservationLineRow.line_no), col(ReservationLineRow.warehouse))
    )
    rows = session.execute(query.execution_options(populate_existing=True)).all()
    return [line for _, line in rows if line is not None], rows[0][0]


def shelves_of(lines: Iterable[ReservationLineRow]) -> set[ShelfKey]:
    """Where the lines lie, or wait."""
    return {(line.warehouse, line.sku) for line in lines}


def order_shelves(session: Session, order_id: UUID, *states: str) -> set[ShelfKey]:
    """Where an order's lines of some states lie, or wait: what to lock before they are read.

    The lines are not loaded yet, because the queue may change them until their shelves are locked.
    """
    return {(warehouse, sku) for warehouse, sku in session.exec(_places(order_id, states))}


def _places(order_id: UUID, states: Collection[str]) -> Any:
    return select(ReservationLineRow.warehouse, ReservationLineRow.sku).where(
        ReservationLineRow.order_id == order_id, col(ReservationLineRow.state).in_(states)
    )


def move_quantity(
    session: Session,
    shelves: Shelves,
    line: ReservationLineRow | ReadLine,
    to: str,
    quantity: Decimal | None = None,
    *,
    since: datetime | None = None,
    displaced_at: datetime | None = None,
    served_at: datetime | None = None,
) -> None:
    """Move a quantity of a reservation line into another state, with the figures of its stock row: on top of what is
    there in that state, which keeps its place in the queue.

    `since`: from when a line that goes back to the queue waits; `displaced_at`: its goods were given to another then;
    `served_at`: when a backorder is served.
    """
    quantity = line.quantity if quantity is None else quantity
    if quantity <= 0:
        return
    row, whole, source = shelves[line.warehouse, line.sku], quantity == line.quantity, _key(line, line.state)
    key = dict(zip(("order_id", "line_no", "warehouse", "state"), source, strict=True))
    new = {"to": to, "quantity": quantity, "since": since, "displaced_at": displaced_at, "served_at": served_at}
    known = _known(session, source, _key(line, to))
    with session.no_autoflush:  # the figures of all shelves are written together
        session.execute(_MOVE, key | new).one()
    for place, held in known.items():
        (session.expunge if whole and place == source else session.expire)(held)
    _count(row, source[-1], -quantity)
    _count(row, to, quantity)


def _key(line: ReservationLineRow | ReadLine, state: str) -> LineKey:
    return line.order_id, line.line_no, line.warehouse, state


def _known(session: Session, *keys: LineKey) -> dict[LineKey, ReservationLineRow]:
    """Lines that the session holds already, its own changes to them written: a statement is to change them past it,
    and they must be read again. Of one that is gone then not even its key can be read."""
    held = {key: session.identity_map.get(session.identity_key(ReservationLineRow, key)) for key in keys}
    found = {key: row for key, row in held.items() if row is not None}
    if any(map(session.is_modified, found.values())):
        session.flush()
    return found


def drop_quantity(
    session: Session, shelves: Shelves, line: ReservationLineRow, quantity: Decimal | None = None
) -> None:
    """Take a quantity off a reservation line, or all of it: nobody holds it or waits for it any more."""
    quantity = line.quantity if quantity is None else quantity
    _count(shelves[line.warehouse, line.sku], line.state, -quantity)
    if quantity == line.quantity:
        session.delete(line)
    else:
        line.quantity -= quantity
        line.gathered = max(Decimal(0), line.gathered - quantity)


def serve_line(
    session: Session, shelves: Shelves, line: ReservationLineRow | ReadLine, quantity: Decimal, *, at: datetime
) -> None:
    """Set a quantity aside for a waiting line. One that really waited, or whose goods were given to another, lives anew
    from then on (D7-13, D8-4); what was there at once belongs to the lifetime that its order has."""
    waited = line.displaced_at is not None or (line.since is not None and line.since < at)
    served_at = max(at, line.displaced_at or at) if waited else None
    move_quantity(session, shelves, line, "reserved", quantity, served_at=served_at)


def _count(row: StockRow, state: str, quantity: Decimal) -> None:
    if state == "reserved":
        row.reserved += quantity
    elif state == "picking":
        row.picking += quantity


def still_wanted(session: Session, order: OrderRow) -> dict[int, tuple[ShelfKey, Decimal]]:
    """What of an order has neither left nor been closed short (D7-14), by line number: from which shelf, and how
    much."""
    rows = session.execute(_STILL_WANTED, {"order": order.id, "revision": order.revision})
    return {row.line_no: ((row.warehouse, row.sku), row.quantity) for row in rows}


def enqueue(session: Session, order_id: UUID, wanted: Mapping[int, tuple[ShelfKey, Decimal]], *, at: datetime) -> None:
    """Put quantities of an order into the queue, by line number, on top of what waits there already, which keeps its
    place (D7-12)."""
    if not wanted:
        return
    known = _known(session, *((order_id, number, shelf[0], "waiting") for number, (shelf, _) in wanted.items()))
    lines = {"numbers": list(wanted), "quantities": [quantity for _, quantity in wanted.values()],
             "warehouses": [warehouse for (warehouse, _), _ in wanted.values()],
             "skus": [sku for (_, sku), _ in wanted.values()]}  # fmt: skip
    session.execute(_ENQUEUE, {"order_id": order_id, "at": at, **lines})
    for held in known.values():
        session.expire(held)


def shrink(session: Session, shelves: Shelves, lines: Iterable[ReservationLineRow], surplus: Decimal) -> Decimal:
    """Take a quantity off a line, what waits before what is reserved (D6-6); how much of it was reserved."""
    by_state = {line.state: line for line in lines}
    freed = Decimal(0)
    for state in ("waiting", "reserved"):
        line = by_state.get(state)
        if line is None or surplus <= 0:
            continue
        part = min(surplus, line.quantity)
        if state == "reserved":
            freed += part
        drop_quantity(session, shelves, line, part)
        surplus -= part
    return freed


def gather(session: Session, order_id: UUID, *, at: datetime) -> None:
    """Goods are gathered for an order that ships whole from now on (D8-5); with nothing left to wait for, they are its
    own."""
    waiting = reservation_lines(session, order_id, "waiting")
    for line in waiting:
        line.gathering_since = line.gathering_since or at
    if not waiting:
        promise_gathered(session, order_id)


def gather_what_is_left(session: Session, order_id: UUID, *, at: datetime) -> None:
    """An order that ships whole lost a part of its goods: the rest is held for it no longer than what is gathered is
    (D7-12, D8-5)."""
    for line in reservation_lines(session, order_id, "reserved"):
        line.gathered = line.quantity
    gather(session, order_id, at=at)


def promise_gathered(session: Session, order_id: UUID) -> None:
    """Nothing is awaited any more: what was gathered is a promise like any other (D8-3)."""
    held = reservation_lines(session, order_id, "waiting", "reserved")
    if any(line.state == "waiting" for line in held):
        return
    for line in held:
        line.gathered = Decimal(0)
