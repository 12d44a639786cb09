"""The lifetime of a reserve: it is prolonged, or it ends and its goods go to the queue (D7-6…D7-11)."""

from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import credit, orders
from activities.persistence.allocations import Cause
from activities.persistence.context import OrderContext, assign, context_of, notify_manager, notify_role
from activities.persistence.events import record_event
from activities.persistence.proofs import find_proof
from activities.persistence.reserve_lifetime import ends_of, prolong
from activities.persistence.reserves import give_back
from activities.persistence.standing import settle_reserved, tell_move
from activities.persistence.steps import run_once
from activities.persistence.stock_tables import ReservationRow
from activities.persistence.tasks import cancel_tasks, was_opened
from domain import waits
from domain.errors import ExtensionUsedError, WrongStateError
from domain.orders import SYSTEM, ExtendRequest, OrderState, OrderStatus, OrderStep, Role, StepResult, WaitReason
from domain.reservation_terms import after_proof, after_silence, expiry
from domain.reserve_life import KeepRequest, PaymentNews, ProofRequest, extension_days
from domain.stock_errors import ProofNotFoundError
from domain.tasks import TaskKind

_AFTER_RELEASE = (TaskKind.CALL_UNPAID, TaskKind.SHIPMENT_LATE, TaskKind.LATE_PRICE, TaskKind.PART_PAYMENT)
"""Work about a released reserve, done when it is asked for again."""
_RELEASABLE = {OrderStatus.AWAITING_PAYMENT, OrderStatus.PART_RESERVED, OrderStatus.READY}


