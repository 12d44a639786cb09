"""The customer's choice when goods are short, on the real server: each choice, silence, and what meets it (D7-12)."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session
from support.company import a_customer, a_product
from support.goods import receipt, stock_of
from support.house import BOTH_LANES, House
from support.locks import locked, wait_for_waiters
from support.patience import PATIENCE, end_of
from support.refusals import refusal
from support.shortage import held, instead, keep_substitutes, questions, states, tasks
from support.temporal import fast_forward
from temporalio.client import WorkflowUpdateStage

from activities.persistence.order_tables import CommitmentRow
from domain.credit_steps import ApprovalCommand, PlaceCommand, Verdict
from domain.orders import CancelCommand, ExtendCommand, PickCommand, ShipCommand
from domain.shortages import Choice, ShortageCommand, Substitution
from workflows.order import OrderWorkflow

pytestmark = [pytest.mark.anyio, BOTH_LANES]


def a_large_quote(
    house: House, quantity: str = "10", on_hand: str = "3", price: str = "1000", **terms: Any
) -> tuple[str, str]:
    """An order that asks for more than there is, and its product."""
    customer = a_customer(house.engine, house.company, **terms)
    sku = a_product(house.engine, price=price, on_hand=on_hand)
    return house.quote(customer, sku, quantity=quantity), sku


async def a_short_order(house: House, **terms: Any) -> tuple[str, str]:
    """An order that got less than it asks for and knows it, and its product."""
    order, sku = a_large_quote(house, **terms)
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(questions, house.engine, order):
            await asyncio.sleep(0.02)
        while (await house.handle(order).query(OrderWorkflow.state)).wait is None:
            await asyncio.sleep(0.02)
    return order, sku


async def choose(house: House, order: str, choice: str, *alternatives: Substitution) -> Any:
    command = ShortageCommand(house.company.manager, Choice(choice), "так хочет клиент", alternatives)
    return await house.command(order, OrderWorkflow.choose_on_shortage, command)


async def answered(house: House, order: str, *wanted: tuple[str, str | None]) -> None:
    async with asyncio.timeout(PATIENCE):
        while await asyncio.to_thread(states, house.engine, order) != list(wanted):
            await asyncio.sleep(0.02)


async def the_time_is_over(house: House, order: str, before: timedelta = timedelta(0)) -> bool:
    """Move the order to the end of the first question about it, or a minute short of `before` that."""
    first = questions(house.engine, order)[0]
    return await fast_forward(house.handle(order), first.until - before - datetime.now(UTC))


async def signal(house: House, order: str) -> None:
    await house.handle(order).signal(OrderWorkflow.stock_allocated)


def a_substitute(house: House, sku: str, **terms: Any) -> str:
    other = a_product(house.engine, **terms)
    keep_substitutes(house.engine, sku, other)
    return other


async def test_d7_12_the_letter_goes_out_and_silence_means_waiting(house: House) -> None:
    order, sku = await a_short_order(house)
    async with asyncio.timeout(PATIENCE):
        while not any("не хватает товара" in letter.subject for letter in house.letters()):
            await asyncio.sleep(0.05)

    assert await the_time_is_over(house, order)

    assert states(house.engine, order) == [("lapsed", "wait")]
    assert "shortage_lapsed" in house.notices(order)
    assert held(house.engine, order) == {(sku, "reserved"): 3, (sku, "waiting"): 7}
    assert await refusal(choose(house, order, "part")) == "no_shortage"
    receipt(house.engine, sku, "7")
    await signal(house, order)
    await house.reaches(order, "ready")


async def test_d7_12_a_customer_who_waits_gets_goods_when_they_come(house: House) -> None:
    order, sku = await a_short_order(house)
    await choose(house, order, "wait")
    assert await refusal(choose(house, order, "part")) == "no_shortage"
    assert await the_time_is_over(house, order)  # nothing lapses any more

    receipt(house.engine, sku, "7")
    await signal(house, order)

    await house.reaches(order, "ready")
    assert states(house.engine, order) == [("chosen", "wait")]


async def test_d7_12_a_part_goes_to_the_warehouse_at_once(house: House) -> None:
    order, sku = await a_short_order(house)
    outcome = await choose(house, order, "part")

    assert outcome.state.status == "ready"
    await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))
    await house.command(order, OrderWorkflow.ship, ShipCommand(house.company.warehouse))
    assert await house.reaches(order, "awaiting_final_payment") == "awaiting_final_payment"
    assert stock_of(house.engine, sku) == (0, 0, 0)
    assert states(house.engine, order) == [("chosen", "part")]


async def test_d7_12_an_alternative_that_is_there(house: House) -> None:
    order, sku = await a_short_order(house)
    other = a_substitute(house, sku, price="900", on_hand="50")
    assert await refusal(choose(house, order, "alternative", instead(sku, "NO-SUCH"))) == "not_a_substitute"
    outcome = await choose(house, order, "alternative", instead(sku, other))

    assert outcome.state.status == "ready"
    assert held(house.engine, order) == {(sku, "reserved"): 3, (other, "reserved"): 7}


async def test_d7_12_an_alternative_that_is_short_too_is_asked_about_again(house: House) -> None:
    order, sku = await a_short_order(house)
    other = a_substitute(house, sku, price="900", on_hand="5")
    outcome = await choose(house, order, "alternative", instead(sku, other))

    assert outcome.state.status == "part_reserved"
    assert states(house.engine, order) == [("chosen", "alternative"), ("open", None)]
    await choose(house, order, "part")
    assert held(house.engine, order) == {(sku, "reserved"): 3, (other, "reserved"): 5}
    assert states(house.engine, order) == [("chosen", "alternative"), ("chosen", "part")]
    assert await the_time_is_over(house, order)
    assert "shortage_lapsed" not in house.notices(order)


async def test_d4_10_an_alternative_that_asks_waits_beside_the_order(house: House) -> None:
    order, sku = await a_short_order(house, price="50000")  # 500 000 of 1 000 000
    dear = a_substitute(house, sku, price="150000", on_hand="50")
    await choose(house, order, "alternative", instead(sku, dear))  # 150 000 + 1 050 000

    assert house.status(order) == "part_reserved"
    assert states(house.engine, order) == [("chosen", "alternative")]
    assert held(house.engine, order) == {(sku, "reserved"): 3, (sku, "waiting"): 7}
    command = ApprovalCommand(house.company.head, Verdict.APPROVE, "можно")
    await house.command(order, OrderWorkflow.answer_approval, command)
    assert held(house.engine, order) == {(sku, "reserved"): 3, (dear, "reserved"): 7}
    await house.reaches(order, "ready")


async def test_d2_3_an_alternative_that_credit_stops_leaves_the_choice_open(house: House) -> None:
    order, sku = await a_short_order(house, price="50000")
    dear = a_substitute(house, sku, price="300000", on_hand="50")

    assert await refusal(choose(house, order, "alternative", instead(sku, dear))) == "alternative_stopped"

    assert states(house.engine, order) == [("open", None)]
    assert house.order(order).revision == 1
    await choose(house, order, "part")
    assert states(house.engine, order) == [("chosen", "part")]


async def test_d7_12_to_cancel_ends_the_order_as_cancelling_does(house: House) -> None:
    order, sku = await a_short_order(house)
    outcome = await choose(house, order, "cancel")

    assert outcome.state.status == "cancelled"
    assert states(house.engine, order) == [("chosen", "cancel")]
    assert stock_of(house.engine, sku) == (3, 0, 0)
    with Session(house.engine) as session:
        assert session.get(CommitmentRow, UUID(order)) is None
    assert await end_of(house.handle(order)) == "cancelled"


async def test_d6_7_what_is_being_picked_takes_no_part_and_no_alternative(house: House) -> None:
    order, sku = await a_short_order(house)
    other = a_substitute(house, sku, on_hand="50")
    await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))

    assert await refusal(choose(house, order, "part")) == "edit_after_picking"
    assert await refusal(choose(house, order, "alternative", instead(sku, other))) == "edit_after_picking"
    assert await refusal(choose(house, order, "cancel")) == "cancel_needs_head"
    await choose(house, order, "wait")


async def test_d7_9_an_order_reserved_again_is_asked_again(house: House) -> None:
    order, sku = await a_short_order(house, prepayment_percent=100)
    assert await house.outlasts_its_wait(order)
    assert states(house.engine, order) == [("lapsed", "wait")]

    await house.command(order, OrderWorkflow.extend_reservation, ExtendCommand(house.company.manager, "клиент просит"))

    await answered(house, order, ("lapsed", "wait"), ("open", None))
    await choose(house, order, "part")
    assert held(house.engine, order) == {(sku, "reserved"): 3}


# -- what meets a choice ----------------------------------------------------------------------------------------------


async def test_goods_come_while_the_customer_thinks(house: House) -> None:
    order, sku = await a_short_order(house)
    receipt(house.engine, sku, "7")
    assert await refusal(choose(house, order, "part")) == "no_shortage"  # before the order's process has looked
    await signal(house, order)
    await house.reaches(order, "ready")
    assert states(house.engine, order) == [("void", None)]
    assert [state for _, state in tasks(house.engine, order)] == ["cancelled"]
    assert await the_time_is_over(house, order)
    assert "shortage_lapsed" not in house.notices(order)


async def test_a_choice_waits_for_the_step_that_may_ask_for_it(house: House) -> None:
    """The question can be read before the process that asked it has heard of it."""
    order, sku = a_large_quote(house)
    with locked(house.engine, "SELECT 1 FROM stock WHERE sku = :sku FOR UPDATE", sku=sku):
        await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
        await asyncio.to_thread(wait_for_waiters, house.engine, 1)  # the reserve
        command = ShortageCommand(house.company.manager, Choice.PART, "так хочет клиент")
        choice = await house.handle(order).start_update(
            OrderWorkflow.choose_on_shortage, command, wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )

    await end_of(choice)
    assert states(house.engine, order) == [("chosen", "part")]
    assert held(house.engine, order) == {(sku, "reserved"): 3}


async def test_a_choice_and_a_receipt_at_the_same_moment(house: House) -> None:
    """Whichever comes first, the order is whole in itself and nothing is promised twice."""
    order, sku = await a_short_order(house)
    choice, _ = await asyncio.gather(
        choose(house, order, "part"),
        asyncio.to_thread(receipt, house.engine, sku, "7"),
        return_exceptions=True,
    )
    await signal(house, order)

    await house.reaches(order, "ready")
    if isinstance(choice, BaseException):  # the goods came first
        await answered(house, order, ("void", None))
        assert held(house.engine, order) == {(sku, "reserved"): 10}
    else:
        assert states(house.engine, order) == [("chosen", "part")]
        assert held(house.engine, order) == {(sku, "reserved"): 3}
    kept = sum(held(house.engine, order).values())
    assert stock_of(house.engine, sku) == (10, kept, 0)
    assert house.order(order).gross == Decimal(1000) * kept


@pytest.mark.parametrize("choice", ["wait", "part", "cancel"])
async def test_a_choice_and_a_cancellation_at_the_same_moment(house: House, choice: str) -> None:
    order, sku = await a_short_order(house)
    cancel = house.command(order, OrderWorkflow.cancel, CancelCommand(house.company.manager, "передумали"))
    await asyncio.gather(choose(house, order, choice), cancel, return_exceptions=True)

    assert await end_of(house.handle(order)) == "cancelled"
    assert stock_of(house.engine, sku) == (3, 0, 0)
    ((state, chosen),) = states(house.engine, order)
    assert (state, chosen) in {("void", None), ("chosen", choice)}
    assert not any(state == "open" for _, state in tasks(house.engine, order))


async def test_two_choices_at_the_same_moment(house: House) -> None:
    order, sku = await a_short_order(house)
    done = await asyncio.gather(
        choose(house, order, "part"), choose(house, order, "wait"), choose(house, order, "wait"), return_exceptions=True
    )

    assert sum(not isinstance(each, BaseException) for each in done) == 1
    ((state, chosen),) = states(house.engine, order)
    assert state == "chosen"
    assert held(house.engine, order)[sku, "reserved"] == 3
    assert ((sku, "waiting") in held(house.engine, order)) is (chosen == "wait")


async def test_a_choice_in_the_last_moment_and_silence(house: House) -> None:
    """The clock stands just before the end; one of both is recorded, once."""
    order, _ = await a_short_order(house)
    assert await the_time_is_over(house, order, timedelta(minutes=2))
    done = await asyncio.gather(choose(house, order, "wait"), return_exceptions=True)
    await fast_forward(house.handle(order), timedelta(minutes=1))

    expected = ("lapsed", "wait") if isinstance(done[0], BaseException) else ("chosen", "wait")
    assert states(house.engine, order) == [expected]
    assert house.notices(order).count("shortage_lapsed") == (expected[0] == "lapsed")


async def test_a_workflow_started_anew_still_watches_the_choice(house: House) -> None:
    order, _ = await a_short_order(house)
    await house.handle(order).terminate("data lost")

    await house.start(order)

    assert await the_time_is_over(house, order)
    assert states(house.engine, order) == [("lapsed", "wait")]


async def test_a_choice_starts_the_workflow_that_was_lost(house: House) -> None:
    order, sku = await a_short_order(house)
    await house.handle(order).terminate("data lost")

    await choose(house, order, "part")

    assert states(house.engine, order) == [("chosen", "part")]
    assert held(house.engine, order) == {(sku, "reserved"): 3}
