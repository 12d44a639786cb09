"""The life of one order: quote, credit, goods, money."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.approvals import ApprovalActivities
    from activities.credit import CreditActivities
    from activities.fulfilment import FulfilmentActivities
    from activities.handoff import HandoffActivities
    from activities.invoicing import InvoicingActivities
    from activities.orders import OrderActivities
    from activities.stock import StockActivities
    from domain.credit_steps import (
        ApprovalCommand,
        ApprovalOutcome,
        ApprovalRequest,
        CreditOutcome,
        CreditRequest,
        PlaceCommand,
    )
    from domain.invoicing import InvoiceRequest
    from domain.orders import (
        CANCELLABLE,
        ENDED,
        SYSTEM,
        Actor,
        CancelCommand,
        EndRequest,
        ExtendCommand,
        ExtendRequest,
        OrderInput,
        OrderState,
        OrderStatus,
        OrderStep,
        PickCommand,
        Role,
        ShipCommand,
        ShipRequest,
        StepResult,
        WaitReason,
    )
    from domain.wording import status_name
    from workflows import ids, options
    from workflows.clock import BusinessClock
    from workflows.post import Post
    from workflows.turns import AlreadyOverError, Turn, refusal
    from workflows.waiting import show

Lapse = Callable[[int], Awaitable[None]]


@workflow.defn
class OrderWorkflow:
    """One execution per order, from the quote until the money is in or the order is dead.

    Every step is recorded in the database by its activity together with the state it leads to; this class keeps the
    place in the story, its deadlines and its neighbours. Steps take turns, so a person's command never meets a step
    half done.
    """

    @workflow.init
    def __init__(self, order: OrderInput) -> None:
        self._order = order
        self._state = order.state
        self._clock = BusinessClock(order.as_of)
        self._turn = asyncio.Lock()
        self._post = Post(self._clock)
        self._barred: tuple[str, ...] = ()
        self._answered: dict[str, str] = {}
        self._shipment_round = 0
        self._moves = 0
        self._steps = order.first_step
        self._cancel_heard = False
        self._news = 0
        self._news_seen = 0

    @workflow.run
    async def run(self, order: OrderInput) -> str:  # noqa: ARG002 - read by __init__
        """Move the order on, chapter by chapter, until it has ended."""
        self._show(self._state)
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
            case OrderStatus.PICKING:
                await self._until_moved(moves)
            case OrderStatus.SHIPPED:
                await self._invoice(moves)
            case OrderStatus.AWAITING_FINAL_PAYMENT:
                await self._until_moved(moves)
            case status:
                raise AssertionError(f"no chapter for an order that is {status}")

    # -- commands of people -------------------------------------------------------------------------------------

    @workflow.update(description="Разместить заказ: проверка кредита")
    async def place(self, command: PlaceCommand) -> CreditOutcome:
        """Decide on the quote's credit; the answer comes in the same call."""
        async with self._turn:
            self._only_in("place", OrderStatus.QUOTED)
            return await self._decide(command.actor)

    @workflow.update(description="Решение по согласованию")
    async def answer_approval(self, command: ApprovalCommand) -> ApprovalOutcome:
        """Approve, reject or send back for rework; the first answer stands (D4-8)."""
        async with self._turn:
            request = ApprovalRequest(self._order.order_id, command, self._clock.now())
            outcome: ApprovalOutcome = await self._ask(ApprovalActivities.answer_approval, request)
            self._barred = outcome.barred or self._barred
            if outcome.refusal is None:
                at, verdict = self._clock.now().isoformat(), command.verdict
                self._answered = {"by": command.actor.name, "at": at, "decision": verdict}
            self._show(outcome.state)
            self._post.send(outcome.messages)
            await self._tell(outcome.relieved, "exposure_lowered")
            return outcome

    @answer_approval.validator
    def _only_by_another(self, command: ApprovalCommand) -> None:
        """Refused without a trace in history: a STOP, an answered request, one's own order (D2-12, D4-5, D4-8)."""
        if self._state.status is OrderStatus.STOPPED:
            raise refusal("stop_not_approvable")
        if self._state.status is not OrderStatus.AWAITING_APPROVAL:
            if self._answered:
                raise refusal("already_decided", **self._answered)
            raise refusal("wrong_state", status=self._state.status, command="approve")
        if command.actor.id in self._barred:
            raise refusal("own_approval")

    @workflow.update(description="Отменить заказ")
    async def cancel(self, command: CancelCommand) -> StepResult:
        """End the order; while goods are being picked, the warehouse acknowledges first (D6-8)."""
        async with self._turn:
            self._may_cancel(command)
            if self._state.status is OrderStatus.PICKING and command.actor.role is not Role.WAREHOUSE:
                if self._cancel_is_asked():
                    return StepResult(self._state)
                return await self._do(OrderActivities.ask_cancel_acknowledgement, self._step(command.actor))
            return await self._end(OrderStatus.CANCELLED, command)

    @cancel.validator
    def _may_cancel(self, command: CancelCommand) -> None:
        if self._state.status not in CANCELLABLE:
            raise refusal("wrong_state", status=self._state.status, command="cancel")
        if command.actor.role is Role.WAREHOUSE and not self._cancel_is_asked():
            raise refusal("wrong_state", status=self._state.status, command="cancel")
        if self._state.status is OrderStatus.PICKING and command.actor.role is Role.MANAGER:
            raise refusal("cancel_needs_head")

    @workflow.update(description="Продлить резерв")
    async def extend_reservation(self, command: ExtendCommand) -> StepResult:
        """Give the reserve another lifetime (D7-10)."""
        async with self._turn:
            request = ExtendRequest(self._order.order_id, self._count_step(), command, self._clock.now())
            return await self._do(StockActivities.extend_reservation, request)

    @workflow.update(description="Начать комплектацию")
    async def start_picking(self, command: PickCommand) -> StepResult:
        """The warehouse starts picking: the reserve becomes hard (D7-16)."""
        async with self._turn:
            self._only_in("start-picking", OrderStatus.READY, OrderStatus.PART_RESERVED)
            return await self._do(FulfilmentActivities.start_picking, self._step(command.actor))

    @workflow.update(description="Отгрузить")
    async def ship(self, command: ShipCommand) -> StepResult:
        """Write the goods off and invoice them; the answer comes when the invoice stands."""
        async with self._turn:
            self._only_in("ship", OrderStatus.PICKING)
            if self._cancel_is_asked():
                raise refusal("wrong_state", status="cancelling", command="ship")
            request = ShipRequest(self._order.order_id, self._count_step(), command, self._clock.now())
            self._shipment_round = request.round
            shipped = await self._do(FulfilmentActivities.ship_order, request)
        await workflow.wait_condition(lambda: self._state.status is not OrderStatus.SHIPPED)
        return StepResult(self._state, shipped.messages)

    # -- facts from neighbours ------------------------------------------------------------------------------------

    @workflow.signal
    def payment_applied(self) -> None:
        """Money was applied to this order or its invoices."""
        self._news += 1

    @workflow.signal
    def stock_allocated(self) -> None:
        """The queue gave this order goods."""
        self._news += 1

    @workflow.signal
    def invoice_settled(self) -> None:
        """One of this order's invoices is paid."""
        self._news += 1

    @workflow.signal
    def exposure_lowered(self) -> None:
        """The account's exposure fell: a stopped order is decided again (D2-13)."""
        self._news += 1

    @workflow.query
    def state(self) -> OrderState:
        """Where the order stands and what it waits for."""
        return self._state

    # -- chapters -------------------------------------------------------------------------------------------------

    async def _decide_again(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._decide(SYSTEM)

    async def _expire_quote(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._end(OrderStatus.EXPIRED, CancelCommand(SYSTEM, "quote_expired"))

    async def _reject_unapproved(self, moves: int) -> None:
        async with self._my_turn(moves):
            outcome: ApprovalOutcome = await workflow.execute_activity_method(
                ApprovalActivities.expire_approval, args=[self._order.order_id, self._clock.now()], **options.DATABASE
            )
            self._show(outcome.state)
            self._post.send(outcome.messages)
            await self._tell(outcome.relieved, "exposure_lowered")

    async def _cancel_stopped(self, moves: int) -> None:
        async with self._my_turn(moves):
            lapsed = CancelCommand(SYSTEM, "credit_stop_lapsed")
            await self._end(OrderStatus.CANCELLED, lapsed, only_while=OrderStatus.STOPPED)

    async def _reserve(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._do(StockActivities.reserve_order, self._step())

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
            await self._do(StockActivities.release_order, self._step())
            wait = self._state.wait
            if wait and wait.reason is WaitReason.LATE_PAYMENT:
                await self._do(OrderActivities.after_release, self._step())

    async def _call_for_picking(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._do(FulfilmentActivities.call_for_picking, self._step())

    async def _invoice(self, moves: int) -> None:
        async with self._my_turn(moves):
            request = InvoiceRequest(self._order.order_id, self._shipment_round, self._clock.now())
            invoiced = await workflow.execute_activity_method(
                InvoicingActivities.invoice_shipment, request, **options.DATABASE
            )
            if invoiced.watch:
                await workflow.execute_activity_method(
                    HandoffActivities.start_invoices, list(invoiced.watch), **options.HANDOFF
                )
            self._show(invoiced.state)

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
        reminder_at = wait.reminder_at if wait and wait.reminder_at and wait.reminder_at > self._clock.now() else None
        until = wait.until if wait and lapse else None
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
        result: StepResult = await workflow.execute_activity_method(
            OrderActivities.look_again, args=[self._order.order_id, self._clock.now()], **options.DATABASE
        )
        self._show(result.state)

    async def _remind(self, moves: int) -> None:
        async with self._my_turn(moves):
            await self._do(OrderActivities.remind, self._step())

    # -- steps ----------------------------------------------------------------------------------------------------

    async def _decide(self, actor: Actor) -> CreditOutcome:
        occasion = f"decision-{self._count_step()}"
        request = CreditRequest(self._order.order_id, actor, occasion, self._clock.now())
        outcome: CreditOutcome = await self._ask(CreditActivities.decide_order_credit, request)
        self._barred = outcome.barred or self._barred
        self._show(outcome.state)
        self._post.send(outcome.messages)
        await self._tell(outcome.relieved, "exposure_lowered")
        return outcome

    async def _end(
        self, status: OrderStatus, command: CancelCommand, only_while: OrderStatus | None = None
    ) -> StepResult:
        """Undo in reverse order, each exactly once: the reserve, then commitment, money and tasks (D6-8).

        `only_while`: a wait of this status ran out; an order that credit set free meanwhile goes on.
        """
        await self._do(StockActivities.free_order_stock, self._step(command.actor))
        request = EndRequest(self._order.order_id, status, command.actor, command.reason, self._clock.now(), only_while)
        return await self._do(OrderActivities.end_order, request)

    async def _do(self, step: Any, request: Any) -> StepResult:
        """Run one recorded step, show where it led, deliver its messages and tell the orders it served."""
        result: StepResult = await self._ask(step, request)
        self._show(result.state)
        self._post.send(result.messages)
        await self._tell(result.served, "stock_allocated")
        await self._tell(result.relieved, "exposure_lowered")
        return result

    async def _tell(self, orders: tuple[str, ...], signal: str) -> None:
        if orders:
            workflow_ids = [ids.order_workflow_id(order_id) for order_id in orders]
            await workflow.execute_activity_method(
                HandoffActivities.signal_workflows, args=[workflow_ids, signal], **options.HANDOFF
            )

    async def _ask(self, step: Any, request: Any) -> Any:
        try:
            return await workflow.execute_activity_method(step, request, **options.DATABASE)
        except ActivityError as error:
            if isinstance(error.cause, ApplicationError):
                raise error.cause from error
            raise

    def _step(self, actor: Actor = SYSTEM) -> OrderStep:
        return OrderStep(self._order.order_id, self._count_step(), actor, self._clock.now())

    def _count_step(self) -> int:
        self._steps += 1
        return self._steps

    def _my_turn(self, moves: int | None = None) -> Turn:
        """The turn of a step; with `moves`, only if no command moved the order on while the turn was awaited."""
        return Turn(self._turn, lambda: self._state.status in ENDED or (moves is not None and self._moves != moves))

    def _cancel_unheard(self) -> bool:
        """A cancellation in the Temporal UI that a step swallowed by finishing at the same moment."""
        return not self._cancel_heard and workflow.cancellation_reason() is not None

    def _cancel_is_asked(self) -> bool:
        wait = self._state.wait
        return wait is not None and wait.reason is WaitReason.CANCEL_ACKNOWLEDGEMENT

    def _only_in(self, command: str, *statuses: OrderStatus) -> None:
        if self._state.status not in statuses:
            raise refusal("wrong_state", status=self._state.status, command=command)

    def _show(self, state: OrderState) -> None:
        if state != self._state:
            self._moves += 1
        self._state = state
        show(state.status, f"Заказ {self._order.number}: {status_name(state.status)}", state.wait)
