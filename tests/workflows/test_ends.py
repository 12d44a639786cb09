"""However an order ends, it holds nothing any more (D7-17): every terminal state, and every road to it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlmodel import Session
from support.company import a_customer, a_product
from support.goods import tie_money
from support.house import House
from support.patience import PATIENCE, end_of
from support.stock import drifted, held
from support.temporal import fast_forward

from activities.persistence.stock_tables import StockRow
from domain.credit_steps import ApprovalCommand, PlaceCommand, Verdict
from domain.orders import CANCELLABLE, ENDED, CancelCommand, LineQuantity, OrderStatus, PickCommand, ShipCommand
from workflows.order import OrderWorkflow

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
ON_HAND, ORDERED = 3, 5


class Story:
    """One order of five pieces of which three are there, moved along a road."""

    def __init__(
        self, house: House, *, price: str = "1000", prepayment: int = 0, on_hand: int = ON_HAND, ordered: int = ORDERED
    ) -> None:
        self.house, self.on_hand = house, on_hand
        self.sku = a_product(house.engine, price=price, on_hand=str(on_hand))
        customer = a_customer(house.engine, house.company, prepayment_percent=prepayment)
        self.order = house.quote(customer, self.sku, quantity=str(ordered))

    async def command(self, update: object, argument: object) -> None:
        await self.house.command(self.order, update, argument)

    async def placed(self, status: str) -> "Story":
        await self.command(OrderWorkflow.place, PlaceCommand(self.house.company.manager))
        await self.house.reaches(self.order, status)
        return self

    async def waits_for(self, reason: str) -> "Story":
        async with asyncio.timeout(PATIENCE):
            while (self.house.order(self.order).wait or {}).get("reason") != reason:
                await asyncio.sleep(0.02)
        return self

    async def cancel(self, by: str = "manager") -> "Story":
        await self.command(OrderWorkflow.cancel, CancelCommand(self.house.company.people[by], "передумали"))
        return self

    async def forward(self, days: int) -> "Story":
        await fast_forward(self.house.handle(self.order), days * DAY)
        return self

    async def pay(self, amount: str, status: str) -> "Story":
        tie_money(self.house.engine, self.order, amount)
        await self.house.handle(self.order).signal(OrderWorkflow.payment_applied)
        await self.house.reaches(self.order, status)
        return self

    async def pick(self) -> "Story":
        await self.command(OrderWorkflow.start_picking, PickCommand(self.house.company.warehouse))
        return self

    async def ship(self, quantity: int) -> "Story":
        lines = (LineQuantity(self.sku, Decimal(quantity)),)
        await self.command(OrderWorkflow.ship, ShipCommand(self.house.company.warehouse, lines))
        self.on_hand -= quantity
        return self

    def left(self) -> tuple[dict[str, int], tuple[int, int, int]]:
        """What the order holds or waits for, and what the shelf says."""
        lines = held(self.house.engine, self.order)
        for gone in ("shipped", "closed"):
            lines.pop(gone, None)
        with Session(self.house.engine) as session:
            row = session.get_one(StockRow, ("main", self.sku))
            return lines, (int(row.on_hand), int(row.reserved), int(row.picking))


Road = Callable[[House], Awaitable[Story]]


async def expires_as_a_quote(house: House) -> Story:
    story = Story(house)
    await house.start(story.order)
    return await story.forward(8)


async def is_rejected_by_silence(house: House) -> Story:
    return await (await Story(house, price="300000").placed("awaiting_approval")).forward(7)


async def is_rejected_by_the_head(house: House) -> Story:
    story = await Story(house, price="300000").placed("awaiting_approval")
    await story.command(OrderWorkflow.answer_approval, ApprovalCommand(house.company.head, Verdict.REJECT, "нет"))
    return story


async def stop_lapses(house: House) -> Story:
    return await (await Story(house, price="2000000").placed("stopped")).forward(15)


async def lapses_after_release(house: House) -> Story:
    story = await Story(house, prepayment=100).placed("part_reserved")
    assert held(house.engine, story.order) == {"reserved": ON_HAND, "waiting": ORDERED - ON_HAND}
    assert await house.outlasts_its_wait(story.order)
    return await story.forward(15)


async def is_cancelled_in_the_temporal_ui(house: House) -> Story:
    story = await Story(house).placed("part_reserved")
    await house.handle(story.order).cancel()
    return story


async def ships_all_of_it(house: House) -> Story:
    story = await Story(house, prepayment=100, ordered=3).placed("awaiting_payment")
    return await (await (await story.pay("3000", "ready")).pick()).ship(3)


async def ships_less_than_was_picked(house: House) -> Story:
    """D7-14: what was picked and not shipped is free again."""
    story = await Story(house, prepayment=100, ordered=3).placed("awaiting_payment")
    return await (await (await story.pay("3000", "ready")).pick()).ship(2)


async def closes_short(house: House) -> Story:
    """D6-12: a part has left, the rest is not waited for."""
    story = await Story(house, prepayment=100).placed("part_reserved")
    tie_money(house.engine, story.order, "5000")
    await house.handle(story.order).signal(OrderWorkflow.payment_applied)
    await (await (await story.waits_for("stock")).pick()).ship(3)
    assert held(house.engine, story.order) == {"shipped": 3, "waiting": 2}
    return await story.cancel()


async def cancelled_in(house: House, status: OrderStatus) -> Story:
    match status:
        case OrderStatus.QUOTED:
            story = Story(house)
        case OrderStatus.AWAITING_APPROVAL:
            story = await Story(house, price="300000").placed(status)
        case OrderStatus.STOPPED:
            story = await Story(house, price="2000000").placed(status)
        case OrderStatus.CONFIRMED:
            story = await (await Story(house, on_hand=0).placed(status)).waits_for("stock")
            assert held(house.engine, story.order) == {"waiting": ORDERED}
        case OrderStatus.PART_RESERVED:
            story = await Story(house).placed(status)
        case OrderStatus.AWAITING_PAYMENT:
            story = await Story(house, prepayment=100, ordered=3).placed(status)
            assert held(house.engine, story.order) == {"reserved": 3}
        case OrderStatus.READY:
            story = await Story(house, ordered=3).placed(status)
        case OrderStatus.PICKING:
            story = await (await Story(house).placed("part_reserved")).pick()
            assert held(house.engine, story.order) == {"picking": ON_HAND, "waiting": ORDERED - ON_HAND}
            await story.cancel("head")
            return await story.cancel("warehouse")
        case _:
            raise AssertionError(f"say how an order is cancelled while it is {status}")
    return await story.cancel()


PASSED_THROUGH = {OrderStatus.CHECKING, OrderStatus.RESERVED}
"""No order stands still there: the first is decided in its own turn, the second is a word of the contract only."""
ROADS: dict[OrderStatus, list[Road]] = {
    OrderStatus.EXPIRED: [expires_as_a_quote],
    OrderStatus.REJECTED: [is_rejected_by_silence, is_rejected_by_the_head],
    OrderStatus.CANCELLED: [stop_lapses, lapses_after_release, is_cancelled_in_the_temporal_ui],
    OrderStatus.CLOSED: [ships_all_of_it, ships_less_than_was_picked, closes_short],
}


async def check(house: House, story: Story, end: OrderStatus) -> None:
    assert await end_of(house.handle(story.order)) == end
    assert story.left() == ({}, (story.on_hand, 0, 0))
    assert drifted(house.engine) == []


@pytest.mark.parametrize("end", sorted(ENDED))
async def test_d7_17_an_ended_order_holds_nothing(house: House, end: OrderStatus) -> None:
    for road in ROADS[end]:
        await check(house, await road(house), end)


@pytest.mark.parametrize("status", sorted(CANCELLABLE - PASSED_THROUGH))
async def test_d7_17_cancelled_in_whatever_state_it_holds_nothing(house: House, status: OrderStatus) -> None:
    await check(house, await cancelled_in(house, status), OrderStatus.CANCELLED)
