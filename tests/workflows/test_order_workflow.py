"""The life of an order on the real server, its calendar moved by fast-forward; each story also without a cache."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session
from support.company import a_customer, a_product
from support.house import BOTH_LANES, House
from support.invoices import rows
from support.patience import end_of
from support.refusals import refusal
from support.temporal import fast_forward
from temporalio.api.enums.v1 import EventType

from activities.persistence.record_tables import OutboundRow
from activities.persistence.stock import free
from activities.persistence.stock_tables import StockRow
from domain.credit_errors import AlreadyDecidedError
from domain.credit_steps import ApprovalCommand, PlaceCommand, Verdict
from domain.errors import QuoteExpiredError
from domain.orders import Actor, CancelCommand, ExtendCommand, LineQuantity, PickCommand, ShipCommand
from workflows.order import OrderWorkflow

pytestmark = [pytest.mark.anyio, BOTH_LANES]
DAY = timedelta(days=1)


async def place(house: House, order: str) -> str:
    outcome = await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    return outcome.decision.outcome


def stock(house: House, sku: str) -> tuple[int, int, int]:
    """On hand, reserved, free."""
    with Session(house.engine) as session:
        row = session.get_one(StockRow, ("main", sku))
        return int(row.on_hand), int(row.reserved), int(free(row))


async def test_an_order_on_credit_lives_from_quote_to_its_invoice(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="10")
    order = house.quote(customer, sku, quantity="10")

    assert await place(house, order) == "auto"
    await house.reaches(order, "ready")
    await house.calls_for_picking(order)
    assert stock(house, sku) == (10, 10, 0)
    await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))
    await house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse))

    assert house.status(order) == "awaiting_final_payment"
    assert stock(house, sku) == (0, 0, 0)
    assert house.tasks(order) == ["picking"]
    description = await house.handle(order).describe()
    attributes = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    assert attributes["OporaStatus"] == "awaiting_final_payment"
    assert attributes["OporaWaiting"] == "final_payment"
    assert attributes["OporaCustomerId"] == str(customer.id)


async def test_d7_an_unpaid_reserve_reminds_releases_and_gives_the_manager_a_task(house: House) -> None:
    customer = a_customer(house.engine, house.company, prepayment_percent=100)
    sku = a_product(house.engine, on_hand="500")
    order = house.quote(customer, sku, quantity="100")
    await place(house, order)
    await house.reaches(order, "awaiting_payment")

    await fast_forward(house.handle(order), 3 * DAY)
    [reminder] = [letter for letter in house.letters() if "zakup@romashka.example" in letter.to]
    assert "Ваш заказ ждёт оплаты, резерв действует ещё" in reminder.text
    assert stock(house, sku) == (500, 100, 400)

    await fast_forward(house.handle(order), 7 * DAY)
    assert stock(house, sku) == (500, 0, 500)
    assert house.tasks(order) == ["call_unpaid"]
    assert house.notices(order) == ["order_reserved", "reservation_reminder", "reservation_released"]
    assert house.order(order).wait["reason"] == "late_payment"

    await fast_forward(house.handle(order), 14 * DAY)
    assert house.status(order) == "cancelled"
    assert await end_of(house.handle(order)) == "cancelled"


async def test_d6_1_a_quote_nobody_places_expires(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="1")
    order = house.quote(customer, sku)
    await house.start(order)

    await fast_forward(house.handle(order), 8 * DAY)

    assert house.status(order) == "expired"
    assert house.notices(order) == ["quote_expires"]
    with pytest.raises(QuoteExpiredError):
        await place(house, order)


async def test_d4_an_approved_order_goes_on(house: House) -> None:
    order, sku = await order_over_limit(house)

    outcome = await answer(house, order, house.company.head)

    assert outcome.refusal is None
    await house.reaches(order, "ready")
    assert stock(house, sku)[1] == 1
    assert await refusal(answer(house, order, house.company.director)) == "already_decided"


async def test_d4_3_silence_rejects_after_three_working_days(house: House) -> None:
    order, _ = await order_over_limit(house)

    await fast_forward(house.handle(order), 7 * DAY)

    assert house.status(order) == "rejected"
    assert "approval_reminder" in house.notices(order)
    # head, then the director after two days of silence, then the manager
    assert house.tasks(order) == ["approval", "approval", "approval_lapsed"]


async def test_u5_the_last_letters_of_an_order_go_out_before_its_process_ends(house: House) -> None:
    order, _ = await order_over_limit(house)
    await fast_forward(house.handle(order), 7 * DAY)

    assert await end_of(house.handle(order)) == "rejected"

    assert house.notices(order)[-1] == "approval_lapsed"
    assert {row.state for row in rows(house.engine, OutboundRow)} == {"done"}
    assert len(house.letters()) == len(house.notices(order))


async def test_d4_5_the_owner_does_not_approve_and_leaves_no_trace(house: House) -> None:
    order, _ = await order_over_limit(house)

    assert await refusal(answer(house, order, house.company.manager)) == "own_approval"
    history = await house.handle(order).fetch_history()
    accepted = [
        event for event in history.events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    ]
    assert len(accepted) == 1
    assert house.status(order) == "awaiting_approval"


async def test_d4_9_an_answer_after_the_end_is_refused(house: House) -> None:
    order, _ = await order_over_limit(house)
    await answer(house, order, house.company.head, Verdict.REJECT)
    assert await end_of(house.handle(order)) == "rejected"

    with pytest.raises(AlreadyDecidedError):
        await answer(house, order, house.company.director)


async def test_d4_13_rework_gives_the_order_back_and_it_is_decided_anew(house: House) -> None:
    order, _ = await order_over_limit(house)
    await answer(house, order, house.company.head, Verdict.REWORK)

    assert house.status(order) == "quoted"
    assert await place(house, order) == "approval"
    await answer(house, order, house.company.head)
    await house.reaches(order, "ready")


async def test_d2_12_a_stop_is_not_approved_and_lapses_after_fourteen_days(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, price="2000000.01", on_hand="1")
    order = house.quote(customer, sku)
    assert await place(house, order) == "stop"
    assert await refusal(answer(house, order, house.company.head)) == "stop_not_approvable"

    await fast_forward(house.handle(order), 15 * DAY)

    assert house.status(order) == "cancelled"
    assert house.tasks(order) == ["credit_stop", "stop_cancelled"]
    assert stock(house, sku) == (1, 0, 1)


@pytest.mark.parametrize("stage", ["quoted", "awaiting_approval", "awaiting_payment", "ready"])
async def test_d6_8_a_manager_cancels_at_every_stage_before_picking(house: House, stage: str) -> None:
    price = {"awaiting_approval": "1500000"}.get(stage, "1000")
    prepayment = 100 if stage == "awaiting_payment" else 0
    customer = a_customer(house.engine, house.company, prepayment_percent=prepayment)
    sku = a_product(house.engine, price=price, on_hand="5")
    order = house.quote(customer, sku, quantity="1")
    if stage != "quoted":
        await place(house, order)
    await house.reaches(order, stage)

    cancel = CancelCommand(house.company.manager, "передумал")
    twice = [house.command(order, OrderWorkflow.cancel, cancel, update_id="same") for _ in range(2)]
    await asyncio.gather(*twice)

    assert await end_of(house.handle(order)) == "cancelled"
    assert stock(house, sku) == (5, 0, 5)


async def test_d6_8_during_picking_the_head_cancels_and_the_warehouse_acknowledges(house: House) -> None:
    order, sku = await ready_order(house)
    await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))

    by_manager = house.command(order, OrderWorkflow.cancel, CancelCommand(house.company.manager, "нет"))
    assert await refusal(by_manager) == "cancel_needs_head"
    await house.command(order, OrderWorkflow.cancel, CancelCommand(house.company.head, "клиент отказался"))
    assert house.status(order) == "picking"
    assert house.tasks(order) == ["picking", "cancel_acknowledgement"]
    shipping = house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse))
    assert await refusal(shipping) == "wrong_state"
    await house.command(order, OrderWorkflow.cancel, CancelCommand(house.company.warehouse, "вернули на место"))

    assert await end_of(house.handle(order)) == "cancelled"
    assert stock(house, sku) == (10, 0, 10)


async def test_cancelled_in_the_temporal_ui_everything_is_given_back(house: House) -> None:
    order, sku = await ready_order(house)

    await house.handle(order).cancel()

    assert await end_of(house.handle(order)) == "cancelled"
    assert stock(house, sku) == (10, 0, 10)


async def test_d7_10_an_extended_reserve_ends_later(house: House) -> None:
    customer = a_customer(house.engine, house.company, prepayment_percent=100)
    sku = a_product(house.engine, on_hand="5")
    order = house.quote(customer, sku)
    await place(house, order)
    await house.reaches(order, "awaiting_payment")
    extend = ExtendCommand(house.company.manager, "платёжка в банке")
    await house.command(order, OrderWorkflow.extend_reservation, extend)
    again = house.command(order, OrderWorkflow.extend_reservation, replace(extend, reason="ещё"))
    assert await refusal(again) == "extension_used"

    await fast_forward(house.handle(order), 10 * DAY)
    assert stock(house, sku) == (5, 1, 4)
    await fast_forward(house.handle(order), 10 * DAY)
    assert stock(house, sku) == (5, 0, 5)


async def test_commands_out_of_turn_are_refused_with_the_state(house: House) -> None:
    order, _ = await ready_order(house)

    assert (
        await refusal(house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse))) == "wrong_state"
    )
    assert (
        await refusal(house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))) == "wrong_state"
    )
    await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))
    too_much = ShipCommand(house.company.warehouse, (LineQuantity("other", Decimal(1)),))
    assert await refusal(house.command(order, OrderWorkflow.ship, too_much)) == "ship_quantity"
    assert house.status(order) == "picking"


async def test_sixteen_equal_commands_are_one(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="5")
    order = house.quote(customer, sku)
    command = PlaceCommand(house.company.manager)

    calls = [house.command(order, OrderWorkflow.place, command, update_id="place-1") for _ in range(16)]
    outcomes = await asyncio.gather(*calls)

    assert all(outcome == outcomes[0] for outcome in outcomes)
    await house.reaches(order, "ready")
    assert house.notices(order) == ["order_reserved"]


async def ready_order(house: House) -> tuple[str, str]:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="10")
    order = house.quote(customer, sku, quantity="10")
    await place(house, order)
    await house.reaches(order, "ready")
    await house.calls_for_picking(order)
    return order, sku


async def order_over_limit(house: House) -> tuple[str, str]:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, price="1500000", on_hand="5")
    order = house.quote(customer, sku)
    assert await place(house, order) == "approval"
    return order, sku


async def answer(house: House, order: str, who: Actor, verdict: Verdict = Verdict.APPROVE):
    return await house.command(order, OrderWorkflow.answer_approval, ApprovalCommand(who, verdict, "да"))


async def test_d6_13_somebody_asks_when_the_warehouse_takes_too_long(house: House) -> None:
    customer = a_customer(house.engine, house.company)
    order = house.quote(customer, a_product(house.engine), quantity="5")
    await place(house, order)
    await fast_forward(house.handle(order), 8 * DAY)
    assert house.tasks(order) == ["shortage_choice", "stock_late"]
    assert house.status(order) == "confirmed"  # an asked question ends nothing

    await fast_forward(house.handle(order), 8 * DAY)
    assert house.tasks(order) == ["shortage_choice", "stock_late", "stock_late"]


async def test_d7_5_the_part_of_a_deferral_order_that_waits_for_its_rest_is_asked_about_then_released(
    house: House,
) -> None:
    sku = a_product(house.engine, on_hand="3")
    order = house.quote(a_customer(house.engine, house.company), sku, quantity="5")
    await place(house, order)
    await house.reaches(order, "part_reserved")

    await fast_forward(house.handle(order), 8 * DAY)
    assert house.tasks(order) == ["shortage_choice", "stock_late"]
    assert house.status(order) == "part_reserved"
    assert stock(house, sku) == (3, 3, 0)

    await fast_forward(house.handle(order), 8 * DAY)
    assert house.tasks(order) == ["shortage_choice", "stock_late", "shipment_late"]
    assert stock(house, sku) == (3, 0, 3)


async def accepted(house: House, order: str) -> int:
    """How many commands the history of the order has taken."""
    history = await house.handle(order).fetch_history()
    taken = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    return sum(event.event_type == taken for event in history.events)


async def test_u14_refused_answers_leave_the_history_clean(house: House) -> None:
    """Own (D4-5), of another revision (D4-6), double (D4-8), in a stop (D2-12): refused before they are recorded."""
    order, _ = await order_over_limit(house)
    seen_before = ApprovalCommand(house.company.head, Verdict.APPROVE, "", revision=7)
    assert await refusal(answer(house, order, house.company.manager)) == "own_approval"
    assert await refusal(house.command(order, OrderWorkflow.answer_approval, seen_before)) == "approval_other_revision"
    await answer(house, order, house.company.head)
    assert await refusal(answer(house, order, house.company.director)) == "already_decided"
    assert await accepted(house, order) == 2  # placed and approved

    customer = a_customer(house.engine, house.company, limit="1000")
    stopped = house.quote(customer, a_product(house.engine, price="5000"))
    assert await place(house, stopped) == "stop"
    assert await refusal(answer(house, stopped, house.company.head)) == "stop_not_approvable"
    assert await accepted(house, stopped) == 1
