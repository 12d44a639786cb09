"""Stock rows and the reserves on them: on hand = free + reserved + picking, after every commit (D3-9).

Rows are always locked in the order (warehouse, sku), after the order row (D3-6).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from activities.persistence.tables import ProductRow, ReservationLineRow, StockMovementRow, StockRow
from domain.allocation import Waiting, serve
from domain.errors import ProductNotFoundError
from domain.orders import LineQuantity

_MISSING_ROWS = text("""
    INSERT INTO stock (warehouse, sku, on_hand, reserved, picking)
    SELECT :warehouse, sku, 0, 0, 0 FROM unnest(CAST(:skus AS text[])) AS wanted (sku) ORDER BY sku
    ON CONFLICT DO NOTHING
""")


def lock_stock(session: Session, warehouse: str, skus: Iterable[str]) -> dict[str, StockRow]:
    """Stock rows of the products at one warehouse, held until commit; a missing row is made empty first."""
    wanted = sorted(set(skus))
    session.execute(_MISSING_ROWS, {"warehouse": warehouse, "skus": wanted})
    query = (
        select(StockRow)
        .where(StockRow.warehouse == warehouse, col(StockRow.sku).in_(wanted))
        .order_by(col(StockRow.sku))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.sku: row for row in session.exec(query)}


def free(row: StockRow) -> Decimal:
    """What nobody was promised."""
    return row.on_hand - row.reserved - row.picking


def reservation_lines(session: Session, order_id: UUID, state: str | None = None) -> list[ReservationLineRow]:
    """The reserve of an order, line by line."""
    query = select(ReservationLineRow).where(ReservationLineRow.order_id == order_id)
    if state is not None:
        query = query.where(ReservationLineRow.state == state)
    query = query.order_by(col(ReservationLineRow.line_no)).execution_options(populate_existing=True)
    return list(session.exec(query))


def move_quantity(session: Session, line: ReservationLineRow, to: str | None, quantity: Decimal | None = None) -> None:
    """Move a quantity of a reservation line into another state; `to` None drops it. Stock rows are the caller's."""
    quantity = line.quantity if quantity is None else quantity
    if quantity <= 0:
        return
    if quantity == line.quantity:
        session.delete(line)
    else:
        line.quantity -= quantity
    session.flush()
    if to is None:
        return
    key = (line.order_id, line.line_no, line.warehouse, to)
    target = session.get(ReservationLineRow, key)
    if target is not None:
        target.quantity += quantity
        return
    session.add(
        ReservationLineRow(
            order_id=line.order_id,
            line_no=line.line_no,
            warehouse=line.warehouse,
            state=to,
            sku=line.sku,
            quantity=quantity,
        )
    )


def fit_lines(
    session: Session,
    order_id: UUID,
    warehouse: str,
    rows: dict[str, StockRow],
    wanted: Mapping[int, tuple[str, Decimal]],
    *,
    ship_complete: bool,
) -> list[dict[str, str]]:
    """Make an order's reserve hold or wait for exactly the wanted quantities, by line number; stock rows are locked.

    A backorder goes before what is reserved; what is added is reserved from free stock, the rest waits. An order that
    ships whole gives nothing partly: what is added waits unless it is all there. Returns what changed.
    """
    held: dict[int, dict[str, ReservationLineRow]] = defaultdict(dict)
    for line in reservation_lines(session, order_id):
        if line.state in {"waiting", "reserved"}:
            held[line.line_no][line.state] = line
    changed = []
    for number in sorted({*held, *wanted}):
        mine = held.get(number, {})
        sku, quantity = wanted.get(number) or (next(iter(mine.values())).sku, Decimal(0))
        present = sum((line.quantity for line in mine.values()), Decimal(0))
        if quantity < present:
            _shrink(session, rows[sku], mine, present - quantity)
        elif quantity > present:
            _grow(session, (order_id, number, warehouse), rows[sku], quantity - present, whole=ship_complete)
        if quantity != present:
            changed.append({"sku": sku, "from": str(present), "to": str(quantity)})
    return changed


def _shrink(session: Session, row: StockRow, mine: dict[str, ReservationLineRow], surplus: Decimal) -> None:
    for state in ("waiting", "reserved"):
        line = mine.get(state)
        if line is None or surplus <= 0:
            continue
        part = min(surplus, line.quantity)
        if state == "reserved":
            row.reserved -= part
        move_quantity(session, line, None, part)
        surplus -= part


