"""The question that a shortage puts to the customer: what is missing, what there is, what came of it (D7-12).

Rows are written only under the lock of their order. What others may take in the next moment is read without a lock:
the reserve is fitted to the answer in a step of its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from activities.persistence import orders
from activities.persistence.calendars import company_calendar
from activities.persistence.context import OrderContext
from activities.persistence.events import record_event
from activities.persistence.order_tables import OrderRow
from activities.persistence.queueing import load_claims, queue_terms, shelves_seen
from activities.persistence.stock import Shelves, joined_shelves, reservation_lines, shelves_of
from activities.persistence.stock_tables import ProductRow, ReservationLineRow, ShortageRow, StockRow
from activities.persistence.substitutes import substitutes_of
from activities.persistence.tasks import cancel_tasks
from domain.allocation import ShelfKey, allocate, free_for
from domain.orders import SYSTEM, LineQuantity, OpenShortage
from domain.revisions import PICKED
from domain.shortages import Asked, Choice, ShortageState
from domain.tasks import TaskKind


def open_row(session: Session, order_id: UUID) -> ShortageRow | None:
    """The question that waits for its answer, as of now."""
    query = select(ShortageRow).where(ShortageRow.order_id == order_id, ShortageRow.state == ShortageState.OPEN)
    return session.exec(query.execution_options(populate_existing=True)).first()


def open_shortage(session: Session, order_id: UUID) -> OpenShortage | None:
    """The same as the order's process watches it."""
    row = open_row(session, order_id)
    return None if row is None else OpenShortage(row.round, row.until)


def newest(session: Session, order_id: UUID) -> ShortageRow | None:
    """The last question about an order, however it ended."""
    query = select(ShortageRow).where(ShortageRow.order_id == order_id).order_by(col(ShortageRow.round).desc())
    return session.exec(query.execution_options(populate_existing=True)).first()


def as_asked(row: ShortageRow) -> Asked:
    """A question as the rules look at it."""
    missing = {line["sku"]: Decimal(line["missing"]) for line in row.lines}
    return Asked(ShortageState(row.state), Choice(row.choice) if row.choice else None, missing)


def void(session: Session, order_id: UUID, *, at: datetime) -> None:
    """Nothing is to be chosen any more: the goods are there, or the order went another way."""
    row = open_row(session, order_id)
    if row is None:
        return
    row.state = ShortageState.VOID
    cancel_tasks(session, at=at, order_id=order_id, kinds=[TaskKind.SHORTAGE_CHOICE])
    record_event(session, "order", order_id, "shortage_void", SYSTEM, at=at)
    session.flush()


def quantities(session: Session, order: OrderRow) -> list[LineQuantity]:
    """What the order is for, line by line."""
    return [LineQuantity(line.sku, line.quantity) for line in orders.lines_of(session, order)]


def warehouses(session: Session, order: OrderRow) -> dict[str, str]:
    """Where each product of an order comes from."""
    return {line.sku: line.warehouse for line in orders.lines_of(session, order)}


def missing(session: Session, order_id: UUID) -> dict[str, Decimal]:
    """What an order waits for, by SKU."""
    return _by_sku(reservation_lines(session, order_id, "waiting"))


def short_and_held(session: Session, order_id: UUID) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """What an order waits for and what is set aside for it, by SKU."""
    lines = reservation_lines(session, order_id, "waiting", "reserved")
    waiting, reserved = ([line for line in lines if line.state == state] for state in ("waiting", "reserved"))
    return _by_sku(waiting), _by_sku(reserved)


def may_change(session: Session, order: OrderRow) -> bool:
    """Whether a choice may change the order: not once goods of it are picked or have left (D6-7)."""
    return order.status not in PICKED and not orders.shipped_by_line(session, order.id)


