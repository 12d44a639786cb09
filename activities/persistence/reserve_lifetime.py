"""Until when a reserve lives, by what its row says, and what moves its end (D7-5, D7-6, D7-10, D7-11)."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from activities.persistence import orders
from activities.persistence.context import OrderContext, assign
from activities.persistence.events import record_event
from activities.persistence.stock_tables import ReservationRow
from domain import waits
from domain.orders import SYSTEM, Actor, OnExpiry, OrderState, Role, WaitReason
from domain.reservation_terms import expiry, reservation_terms
from domain.tasks import TaskKind


def ends_of(state: OrderState) -> datetime | None:
    """When goods are given back by themselves; None where a wait only has somebody who asks (D7-13)."""
    wait = state.wait
    return wait.until if wait is not None and wait.on_expiry is OnExpiry.RELEASE else None


def payment_wait(context: OrderContext, reservation: ReservationRow, *, partly: bool) -> OrderState:
    """The wait of a reserve that must be paid, with everything that prolonged it (D7-2…D7-4)."""
    state = waits.awaiting_payment(reservation.reserved_at, reservation.ttl_days, context.calendar, partly=partly)
    if reservation.expires_at is not None:
        state = waits.extended(state, reservation.expires_at)
    return waits.unreminded(state) if reservation.extended_by_proof else state


def prolong_once_for_part(
    session: Session, context: OrderContext, reservation: ReservationRow, received: Decimal, *, at: datetime
) -> None:
    """Money came, but less than must be in before shipment: some days more, once per lifetime, and somebody asks for
    the rest (D7-11)."""
    if received <= 0 or reservation.extended_by_part_payment:
        return
    calendar, order = context.calendar, context.order
    ends_at = (
        reservation.expires_at or reservation_terms(reservation.reserved_at, reservation.ttl_days, calendar).expires_at
    )
    reservation.extended_by_part_payment = True
    reservation.expires_at = expiry(max(ends_at, at), context.policy.part_payment_days, calendar)
    key = f"order:{order.id}:part-payment:{reservation.reserved_at.isoformat()}"
    due_at = calendar.after_working_days(at, 1)
    assign(session, context, TaskKind.PART_PAYMENT, key, Role.MANAGER, due_at=due_at, at=at, received=received)
    tell_prolonged(session, reservation, SYSTEM, "part_payment", at=at, received=str(received))


def prolong(
    session: Session,
    context: OrderContext,
    reservation: ReservationRow,
    ends_at: datetime,
    *,
    actor: Actor,
    cause: str,
    at: datetime,
    reason: str | None = None,
) -> OrderState:
    """Move the end of a reserve that waits for money or for the warehouse, and say so in the journal.

    Args:
        cause: who or what prolonged it: `person`, `proof`, `silent`, `queued`.
    """
    reservation.expires_at = ends_at
    state = waits.extended(orders.state_of(context.order), ends_at)
    if reservation.extended_by_proof:
        state = waits.unreminded(state)
    words = {} if reason is None else {"reason": reason}
    tell_prolonged(session, reservation, actor, cause, at=at, **words)
    return orders.set_state(context.order, state, at=at)


def tell_prolonged(
    session: Session, reservation: ReservationRow, actor: Actor, cause: str, *, at: datetime, **facts: Any
) -> None:
    """The journal's word on a later end; `cause` chooses its sentence."""
    ends_at = reservation.expires_at.isoformat() if reservation.expires_at else None
    record_event(session, "order", reservation.order_id, "reservation_extended", actor, at=at, cause=cause,
                 expires_at=ends_at, **facts)  # fmt: skip


def replan_shipment(session: Session, context: OrderContext, *, at: datetime) -> None:
    """Another day of shipment moves the question and the end of a deferral order's reserve (D7-5). What a person
    added to its lifetime is not taken away by it."""
    order = context.order
    reservation = session.get(ReservationRow, order.id)
    current = orders.state_of(order)
    wait = current.wait
    if reservation is None or wait is None or ends_of(current) is None:
        return
    days, policy, calendar = reservation.ttl_days, context.policy, context.calendar
    if wait.reason is WaitReason.PICKING:
        planned = waits.ready(wait.since, days, policy, calendar, paid=False, ship_on=order.ship_on)
    elif wait.reason is WaitReason.STOCK:
        planned = waits.awaiting_rest(wait.since, days, policy, calendar, ship_on=order.ship_on)
    else:
        return
    ends_at, asked_at = ends_of(planned), planned.wait.reminder_at if planned.wait else None
    if ends_at is not None and reservation.extensions and reservation.expires_at is not None:
        ends_at = max(ends_at, reservation.expires_at)
    reservation.expires_at = ends_at
    orders.set_state(order, replace(current, wait=replace(wait, until=ends_at, reminder_at=asked_at)), at=at)
