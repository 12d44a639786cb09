"""Stock steps of an order: reserve, fit, free, put back. Each locks the order, then its stock rows (D3-6)."""

from decimal import Decimal

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import orders, stock
from activities.persistence.allocations import Cause
from activities.persistence.context import OrderContext, context_of, notify_manager
from activities.persistence.events import record_event
from activities.persistence.grants import load_grants, overlay_of
from activities.persistence.picking import put_back
from activities.persistence.queueing import serve_queue
from activities.persistence.reserves import begin_lifetime, fit_lines, give_back
from activities.persistence.shortages import open_shortage
from activities.persistence.standing import settle_reserved
from activities.persistence.steps import run_once
from activities.persistence.stock_tables import ReservationLineRow, ReservationRow
from activities.persistence.tasks import cancel_tasks
from activities.shortage_effects import Question, ask_customer
from domain import waits
from domain.orders import SYSTEM, OrderStatus, OrderStep, StepResult, WaitReason


class StockActivities:
    """Reserves are promises: what is reserved here nobody else can have (D8-3)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def reserve_order(self, step: OrderStep) -> StepResult:
        """Reserve what there is for a confirmed order, queue the rest, tell the manager (D7-1, D7-12)."""
        key = f"order:{step.order_id}:reserve:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _reserve(session, step, key), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def free_order_stock(self, step: OrderStep) -> StepResult:
        """Give back everything an ending order holds, in whatever state it holds it (D6-8, D7-17)."""
        key = f"order:{step.order_id}:free:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _free(session, step), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def fit_reserve(self, step: OrderStep) -> StepResult:
        """Fit the reserve to the revision in force: what is no longer wanted is free at once, what is added is
        reserved or queued (D6-6)."""
        key = f"order:{step.order_id}:fit:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _fit(session, step), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def unpick_order(self, step: OrderStep) -> StepResult:
        """Put picked goods back into the reserve: the gate did not open for them (D12-2)."""
        key = f"order:{step.order_id}:unpick:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _unpick(session, step, key), as_of=step.as_of)


def _reserve(session: Session, step: OrderStep, key: str) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    state = orders.state_of(order)
    if state.status is not OrderStatus.CONFIRMED or state.wait is not None:
        return StepResult(state, shortage=open_shortage(session, order.id))
    context, at = context_of(session, order), step.as_of
    wanted = stock.still_wanted(session, order)
    shelves = stock.lock_shelves(session, (shelf for shelf, _ in wanted.values()))
    stock.enqueue(session, order.id, wanted, at=at)
    served = serve_queue(session, shelves, Cause.ORDER, order.id, at=at, today=context.today(at))
    lines, before = stock.reserve_of(session, order.id)
    reservation = _begin(session, context, step, before)
    state = settle_reserved(session, context, reservation, as_of=at, lines=lines)
    session.add(reservation)  # only now, to be written once
    held = [line for line in lines if line.state in {"reserved", "waiting"}]
    states = {line.state for line in held}
    record_event(session, "order", order.id, "reserved", SYSTEM, at=at, lines=_told(held),
                 expires_at=reservation.expires_at.isoformat() if reservation.expires_at else None)  # fmt: skip
    others = tuple(str(other) for other in served if other != order.id)
    # Whoever paid late is asked about their money and the goods at once, in the next step (D7-8).
    short = "waiting" in states and not reservation.paid_late
    asked = ask_customer(session, context, step.round, at=at, anew=True) if short else Question()
    if "reserved" not in states:
        return StepResult(state, messages=asked.messages, served=others, shortage=asked.shortage)
    notice = "order_part_reserved" if "waiting" in states else "order_reserved"
    told = notify_manager(session, context, key, notice, at=at, until=reservation.expires_at)
    return StepResult(state, messages=(told, *asked.messages), served=others, shortage=asked.shortage)


def _begin(
    session: Session, context: OrderContext, step: OrderStep, reservation: ReservationRow | None
) -> ReservationRow:
    """A reserve, first or renewed, starts its lifetime anew, as long as it lasts by the terms of this day; a first one
    is not in the session yet."""
    order = context.order
    overlay = overlay_of(
        load_grants(session, order.credit_account_id), order.customer_id, today=context.today(step.as_of)
    )
    days = context.reservation_days(overlay)
    if reservation is None:
        reservation = ReservationRow(order_id=order.id, status="active", reserved_at=step.as_of, ttl_days=days)
    reservation.ttl_days, reservation.status, reservation.round = days, "active", step.round
    begin_lifetime(reservation, at=step.as_of)
    return reservation


def _told(lines: list[ReservationLineRow]) -> list[dict[str, str]]:
    """What was set aside and what waits, by product, for the journal."""
    sums: dict[str, dict[str, Decimal]] = {}
    for line in lines:
        sums.setdefault(line.sku, {"reserved": Decimal(0), "waiting": Decimal(0)})[line.state] += line.quantity
    return [
        {"sku": sku, "reserved": str(each["reserved"]), "backordered": str(each["waiting"])}
        for sku, each in sums.items()
    ]


def _free(session: Session, step: OrderStep) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    reservation = session.get(ReservationRow, order.id)
    state = orders.state_of(order)
    if reservation is None or reservation.status in {"released", "done"}:
        return StepResult(state)
    reservation.status = "released"
    served = give_back(session, order.id, Cause.ENDED, "D7-17", at=step.as_of)
    record_event(session, "order", order.id, "reservation_released", step.actor, at=step.as_of)
    return StepResult(state, served=tuple(map(str, served)))


def _fit(session: Session, step: OrderStep) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    reservation = session.get(ReservationRow, order.id)
    if reservation is None or reservation.status not in {"active", "paid"}:
        return StepResult(orders.state_of(order))
    context = context_of(session, order)
    wanted = {line.line_no: ((line.warehouse, line.sku), line.quantity) for line in orders.lines_of(session, order)}
    changed, served = fit_lines(session, order.id, wanted, at=step.as_of, today=context.today(step.as_of))
    cancel_tasks(session, at=step.as_of, order_id=order.id, kinds=["picking"])
    state = settle_reserved(session, context, reservation, as_of=step.as_of)
    if state.status is OrderStatus.READY:
        state = orders.set_state(order, waits.anew(state, step.as_of), at=step.as_of)
    record_event(session, "order", order.id, "reserve_fitted", step.actor, at=step.as_of, lines=changed)
    others = tuple(str(other) for other in served if other != order.id)
    asked = ask_customer(session, context, step.round, at=step.as_of)
    return StepResult(state, messages=asked.messages, served=others, shortage=asked.shortage)


def _unpick(session: Session, step: OrderStep, key: str) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    state = orders.state_of(order)
    if state.wait is None or state.wait.reason is not WaitReason.GATE:
        return StepResult(state)
    context, at = context_of(session, order), step.as_of
    cancel_tasks(session, at=at, order_id=order.id, kinds=["gate", "picking"])
    state = put_back(session, context, key, step.actor, at=at)
    message = notify_manager(session, context, key, "unpicked", at=at)
    return StepResult(state, messages=(message,))