def part_there(session: Session, order: OrderRow, *, at: datetime) -> dict[str, Decimal]:
    """What an order could take now, by SKU: what is set aside; one that ships whole has nothing set aside, so besides
    what the queue would give it if it took a part (D7-12)."""
    there = _by_sku(reservation_lines(session, order.id, "reserved"))
    if order.ship_complete:
        for sku, quantity in _if_in_parts(session, order.id, at=at).items():
            there[sku] = there.get(sku, Decimal(0)) + quantity
    return there


def _if_in_parts(session: Session, order_id: UUID, *, at: datetime) -> dict[str, Decimal]:
    waiting = reservation_lines(session, order_id, "waiting")
    keys = joined_shelves(session, shelves_of(waiting))
    claims = [
        replace(claim, ship_complete=False, lines=tuple(
            replace(line, gathering_since=None, gathered=Decimal(0)) for line in claim.lines if line.quantity > 0
        )) if claim.order_id == str(order_id) else claim
        for claim in load_claims(session, keys)
    ]  # fmt: skip
    _, policy, shelves = shelves_seen(session, _look_at(session, keys), company_calendar(session).day_of(at))
    given: dict[str, Decimal] = defaultdict(Decimal)
    for part in allocate(shelves, claims, queue_terms(policy), at):
        if part.order_id == str(order_id):
            given[part.line.sku] += part.given
    return given


def _by_sku(lines: Iterable[ReservationLineRow]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line.sku] += line.quantity
    return dict(sums)


def _look_at(session: Session, keys: Iterable[ShelfKey]) -> Shelves:
    """Stock rows as they are now, unlocked; a missing row is an empty one."""
    wanted = sorted(keys)
    query = select(StockRow).where(tuple_(col(StockRow.warehouse), col(StockRow.sku)).in_(wanted))
    found = {(row.warehouse, row.sku): row for row in session.exec(query)}
    return {key: found.get(key) or StockRow(warehouse=key[0], sku=key[1], on_hand=Decimal(0)) for key in wanted}


def short_lines(
    session: Session, context: OrderContext, short: Mapping[str, Decimal], held: Mapping[str, Decimal], *, at: datetime
) -> list[dict[str, Any]]:
    """The lines that are `short`, JSON-ready: how much is missing and set aside, and what could be taken instead."""
    order = context.order
    instead = _alternatives(session, context, short, at=at)
    return [
        {
            "sku": line.sku,
            "name": line.name,
            "unit": line.unit,
            "missing": str(short[line.sku]),
            "reserved": str(held.get(line.sku, Decimal(0))),
            "alternatives": instead.get(line.sku, []),
        }
        for line in orders.lines_of(session, order)
        if line.sku in short
    ]


def _alternatives(
    session: Session, context: OrderContext, short: Mapping[str, Decimal], *, at: datetime
) -> dict[str, list[dict[str, str]]]:
    """Substitutes that the price list has in the order's currency, with what is free of them for this customer where
    they would come from: the warehouse of the short line, unless the order has them from another (D8-2)."""
    order, kept = context.order, substitutes_of(session, list(short))
    skus = sorted({sku for each in kept.values() for sku in each})
    if not skus:
        return {}
    rows = session.exec(select(ProductRow).where(col(ProductRow.sku).in_(skus)))
    products = {row.sku: row for row in rows if row.currency in {None, order.currency}}
    places = warehouses(session, order)

    def shelf_for(sku: str, substitute: str) -> ShelfKey:
        return places.get(substitute, places[sku]), substitute

    keys = {shelf_for(sku, each) for sku, instead in kept.items() for each in instead if each in products}
    today = company_calendar(session).day_of(at)
    seen = shelves_seen(session, _look_at(session, keys), today)[2] if keys else []
    shelves = {shelf.key: shelf for shelf in seen}
    key_customer = context.customer.segment == "vip"
    return {
        sku: [
            {
                "sku": each,
                "name": products[each].name,
                "unit": products[each].unit,
                "price": str(products[each].price),
                "free": str(free_for(shelves[shelf_for(sku, each)], short[sku], key_customer=key_customer)),
            }
            for each in kept[sku]
            if each in products
        ]
        for sku in kept
    }
