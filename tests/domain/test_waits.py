"""D6-13: every wait of an order says what is awaited, by whom it ends, until when, and what happens then."""

from datetime import UTC, datetime, timedelta

import pytest

from domain import waits
from domain.business_calendar import BusinessCalendar
from domain.orders import OnExpiry, OrderState, WaitReason
from domain.policy import Policy

CALENDAR = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
POLICY = Policy()
MONDAY = datetime(2026, 4, 6, 5, 0, tzinfo=UTC)
DAY = timedelta(days=1)
EVERY = {
    WaitReason.ACCEPTANCE: waits.quoted(MONDAY, POLICY, CALENDAR),
    WaitReason.APPROVAL: waits.awaiting_approval(MONDAY, POLICY, CALENDAR),
    WaitReason.CREDIT_STOP: waits.stopped(MONDAY, POLICY),
    WaitReason.STOCK: waits.awaiting_stock(MONDAY, POLICY, CALENDAR, partly=False),
    WaitReason.PAYMENT: waits.awaiting_payment(MONDAY, 7, CALENDAR, partly=False),
    WaitReason.LATE_PAYMENT: waits.released(MONDAY, POLICY),
    WaitReason.PICKING: waits.ready(MONDAY, 7, POLICY, CALENDAR, paid=True),
    WaitReason.SHIPMENT: waits.picking(MONDAY, POLICY, CALENDAR),
    WaitReason.GATE: waits.gate_closed(MONDAY, POLICY, CALENDAR),
    WaitReason.CANCEL_ACKNOWLEDGEMENT: waits.cancel_asked(MONDAY, POLICY, CALENDAR),
    WaitReason.FINAL_PAYMENT: waits.awaiting_final_payment(MONDAY, MONDAY + DAY),
}


def test_d6_13_these_are_all_the_waits_of_an_order() -> None:
    of_an_invoice = {WaitReason.DUE_DATE, WaitReason.OVERDUE, WaitReason.DISPUTE}
    of_a_limit = {WaitReason.LIMIT_START, WaitReason.LIMIT_END}
    of_a_supply = {WaitReason.SUPPLY}
    assert set(EVERY) == set(WaitReason) - of_an_invoice - of_a_limit - of_a_supply


@pytest.mark.parametrize(("reason", "state"), EVERY.items(), ids=list(EVERY))
def test_d6_13_every_wait_has_an_owner_a_deadline_and_an_end(reason: WaitReason, state: OrderState) -> None:
    wait = state.wait
    assert wait is not None
    assert (wait.reason, wait.since) == (reason, MONDAY)
    assert wait.who
    assert wait.until is not None
    assert wait.until > MONDAY
    assert wait.on_expiry is not OnExpiry.NOTHING


@pytest.mark.parametrize(
    ("reason", "working_days"),
    [(WaitReason.STOCK, 5), (WaitReason.PICKING, 2), (WaitReason.SHIPMENT, 1), (WaitReason.CANCEL_ACKNOWLEDGEMENT, 1)],
)
def test_d6_13_the_warehouses_turn_is_asked_about_in_time(reason: WaitReason, working_days: int) -> None:
    wait = EVERY[reason].wait

    assert wait is not None
    assert wait.until == wait.reminder_at == CALENDAR.after_working_days(MONDAY, working_days)
    assert wait.on_expiry is OnExpiry.TASK
    later = waits.asked_again(EVERY[reason], wait.until, POLICY, CALENDAR).wait
    assert later is not None
    assert later.since == MONDAY
    assert later.until > wait.until


def test_d12_2_the_gate_holds_picked_goods_for_two_working_days() -> None:
    assert EVERY[WaitReason.GATE].wait.until == MONDAY + 2 * DAY