class LifetimeActivities:
    """Each locks the order; a release also its stock rows (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def release_order(self, step: OrderStep) -> StepResult:
        """Release a reserve that ran out unpaid; goods go to the queue in the same transaction (D7-6).

        A payment that came first stands, and so do goods that came for a part-reserved order: then nothing is released
        and the order moves on (D7-7).
        """
        key = f"order:{step.order_id}:release:{step.round}"
        return run_once(self._engine, key, StepResult, lambda session: _release(session, step), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def keep_reserve(self, request: KeepRequest) -> StepResult:
        """Nobody can tell whether the order is paid: keep its reserve as long as the policy says, 24 hours by
        default, once per lifetime (D7-6).

        The state is as it was when the reserve has had its day already, or is not about to end.
        """
        key = f"order:{request.order_id}:keep:{request.round}"
        return run_once(self._engine, key, StepResult, lambda s: _keep(s, request, key), as_of=request.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def accept_proof(self, request: ProofRequest) -> StepResult:
        """The customer sent a copy of the payment order: the accountant looks for the money, and the reserve lives
        longer by the policy, 2 working days by default, once per lifetime; the same file again changes nothing (D7-10).

        Raises:
            ProofNotFoundError: no such file is stored.
        """
        key = f"order:{request.order_id}:accept-proof:{request.round}"
        return run_once(self._engine, key, StepResult, lambda s: _accept_proof(s, request), as_of=request.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def extend_reservation(self, request: ExtendRequest) -> StepResult:
        """Give the reserve more time: the manager once and up to a lifetime, the head further; a reserve that was
        released is asked for again (D7-9, D7-10).

        Raises:
            WrongStateError, ExtensionUsedError, ExtensionTooLongError
        """
        key = f"order:{request.order_id}:extend:{request.round}"
        return run_once(self._engine, key, StepResult, lambda session: _extend(session, request), as_of=request.as_of)


def _release(session: Session, step: OrderStep) -> StepResult:
    order = orders.lock_order(session, step.order_id)
    context = context_of(session, order)
    reservation = session.get(ReservationRow, order.id)
    current = orders.state_of(order)
    if reservation is None or reservation.status != "active" or order.status not in _RELEASABLE:
        return StepResult(current)
    if not _is_over(current, step.as_of):
        return StepResult(current)
    unpaid = waits.awaits_payment(current)
    if current.wait is not None and current.wait.reason in {WaitReason.PAYMENT, WaitReason.STOCK}:
        settled = settle_reserved(session, context, reservation, as_of=step.as_of)
        if not _is_over(settled, step.as_of):
            tell_move(session, order, current, at=step.as_of)
            return StepResult(settled)
    reservation.status = "released"
    rule = "D7-6" if unpaid else "D7-5"
    served = give_back(session, order.id, Cause.EXPIRY, rule, at=step.as_of)
    record_event(session, "order", order.id, "reservation_released", SYSTEM, at=step.as_of)
    state = orders.set_state(order, waits.released(step.as_of, context.policy), at=step.as_of)
    return StepResult(state, served=tuple(map(str, served)))


def _is_over(state: OrderState, at: datetime) -> bool:
    ends_at = ends_of(state)
    return ends_at is not None and ends_at <= at


def _is_unpaid(state: OrderState, at: datetime) -> bool:
    return waits.awaits_payment(state) and _is_over(state, at)


def _keep(session: Session, request: KeepRequest, key: str) -> StepResult:
    order = orders.lock_order(session, request.order_id)
    context, at = context_of(session, order), request.as_of
    reservation = session.get(ReservationRow, order.id)
    current = orders.state_of(order)
    if reservation is None or reservation.status != "active" or not _is_unpaid(current, at):
        return StepResult(current)
    settled = settle_reserved(session, context, reservation, as_of=at)
    if reservation.extended_by_silence or not _is_unpaid(settled, at):
        tell_move(session, order, current, at=at)
        return StepResult(settled)
    reservation.extended_by_silence = True
    ends_at = after_silence(at, context.policy.silence_hours)
    state = prolong(session, context, reservation, ends_at, actor=SYSTEM, cause=request.news, at=at)
    return StepResult(state, messages=_tell_kept(session, context, key, request.news, ends_at, at=at))


def _tell_kept(
    session: Session, context: OrderContext, key: str, news: PaymentNews, ends_at: datetime, *, at: datetime
) -> tuple[str, ...]:
    messages = [notify_manager(session, context, key, f"reservation_kept_{news}", at=at, until=ends_at)]
    if news is PaymentNews.QUEUED:
        messages += notify_role(session, context, Role.ACCOUNTANT, key, "payment_awaited", at=at, until=ends_at)
    return tuple(messages)


def _accept_proof(session: Session, request: ProofRequest) -> StepResult:
    order = orders.lock_order(session, request.order_id)
    context, at, actor = context_of(session, order), request.as_of, request.command.actor
    proof = find_proof(session, order.id, request.command.sha256)
    if proof is None:
        raise ProofNotFoundError
    key, state = f"order:{order.id}:proof:{proof.sha256}", orders.state_of(order)
    if was_opened(session, key):
        return StepResult(state)
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, TaskKind.FIND_PAYMENT, key, Role.ACCOUNTANT, due_at=due_at, at=at,
           details={"proof_id": str(proof.id)})  # fmt: skip
    record_event(session, "order", order.id, "proof_received", actor, at=at, proof_id=str(proof.id))
    reservation = session.get(ReservationRow, order.id)
    if reservation is None or not waits.awaits_payment(state) or reservation.extended_by_proof:
        return StepResult(state)
    reservation.extended_by_proof = True
    ends_at = after_proof(max(reservation.expires_at or at, at), context.policy.proof_working_days, context.calendar)
    return StepResult(prolong(session, context, reservation, ends_at, actor=actor, cause="proof", at=at))


def _extend(session: Session, request: ExtendRequest) -> StepResult:
    order = orders.lock_order(session, request.order_id)
    context = context_of(session, order)
    reservation = session.get(ReservationRow, order.id)
    current = orders.state_of(order)
    actor, at = request.command.actor, request.as_of
    if current.wait is not None and current.wait.reason is WaitReason.LATE_PAYMENT and reservation is not None:
        # Re-reserve (D7-9): credit first, then whatever stock there is.
        record_event(session, "order", order.id, "reserve_again", actor, at=at, reason=request.command.reason)
        cancel_tasks(session, at=at, order_id=order.id, kinds=_AFTER_RELEASE)
        reservation.paid_late = credit.received_for_order(session, order.id) > 0
        return StepResult(orders.set_state(order, OrderState(OrderStatus.CHECKING), at=at))
    if reservation is None or ends_of(current) is None:
        raise WrongStateError(status=order.status, command="extend")
    if reservation.extensions and actor.role is Role.MANAGER:
        raise ExtensionUsedError(extensions=reservation.extensions)
    days = extension_days(request.command.days, reservation.ttl_days, actor.role)
    reservation.extensions += 1
    ends_at = expiry(reservation.expires_at or at, days, context.calendar)
    reason = request.command.reason
    return StepResult(
        prolong(session, context, reservation, ends_at, actor=actor, cause="person", at=at, reason=reason)
    )
