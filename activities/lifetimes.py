"""The lifetime of a reserve: it is prolonged, or it ends and its goods go to the queue (D7-6…D7-11)."""

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import orders
from activities.persistence.allocations import Cause
from activities.persistence.context import context_of
from activities.persistence.events import record_event
from activities.persistence.reserves import give_back
from activities.persistence.standing import settle_reserved
from activities.persistence.steps import run_once
from activities.persistence.stock_tables import ReservationRow
from activities.persistence.tasks import cancel_tasks
from domain import waits
from domain.errors import ExtensionUsedError, WrongStateError
from domain.orders import SYSTEM, ExtendRequest, OrderState, OrderStatus, OrderStep, Role, StepResult, WaitReason
from domain.reservation_terms import expiry

_RELEASABLE = {OrderStatus.AWAITING_PAYMENT, OrderStatus.PART_RESERVED, OrderStatus.READY}


class LifetimeActivities:
    """Each locks the order, then its stock rows (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def release_order(self, step: OrderStep) -> StepResult:
        """Release a reserve that ran out unpaid; goods go to the queue in the same transaction (D7-6).

        A payment that came first stands: then nothing is released and the order moves on (D7-7).
        """
        key = f"order:{step.order_id}:release:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _release(session, step), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def extend_reservation(self, request: ExtendRequest) -> StepResult:
        """Give the reserve another lifetime: the manager once, the head further (D7-10)."""
        key = f"order:{request.order_id}:extend:{request.round}"
        return run_once(self._engine, key, StepResult, lambda session: _extend(session, request), as_of=request.as_of)


def _release(session: Session, step: OrderStep) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    context = context_of(session, order)
    reservation = session.get(ReservationRow, order.id)
    current = orders.state_of(order)
    if reservation is None or reservation.status != "active" or order.status not in _RELEASABLE:
        return StepResult(current)
    if current.wait is None or current.wait.until is None or current.wait.until > step.as_of:
        return StepResult(current)
    if current.wait.reason is WaitReason.PAYMENT:
        settled = settle_reserved(session, context, reservation, as_of=step.as_of)
        if settled.wait is None or settled.wait.reason is not WaitReason.PAYMENT:
            return StepResult(settled)
    reservation.status = "released"
    served = give_back(session, order.id, Cause.EXPIRY, "D7-6", at=step.as_of)
    record_event(session, "order", order.id, "reservation_released", SYSTEM, at=step.as_of)
    state = orders.set_state(order, waits.released(step.as_of, context.policy), at=step.as_of)
    return StepResult(state, served=tuple(map(str, served)))


def _extend(session: Session, request: ExtendRequest) -> StepResult:
    order = orders.lock_order(session, request.order_id)
    context = context_of(session, order)
    reservation = session.get(ReservationRow, order.id)
    current = orders.state_of(order)
    actor, at = request.command.actor, request.as_of
    if current.wait is not None and current.wait.reason is WaitReason.LATE_PAYMENT:
        # Re-reserve (D7-9): credit first, then whatever stock there is.
        record_event(session, "order", order.id, "reserve_again", actor, at=at, reason=request.command.reason)
        cancel_tasks(session, at=at, order_id=order.id, kinds=["call_unpaid", "shipment_late"])
        return StepResult(orders.set_state(order, OrderState(OrderStatus.CHECKING), at=at))
    if reservation is None or current.wait is None or current.wait.reason is not WaitReason.PAYMENT:
        raise WrongStateError(status=order.status, command="extend")
    if reservation.extensions and actor.role is Role.MANAGER:
        raise ExtensionUsedError(extensions=reservation.extensions)
    reservation.extensions += 1
    start = reservation.expires_at or at
    state = waits.extended(current, expiry(start, reservation.ttl_days, context.calendar))
    reservation.expires_at = state.wait.until if state.wait else None
    orders.set_state(order, state, at=at)
    record_event(session, "order", order.id, "reservation_extended", actor, at=at, reason=request.command.reason,
                 expires_at=reservation.expires_at.isoformat() if reservation.expires_at else None)  # fmt: skip
    return StepResult(state)
