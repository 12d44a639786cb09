"""Editing an order on the real server: what passes at once, what asks first, what silence does (D6-6, D4-10, D4-11)."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session, select
from support.company import a_customer, a_product
from support.house import BOTH_LANES, House
from support.patience import PATIENCE
from support.refusals import refusal
from support.temporal import fast_forward

from activities.persistence.credit_tables import OrderRevisionRow
from activities.persistence.order_tables import CommitmentRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.stock_tables import ReservationLineRow, StockRow
from domain.credit_steps import ApprovalCommand, PlaceCommand, Verdict
from domain.orders import Actor, PickCommand
from domain.revisions import ReviseCommand, RevisedLine, ReviseOutcome
from workflows.order import OrderWorkflow

pytestmark = [pytest.mark.anyio, BOTH_LANES]
DAY = timedelta(days=1)


async def place(house: House, order: str) -> str:
    outcome = await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    return str(outcome.decision.outcome)


async def revise(house: House, order: str, sku: str | None = None, quantity: str = "1", **terms: Any) -> ReviseOutcome:
    lines = (RevisedLine(sku, Decimal(quantity)),) if sku else None
    command = ReviseCommand(house.company.manager, lines=lines, **terms)
    return await house.command(order, OrderWorkflow.revise, command)


async def answer(house: House, order: str, who: Actor, verdict: Verdict = Verdict.APPROVE, **more: Any) -> Any:
    return await house.command(order, OrderWorkflow.answer_approval, ApprovalCommand(who, verdict, "так надо", **more))


def committed(house: House, order: str) -> Decimal | None:
    with Session(house.engine) as session:
        row = session.get(CommitmentRow, UUID(order))
        return row.uninvoiced if row else None


def held(house: House, order: str) -> dict[str, Decimal]:
    with Session(house.engine) as session:
        rows = session.exec(select(ReservationLineRow).where(ReservationLineRow.order_id == UUID(order)))
        return {row.state: row.quantity for row in rows}


def revisions(house: House, order: str) -> list[tuple[int, str]]:
    with Session(house.engine) as session:
        rows = session.exec(select(OrderRevisionRow).where(OrderRevisionRow.order_id == UUID(order)))
        return sorted((row.revision, row.state) for row in rows)


async def an_order(house: House, quantity: str = "5", on_hand: str = "100", **terms: Any) -> tuple[str, str]:
    """An order for goods of 100 000 each, placed; the limit is 1 000 000."""
    customer = a_customer(house.engine, house.company, **terms)
    sku = a_product(house.engine, price="100000", on_hand=on_hand)
    order = house.quote(customer, sku, quantity=quantity)
    await place(house, order)
    return order, sku


async def test_d6_6_a_smaller_order_frees_credit_and_goods_at_once(house: House) -> None:
    order, sku = await an_order(house, "8")
    await house.reaches(order, "ready")
    with Session(house.engine) as session:
        customer = session.get_one(CustomerRow, house.order(order).customer_id)
    waiting = house.quote(customer, sku, quantity="5")
    assert await place(house, waiting) == "approval"

    outcome = await revise(house, order, sku, "3")

    assert (outcome.in_force, outcome.decision, outcome.revision) == (True, None, 2)
    assert committed(house, order) == 300_000
    assert held(house, order) == {"reserved": 3}
    await house.reaches(waiting, "ready")
    assert house.status(order) == "ready"
    async with asyncio.timeout(PATIENCE):  # the warehouse is called anew, with the new quantity
        while house.tasks(order).count("picking") < 2:
            await asyncio.sleep(0.02)


async def test_d4_10_an_increase_within_the_limit_passes_at_once(house: House) -> None:
    order, sku = await an_order(house, "5", on_hand="7")
    await house.reaches(order, "ready")

    outcome = await revise(house, order, sku, "9")

    assert (outcome.in_force, outcome.decision and outcome.decision.outcome) == (True, "auto")
    assert committed(house, order) == 900_000
    assert held(house, order) == {"reserved": 7, "waiting": 2}
    assert house.status(order) == "part_reserved"


async def test_d6_6_an_increase_that_asks_leaves_the_old_revision_in_force(house: House) -> None:
    order, sku = await an_order(house, "5")
    await house.reaches(order, "ready")
    await house.calls_for_picking(order)

    outcome = await revise(house, order, sku, "15")

    assert (outcome.in_force, outcome.decision and outcome.decision.outcome) == (False, "approval")
    assert outcome.decision.exposure == 1_500_000  # the old commitment is left out
    assert (house.status(order), committed(house, order)) == ("ready", Decimal(500_000))
    assert revisions(house, order) == [(1, "in_force"), (2, "proposed")]
    assert await refusal(answer(house, order, house.company.manager)) == "own_approval"
    assert await refusal(answer(house, order, house.company.head, revision=1)) == "approval_other_revision"

    await answer(house, order, house.company.head, revision=2)

    assert revisions(house, order) == [(1, "superseded"), (2, "in_force")]
    assert committed(house, order) == 1_500_000
    assert held(house, order) == {"reserved": 15}
    assert await refusal(answer(house, order, house.company.director)) == "already_decided"


async def test_d6_6_a_refused_increase_changes_nothing(house: House) -> None:
    order, sku = await an_order(house, "5")
    await house.reaches(order, "ready")

    stopped = await revise(house, order, sku, "21")
    assert (stopped.in_force, stopped.decision and stopped.decision.outcome) == (False, "stop")
    await revise(house, order, sku, "15")
    await answer(house, order, house.company.head, Verdict.REJECT)

    assert revisions(house, order) == [(1, "in_force"), (2, "refused"), (3, "refused")]
    assert (house.status(order), committed(house, order), held(house, order)) == (
        "ready", Decimal(500_000), {"reserved": 5}
    )  # fmt: skip


async def test_d4_3_silence_refuses_a_proposal_and_the_order_goes_on(house: House) -> None:
    order, sku = await an_order(house, "5", prepayment_percent=30)
    await house.reaches(order, "awaiting_payment")
    await revise(house, order, sku, "18")

    await fast_forward(house.handle(order), timedelta(days=6))

    assert revisions(house, order) == [(1, "in_force"), (2, "refused")]
    assert house.tasks(order).count("approval_lapsed") == 1
    assert "approval_reminder" in house.notices(order)
    assert house.status(order) == "awaiting_payment"


async def test_d6_7_picking_withdraws_a_proposal_and_closes_the_order_to_edits(house: House) -> None:
    order, sku = await an_order(house, "5")
    await house.reaches(order, "ready")
    await revise(house, order, sku, "15")

    await house.command(order, OrderWorkflow.start_picking, PickCommand(house.company.warehouse))

    assert revisions(house, order) == [(1, "in_force"), (2, "withdrawn")]
    assert await refusal(answer(house, order, house.company.head)) == "wrong_state"
    assert await refusal(revise(house, order, sku, "6")) == "edit_after_picking"


async def test_d2_12_a_smaller_order_leaves_the_stop(house: House) -> None:
    order, sku = await an_order(house, "25")
    assert house.status(order) == "stopped"

    outcome = await revise(house, order, sku, "10")

    assert outcome.decision.outcome == "auto"
    await house.reaches(order, "ready")


async def test_d2_12_prepayment_leaves_the_stop(house: House) -> None:
    order, _ = await an_order(house, "25")

    outcome = await revise(house, order, prepayment_percent=100)

    assert outcome.decision.outcome == "auto"
    await house.reaches(order, "awaiting_payment")


async def test_d4_11_a_smaller_order_keeps_the_approvers_time(house: House) -> None:
    order, sku = await an_order(house, "18")
    asked = house.order(order).wait
    await fast_forward(house.handle(order), timedelta(hours=1))

    await revise(house, order, sku, "17")
    kept = house.order(order).wait
    assert (kept["since"], kept["until"]) == (asked["since"], asked["until"])
    await revise(house, order, sku, "19")
    anew = house.order(order).wait
    assert anew["since"] > asked["since"]
    assert anew["until"] >= asked["until"]  # all of a weekend ends with the same day
    assert house.status(order) == "awaiting_approval"


async def test_a_quote_is_revised_without_a_decision(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, price="100000", on_hand="9")
    order = house.quote(customer, sku, quantity="25")
    await house.start(order)

    outcome = await revise(house, order, sku, "4")

    assert (outcome.in_force, outcome.decision, house.order(order).gross) == (True, None, 400_000)
    assert await place(house, order) == "auto"
    with Session(house.engine) as session:
        await house.reaches(order, "ready")
        assert session.get_one(StockRow, ("main", sku)).reserved == 4
