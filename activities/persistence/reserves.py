"""The reserve of one order as a whole: its lifetime, fitting it to a revision, giving all of it back."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlmodel import Session

from activities.persistence import shortages
from activities.persistence.allocations import Cause, Loss, loss_of
from activities.persistence.queueing import serve_queue
from activities.persistence.reassignment_requests import void_requests
from activities.persistence.stock import (
    OPEN,
    drop_quantity,
    enqueue,
    lock_shelves,
    lock_shelves_of,
    order_shelves,
    promise_gathered,
    reservation_lines,
    shrink,
)
from activities.persistence.stock_tables import ReservationLineRow, ReservationRow
from domain.allocation import ShelfKey


def begin_lifetime(reservation: ReservationRow, *, at: datetime) -> None:
    """A reserve starts its lifetime anew, with none of its extensions used."""
    reservation.reserved_at, reservation.extensions, reservation.expires_at = at, 0, None
    reservation.extended_by_proof = reservation.extended_by_part_payment = reservation.extended_by_silence = False


def give_back(session: Session, order_id: UUID, cause: Cause, rule: str, *, at: datetime) -> list[UUID]:
    """Give everything back that an order was promised, in whatever state, serve the queue with it, drop its backorders,
    the choice its customer had about them, and what was asked of it or for it (D7-6, D7-17, D8-4).

    Returns:
        Other orders that were served with the freed goods.
    """
    shortages.void(session, order_id, at=at)
    shelves = lock_shelves_of(session, order_id, *OPEN)
    void_requests(session, order_id, at=at)
    if not shelves:
        return []
    losses = []
    for line in reservation_lines(session, order_id, *OPEN):
        if line.state != "waiting":
            losses.append(loss_of(line, rule))
        drop_quantity(session, shelves, line)
    return serve_queue(session, shelves, cause, order_id, at=at, losses=losses)


def fit_lines(
    session: Session,
    order_id: UUID,
    wanted: Mapping[int, tuple[ShelfKey, Decimal]],
    *,
    at: datetime,
    today: date | None = None,
) -> tuple[list[dict[str, str]], list[UUID]]:
    """Make an order's reserve hold or wait for exactly the wanted quantities, by line number (D6-6).

    A backorder goes before what is reserved; what is added joins the queue and is served in its turn.

    Returns:
        What changed, for the journal; the orders that got something, this one among them if it did.
    """
    there = order_shelves(session, order_id, "waiting", "reserved")
    shelves = lock_shelves(session, there | {shelf for shelf, _ in wanted.values()})
    held: dict[tuple[int, ShelfKey], list[ReservationLineRow]] = defaultdict(list)
    lines = reservation_lines(session, order_id, "waiting", "reserved")
    gathered = any(line.gathered for line in lines)
    for line in lines:
        held[line.line_no, (line.warehouse, line.sku)].append(line)
    targets = {(number, shelf): quantity for number, (shelf, quantity) in wanted.items()}
    changed, losses, more = [], [], {}
    for number, shelf in sorted({*held, *targets}):
        mine, quantity = held.get((number, shelf), []), targets.get((number, shelf), Decimal(0))
        present = sum((line.quantity for line in mine), Decimal(0))
        if quantity == present:
            continue
        if quantity < present:
            freed = shrink(session, shelves, mine, present - quantity)
            if freed:
                losses.append(Loss(order_id, number, shelf, freed, "D6-6"))
        else:
            more[number] = (shelf, quantity - present)
        changed.append({"sku": shelf[1], "from": str(present), "to": str(quantity)})
    enqueue(session, order_id, more, at=at)
    if gathered:
        promise_gathered(session, order_id)
    return changed, serve_queue(session, shelves, Cause.REVISION, order_id, at=at, losses=losses, today=today)