def _grow(session: Session, key: tuple[UUID, int, str], row: StockRow, more: Decimal, *, whole: bool) -> None:
    there = max(Decimal(0), free(row))
    reserved = (more if there >= more else Decimal(0)) if whole else min(more, there)
    row.reserved += reserved
    for state, quantity in (("reserved", reserved), ("waiting", more - reserved)):
        if quantity <= 0:
            continue
        line = session.get(ReservationLineRow, (*key, state))
        if line is None:
            order_id, number, warehouse = key
            session.add(
                ReservationLineRow(
                    order_id=order_id, line_no=number, warehouse=warehouse, state=state, sku=row.sku, quantity=quantity
                )
            )
        else:
            line.quantity += quantity


_QUEUE = text("""
    SELECT line.order_id, line.line_no, line.quantity, customer.segment = 'vip' AS vip, o.confirmed_at, o.ship_complete
      FROM reservation_line line
      JOIN sales_order o ON o.id = line.order_id JOIN customer ON customer.id = o.customer_id
     WHERE line.warehouse = :warehouse AND line.sku = :sku AND line.state = 'waiting'
""")


def serve_queue(session: Session, warehouse: str, stock: dict[str, StockRow]) -> list[UUID]:
    """Hand the free quantity of locked stock rows to the waiting lines, in the transaction that freed it (D7-6, D8-1).

    Returns:
        Orders that got something; their workflows are to be told.
    """
    touched: dict[UUID, None] = {}
    for sku in sorted(stock):
        row = stock[sku]
        available = free(row)
        if available <= 0:
            continue
        rows = session.execute(_QUEUE, {"warehouse": warehouse, "sku": sku})
        queue = [Waiting(str(r.order_id), r.line_no, r.quantity, r.vip, r.confirmed_at, r.ship_complete) for r in rows]
        for waiting, quantity in serve(queue, available):
            line = session.get_one(ReservationLineRow, (UUID(waiting.order_id), waiting.line_no, warehouse, "waiting"))
            row.reserved += quantity
            move_quantity(session, line, "reserved", quantity)
            touched[line.order_id] = None
    return list(touched)


def receive(
    session: Session, warehouse: str, lines: list[LineQuantity], *, key: str, as_of: datetime, kind: str = "receipt"
) -> list[UUID]:
    """Add goods on hand, once per `key`, and serve the queue with them in the same transaction.

    Returns:
        Orders that got something from the queue.

    Raises:
        ProductNotFoundError: a SKU is not in the catalogue.
    """
    quantities: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        quantities[line.sku] += line.quantity
    known = set(session.exec(select(ProductRow.sku).where(col(ProductRow.sku).in_(quantities))))
    for sku in quantities:
        if sku not in known:
            raise ProductNotFoundError(sku=sku)
    stock = lock_stock(session, warehouse, quantities)
    for sku, quantity in quantities.items():
        movement = (
            insert(StockMovementRow)
            .values(
                key=f"{key}:{warehouse}:{sku}", warehouse=warehouse, sku=sku, kind=kind, quantity=quantity, at=as_of
            )
            .on_conflict_do_nothing()
            .returning(col(StockMovementRow.id))
        )
        if session.execute(movement).first() is not None:
            stock[sku].on_hand += quantity
    session.flush()
    return serve_queue(session, warehouse, stock)


def release_lines(session: Session, order_id: UUID, warehouse: str) -> list[UUID]:
    """Give an order's promised goods back, serve the queue with them, drop its backorders (D7-6, D7-17).

    Returns:
        Other orders that were served with the freed goods.
    """
    skus = [line.sku for line in reservation_lines(session, order_id) if line.state != "shipped"]
    if not skus:
        return []
    stock = lock_stock(session, warehouse, skus)
    # Read again: the queue may have served this order until its stock rows were ours.
    for line in reservation_lines(session, order_id):
        if line.state == "shipped":
            continue
        if line.state == "reserved":
            stock[line.sku].reserved -= line.quantity
        elif line.state == "picking":
            stock[line.sku].picking -= line.quantity
        move_quantity(session, line, None)
    session.flush()
    return serve_queue(session, warehouse, stock)
