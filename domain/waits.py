"""What an order waits for in each state, until when, who can end it, what happens then (D6-13, U1)."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from domain.approvals import ladder
from domain.business_calendar import BusinessCalendar
from domain.orders import OnExpiry, OrderState, OrderStatus, Role, Wait, WaitReason
from domain.policy import Policy
from domain.reservation_terms import DeferralTerms, deferral_terms, planned_shipment, reservation_terms

CUSTOMER = "customer"
QUOTE_REMINDER_HOUR = 10


def quoted(now: datetime, policy: Policy, calendar: BusinessCalendar) -> OrderState:
    """A quote holds its prices by the policy, 7 days by default; the manager is reminded one working day before
    (D6-1)."""
    until = now + timedelta(days=policy.quote_days)
    day_before = calendar.previous_working(calendar.day_of(until) - timedelta(days=1))
    reminder = calendar.at(day_before, QUOTE_REMINDER_HOUR)
    return OrderState(
        OrderStatus.QUOTED,
        Wait(
            WaitReason.ACCEPTANCE,
            since=now,
            until=until,
            who=Role.MANAGER,
            on_expiry=OnExpiry.EXPIRE_QUOTE,
            reminder_at=reminder if reminder > now else None,
        ),
    )


def awaiting_approval(
    asked_at: datetime, policy: Policy, calendar: BusinessCalendar, *, now: datetime | None = None, who: str = Role.HEAD
) -> OrderState:
    """The request climbs from rung to rung while nobody answers, and silence rejects it in the end (D4-3).

    `reminder_at` is the next rung from `now` on. `who`: the tier whose decision it is.
    """
    times = ladder(asked_at, policy, calendar)
    return OrderState(
        OrderStatus.AWAITING_APPROVAL,
        Wait(
            WaitReason.APPROVAL,
            since=asked_at,
            until=times.expires_at,
            who=who,
            on_expiry=OnExpiry.REJECT,
            reminder_at=times.next_at(now or asked_at),
        ),
    )


def gate_closed(now: datetime, policy: Policy, calendar: BusinessCalendar) -> OrderState:
    """Picked goods stand before a closed gate while the head decides, by the policy 2 working days by default; then
    they are put back (D12-2)."""
    return OrderState(
        OrderStatus.PICKING,
        Wait(
            WaitReason.GATE,
            since=now,
            until=calendar.after_working_days(now, policy.gate_hold_working_days),
            who=Role.HEAD,
            on_expiry=OnExpiry.UNPICK,
        ),
    )


def stopped(now: datetime, policy: Policy) -> OrderState:
    """STOP is not endless: a reminder on day 7, cancelled on day 14 (D2-15)."""
    return OrderState(
        OrderStatus.STOPPED,
        Wait(
            WaitReason.CREDIT_STOP,
            since=now,
            until=now + timedelta(days=policy.stop_cancel_days),
            who=CUSTOMER,
            on_expiry=OnExpiry.CANCEL,
            reminder_at=now + timedelta(days=policy.stop_reminder_days),
        ),
    )


def awaiting_stock(now: datetime, policy: Policy, calendar: BusinessCalendar, *, partly: bool) -> OrderState:
    """A backorder has no lifetime until it is served (D7-13); every week the manager is asked about it (D6-13)."""
    status = OrderStatus.PART_RESERVED if partly else OrderStatus.CONFIRMED
    return _asked_about(status, WaitReason.STOCK, now, policy.stock_working_days, calendar)


def awaiting_rest(
    now: datetime, ttl_days: int, policy: Policy, calendar: BusinessCalendar, *, ship_on: date | None = None
) -> OrderState:
    """A deferral order of which a part is set aside waits for its rest. Only what is not there yet has no lifetime
    (D7-13): the part is asked about and released as that of any deferral order is (D7-5)."""
    terms = _by_shipment(now, ttl_days, policy, calendar, ship_on)
    return OrderState(OrderStatus.PART_RESERVED, _lives_by_shipment(WaitReason.STOCK, now, terms))


def awaiting_payment(reserved_at: datetime, ttl_days: int, calendar: BusinessCalendar, *, partly: bool) -> OrderState:
    """A reserve that must be paid lives 3, 7 or 14 days; the customer is reminded halfway (D7-2…D7-4)."""
    terms = reservation_terms(reserved_at, ttl_days, calendar)
    return OrderState(
        OrderStatus.PART_RESERVED if partly else OrderStatus.AWAITING_PAYMENT,
        Wait(
            WaitReason.PAYMENT,
            since=reserved_at,
            until=terms.expires_at,
            who=CUSTOMER,
            on_expiry=OnExpiry.RELEASE,
            reminder_at=terms.reminder_at,
        ),
    )


def ready(
    now: datetime,
    ttl_days: int,
    policy: Policy,
    calendar: BusinessCalendar,
    *,
    paid: bool,
    ship_on: date | None = None,
) -> OrderState:
    """The warehouse may pick. A paid reserve has no end, only somebody who asks (D6-13); a deferral order's is asked
    about some days after the shipment was planned, then released (D7-5). `ship_on`: the promised day, if any."""
    if paid:
        return _asked_about(OrderStatus.READY, WaitReason.PICKING, now, policy.picking_working_days, calendar)
    terms = _by_shipment(now, ttl_days, policy, calendar, ship_on)
    return OrderState(OrderStatus.READY, _lives_by_shipment(WaitReason.PICKING, now, terms))


def _by_shipment(
    now: datetime, ttl_days: int, policy: Policy, calendar: BusinessCalendar, ship_on: date | None
) -> DeferralTerms:
    leaves_on = planned_shipment(calendar.day_of(now), ship_on)
    return deferral_terms(leaves_on, policy.deferral_reserve_working_days, ttl_days, calendar)


def _lives_by_shipment(reason: WaitReason, now: datetime, terms: DeferralTerms) -> Wait:
    return Wait(
        reason,
        since=now,
        until=terms.expires_at,
        who=Role.WAREHOUSE,
        on_expiry=OnExpiry.RELEASE,
        reminder_at=terms.task_at,
    )


def picking(now: datetime, policy: Policy, calendar: BusinessCalendar) -> OrderState:
    """Picking started: the lifetime stops, the reserve is hard (D7-16)."""
    return _asked_about(OrderStatus.PICKING, WaitReason.SHIPMENT, now, policy.shipment_working_days, calendar)


def cancel_asked(now: datetime, policy: Policy, calendar: BusinessCalendar) -> OrderState:
    """The head cancels while goods are being picked; the warehouse puts them back and acknowledges (D6-8)."""
    reason, days = WaitReason.CANCEL_ACKNOWLEDGEMENT, policy.shipment_working_days
    return _asked_about(OrderStatus.PICKING, reason, now, days, calendar)


def _asked_about(
    status: OrderStatus, reason: WaitReason, now: datetime, working_days: int, calendar: BusinessCalendar
) -> OrderState:
    """The warehouse's turn: nothing ends by itself, but somebody is asked when it takes too long (D6-13)."""
    until = calendar.after_working_days(now, working_days)
    return OrderState(status, Wait(reason, now, until, Role.WAREHOUSE, OnExpiry.TASK, reminder_at=until))


