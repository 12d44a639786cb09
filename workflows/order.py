"""The life of one order: quote, credit, goods, money."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.fulfilment import FulfilmentActivities
    from activities.handoff import HandoffActivities
    from activities.invoicing import InvoicingActivities
    from activities.lifetimes import LifetimeActivities
    from activities.orders import OrderActivities
    from activities.stock import StockActivities
    from domain.invoicing import Invoiced, InvoiceRequest
    from domain.orders import (
        CANCELLABLE,
        ENDED,
        SYSTEM,
        CancelCommand,
        OnExpiry,
        OrderInput,
        OrderStatus,
        StepResult,
        WaitReason,
    )
    from domain.reserve_life import KeepRequest, PaymentNews
    from domain.wording import status_name
    from workflows import options
    from workflows.order_commands import OrderCommands
    from workflows.own_steps import own_step
    from workflows.turns import AlreadyOverError

FRESH_MONEY = "fresh-money"
"""Reserves that began to end before there was a last look at money end without one."""
LATE_MONEY = "late-money"
"""Orders reserved again before late money was weighed keep it."""

Lapse = Callable[[int], Awaitable[None]]


@workflow.defn
class OrderWorkflow(OrderCommands):
    """One execution per order, from the quote until the money is in or the order is dead.

    Every step is recorded in the database by its activity together with the state it leads to; this class keeps the
    place in the story, its deadlines and its neighbours. Steps take turns, so a person's command never meets a step
    half done.
    """

    @workflow.init
    def __init__(self, order: OrderInput) -> None:
        super().__init__(order)

    @workflow.run
    async def run(self, order: OrderInput) -> str:
        """Move the order on, chapter by chapter, until it has ended."""
        self._show(self._state)
        self._propose(order.proposal)
        self._watch_shortage()
        while self._state.status not in ENDED:
            try:
                if self._cancel_unheard():
                    await self._cancelled_by_admin()
                else:
                    await self._next_chapter(self._moves)
            except AlreadyOverError:
                continue
            except BaseException as error:
                if not is_cancelled_exception(error):
                    raise
                await self._cancelled_by_admin()
        await self._post.delivered()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._state.status

    async def _next_chapter(self, moves: int) -> None:
        """One chapter; `moves` tells each of its steps whether a command moved the order on meanwhile."""
        match self._state.status:
            case OrderStatus.QUOTED:
                await self._until_moved(moves, lapse=self._expire_quote)
            case OrderStatus.CHECKING:
                await self._decide_again(moves)
            case OrderStatus.AWAITING_APPROVAL:
                await self._until_moved(moves, lapse=self._reject_unapproved)
            case OrderStatus.STOPPED:
                await self._until_moved(moves, lapse=self._cancel_stopped)
            case OrderStatus.CONFIRMED if self._state.wait is None:
                await self._reserve(moves)
            case OrderStatus.CONFIRMED | OrderStatus.PART_RESERVED | OrderStatus.AWAITING_PAYMENT:
                await self._until_moved(moves, lapse=self._release_unpaid)
            case OrderStatus.READY:
                await self._call_for_picking(moves)
                await self._until_moved(moves, lapse=self._release_unpaid)
            case OrderStatus.PICKING if self._waits_for(WaitReason.GATE):
                await self._until_moved(moves, lapse=self._unpick)
            case OrderStatus.PICKING:
                await self._until_moved(moves)
            case OrderStatus.SHIPPED:
                await self._invoice(moves)
            case OrderStatus.AWAITING_FINAL_PAYMENT:
                await self._until_moved(moves)
            case status:
                raise AssertionError(f"no chapter for an order that is {status}")

    # -- chapters -------------------------------------------------------------------------------------------------

    async def _decide_again(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._decide(SYSTEM)

    async def _expire_quote(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._end(OrderStatus.EXPIRED, CancelCommand(SYSTEM, "quote_expired"))

    async def _reject_unapproved(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._follow_answer(await self._expire_approval())

    async def _cancel_stopped(self, moves: int) -> None:
        async with self._my_turn(moves):
            lapsed = CancelCommand(SYSTEM, "credit_stop_lapsed")
            await self._end(OrderStatus.CANCELLED, lapsed, only_while=OrderStatus.STOPPED)

    async def _reserve(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._do(StockActivities.reserve_order, self._step(), apart=True)
            if self._waits_for(WaitReason.STOCK) and workflow.patched(LATE_MONEY):
                await self._do(OrderActivities.settle_late_money, self._step())

    async def _release_unpaid(self, moves: int) -> None:
        """Give the goods back, free the credit, have the manager call; then late money, or the end, is awaited."""
        async with self._my_turn(moves):
            wait = self._state.wait
            if wait and wait.reason is WaitReason.LATE_PAYMENT:
                await self._read_facts()  # money that came just before the end still counts (D7-7)
                if self._moves != moves:
                    return
                await self._end(OrderStatus.CANCELLED, CancelCommand(SYSTEM, "reservation_lapsed"))
                return
            if self._waits_for(WaitReason.PAYMENT) and workflow.patched(FRESH_MONEY):
                await self._look_for_money()
                if self._moves != moves:
                    return
            await self._do(LifetimeActivities.release_order, self._step())
            wait = self._state.wait
            if wait and wait.reason is WaitReason.LATE_PAYMENT:
                await self._do(OrderActivities.after_release, self._step())

    async def _look_for_money(self) -> None:
        """A reserve of which nobody can tell whether it is paid lives a day longer, once (D7-6)."""
        news = await self._fresh_money()
        if news is not PaymentNews.NONE:
            keep = KeepRequest(self._order.order_id, self._count_step(), news, self._clock.now())
            await self._do(LifetimeActivities.keep_reserve, keep)

    async def _unpick(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._read_facts()  # money that came just before the end still opens the gate
            if self._moves == moves:
                await self._do(StockActivities.unpick_order, self._step())

    async def _call_for_picking(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._do(FulfilmentActivities.call_for_picking, self._step())

    async def _invoice(self, moves: int) -> None:
        async with self._my_turn(moves):
            request = InvoiceRequest(self._order.order_id, self._shipment_round, self._clock.now())
            invoiced: Invoiced = await self._ask(InvoicingActivities.invoice_shipment, request)
            if invoiced.watch:
                start, watch = HandoffActivities.start_invoices, list(invoiced.watch)
                await own_step(start, watch, preset=options.HANDOFF)
            self._show(invoiced.state)
            self._post.send(invoiced.messages)
            await self._tell(invoiced.relieved, "exposure_lowered")

    async def _cancelled_by_admin(self) -> None:
        """Cancelled in the Temporal UI: compensate while that is still possible, otherwise go on."""
        self._cancel_heard = True
        if self._state.status not in CANCELLABLE:
            return
        try:
            async with self._my_turn():
                if self._state.status in CANCELLABLE:
                    await self._end(OrderStatus.CANCELLED, CancelCommand(SYSTEM, "cancelled_by_admin"))
        except (AlreadyOverError, ApplicationError):
            return  # too late to cancel: the order goes on

    # -- waiting --------------------------------------------------------------------------------------------------

    async def _until_moved(self, moves: int, lapse: Lapse | None = None) -> None:
        """Until the order moves on: look again at news, remind halfway, let the wait lapse at its end."""
        wait = self._state.wait
        asks = wait is not None and wait.on_expiry is OnExpiry.TASK
        reminder_at = wait.reminder_at if wait else None
        if reminder_at and not asks and reminder_at <= self._clock.now():
            reminder_at = None
        until = wait.until if wait and lapse and not asks else None
        while self._moves == moves and not self._cancel_unheard():
            if self._news_seen != self._news:
                await self._look_again(moves)
            elif await self._moved_or_news(moves, reminder_at or until):
                continue
            elif reminder_at:
                reminder_at = None
                await self._remind(moves)
            elif lapse:
                until = None  # a wait that refuses to lapse goes on until there is news
                await lapse(moves)

    async def _moved_or_news(self, moves: int, deadline: datetime | None) -> bool:
        """True when the order moved or there is news, False when the deadline came first."""

        def arrived() -> bool:
            return self._moves != moves or self._news_seen != self._news or self._cancel_unheard()

        if deadline is None:
            await workflow.wait_condition(arrived)
            return True
        left = self._clock.until(deadline)
        if left.total_seconds() <= 0:
            return arrived()
        label = f"{status_name(self._state.status)} — {deadline:%d.%m.%Y %H:%M} UTC"
        try:
            await workflow.wait_condition(arrived, timeout=left, timeout_summary=label)
        except TimeoutError:
            return arrived()  # payment and timer in one task: payment wins
        return True

    async def _look_again(self, moves: int) -> None:
        async with self._my_turn(moves):
            news = self._news
            if self._state.status in {OrderStatus.STOPPED, OrderStatus.AWAITING_APPROVAL}:
                await self._decide(SYSTEM)
            else:
                await self._read_facts()
            self._news_seen = news

    async def _read_facts(self) -> None:
        result: StepResult = await self._ask(OrderActivities.look_again, self._order.order_id, self._clock.now())
        self._show(result.state)
        self._post.send(result.messages)

    async def _remind(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._do(OrderActivities.remind, self._step())