def asked_again(state: OrderState, now: datetime, policy: Policy, calendar: BusinessCalendar) -> OrderState:
    """The same wait with its next control date, after somebody was asked about it."""
    if state.wait is None:
        return state
    days = policy.stock_working_days if state.wait.reason is WaitReason.STOCK else policy.shipment_working_days
    until = calendar.after_working_days(now, days)
    return replace(state, wait=replace(state.wait, until=until, reminder_at=until))


def released(now: datetime, policy: Policy) -> OrderState:
    """After release the order waits for late money by the policy, 14 days by default; then it is cancelled (D7-9)."""
    return OrderState(
        OrderStatus.AWAITING_PAYMENT,
        Wait(
            WaitReason.LATE_PAYMENT,
            since=now,
            until=now + timedelta(days=policy.late_payment_days),
            who=CUSTOMER,
            on_expiry=OnExpiry.CANCEL,
        ),
    )


def awaiting_final_payment(now: datetime, due_at: datetime | None) -> OrderState:
    """Everything is shipped and invoiced; the invoice's own process watches the money (D6-12)."""
    return OrderState(
        OrderStatus.AWAITING_FINAL_PAYMENT,
        Wait(
            WaitReason.FINAL_PAYMENT,
            since=now,
            until=due_at,
            who=CUSTOMER,
            on_expiry=OnExpiry.ESCALATE,
        ),
    )


def extended(state: OrderState, expires_at: datetime) -> OrderState:
    """The same wait with a later end; the reminder keeps its distance from the end (D7-10)."""
    if state.wait is None or state.wait.until is None:
        raise ValueError("only a wait with an end can be extended")
    longer = expires_at - state.wait.until
    reminder = state.wait.reminder_at + longer if state.wait.reminder_at else None
    return replace(state, wait=replace(state.wait, until=expires_at, reminder_at=reminder))


def no_sooner(state: OrderState, ends_at: datetime | None) -> OrderState:
    """The same wait, ending no sooner than it would have: a new lifetime takes nothing away (D7-13)."""
    ends = state.wait.until if state.wait else None
    return extended(state, ends_at) if ends_at is not None and ends is not None and ends < ends_at else state


def unreminded(state: OrderState) -> OrderState:
    """The same wait, of which nobody is reminded: the customer showed that the money is under way (D7-10)."""
    return state if state.wait is None else replace(state, wait=replace(state.wait, reminder_at=None))


def anew(state: OrderState, now: datetime) -> OrderState:
    """The same wait, begun again: what is awaited has changed, its end has not."""
    return state if state.wait is None else replace(state, wait=replace(state.wait, since=now))


def awaits_payment(state: OrderState) -> bool:
    """Whether the order waits for the money that must come before its shipment."""
    return state.wait is not None and state.wait.reason is WaitReason.PAYMENT


def is_funded(required: Decimal, received: Decimal, tolerance: Decimal) -> bool:
    """Whether the money that must come before shipment is in, up to a residue nobody chases (D9-7).

    The residue is what a payment falls short by: a small order of which nothing came is not paid.
    """
    if required <= 0:
        return True
    return received > 0 and received >= required - tolerance
