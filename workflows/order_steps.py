"""What every part of an order's process uses: its state, its turn, and how a step is done and shown."""

import asyncio
import contextlib
from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.approvals import ApprovalActivities
    from activities.credit import CreditActivities
    from activities.fresh_payments import FreshPaymentActivities
    from activities.gate import GateActivities
    from activities.orders import OrderActivities
    from activities.revisions import RevisionActivities
    from activities.shortages import ShortageActivities
    from activities.stock import StockActivities
    from domain.credit_steps import (
        ApprovalOutcome,
        CreditOutcome,
        CreditRequest,
    )
    from domain.orders import (
        ENDED,
        SYSTEM,
        Actor,
        CancelCommand,
        EndRequest,
        OpenShortage,
        OrderInput,
        OrderState,
        OrderStatus,
        OrderStep,
        Proposal,
        StepResult,
        WaitReason,
    )
    from domain.payments import PaymentState
    from domain.reserve_life import FreshPayments, FreshRequest, PaymentNews
    from domain.shipment_gate import GateOutcome, gate_facts
    from domain.wording import status_name
    from workflows import ids, options
    from workflows.clock import BusinessClock
    from workflows.own_steps import OWN_STEPS, own_step, tell
    from workflows.payment import take_in
    from workflows.post import Post
    from workflows.turns import AlreadyOverError, Turn, refusal
    from workflows.waiting import details, list_under


def _listed(state: OrderState) -> tuple[object, ...]:
    """What lists can find an order by."""
    return state.status, state.wait and state.wait.reason, state.wait and state.wait.until


class OrderSteps:
    """An order's place in its story, and its steps: each is recorded in the database by its activity together with
    the state it leads to. Steps take turns, so a person's command never meets a step half done."""

    def __init__(self, order: OrderInput) -> None:
        self._order = order
        self._state = order.state
        self._clock = BusinessClock(order.as_of)
        self._turn = asyncio.Lock()
        self._post = Post(self._clock)
        self._barred: tuple[str, ...] = ()
        self._answered: dict[str, str] = {}
        self._proposal: Proposal | None = order.proposal  # a command that starts the process comes before it runs
        self._shortage: OpenShortage | None = order.shortage
        self._asked_revision: int | None = None
        self._shipment_round = 0
        self._moves = 0
        self._watches: list[asyncio.Task[None]] = []
        self._steps = order.first_step
        self._listed_under: tuple[object, ...] | None = None
        self._written: str | None = None
        """The newest command that history is sure to hold: a call that is lost with its worker leaves no trace there,
        and what was done for it would be done under another key for the next."""
        self._cancel_heard = False
        self._news = 0
        self._news_seen = 0

    async def _decide(self, actor: Actor) -> CreditOutcome:
        occasion = f"decision-{self._count_step()}"
        request = CreditRequest(self._order.order_id, actor, occasion, self._clock.now())
        outcome: CreditOutcome = await self._ask(CreditActivities.decide_order_credit, request)
        self._barred = outcome.barred or self._barred
        self._asked_revision = outcome.revision
        self._show(outcome.state)
        self._post.send(outcome.messages)
        await self._tell(outcome.relieved, "exposure_lowered")
        return outcome

    async def _pass_gate(self, actor: Actor) -> None:
        """The shipment gate, before picking and before the goods leave (D2-11, D12-1)."""
        outcome: GateOutcome = await self._ask(GateActivities.check_shipment_gate, self._step(actor), binding=False)
        self._show(outcome.state)
        self._post.send(outcome.messages)
        if not outcome.open:
            raise refusal("gate_closed", **gate_facts(outcome.reasons, outcome.currency))

    async def _end(
        self, status: OrderStatus, command: CancelCommand, only_while: OrderStatus | None = None
    ) -> StepResult:
        """Undo in reverse order, each exactly once: the reserve, then commitment, money and tasks (D6-8).

        `only_while`: a wait of this status ran out; an order that credit set free meanwhile goes on.
        """
        await self._do(StockActivities.free_order_stock, self._step(command.actor))
        request = EndRequest(self._order.order_id, status, command.actor, command.reason, self._clock.now(), only_while)
        return await self._do(OrderActivities.end_order, request)

    async def _fresh_money(self) -> PaymentNews:
        """Ask for money before goods are given back, and take in what is brought (D7-6). No answer in time is one."""
        request = FreshRequest(self._order.order_id, self._clock.now())
        try:
            fresh: FreshPayments = await workflow.execute_activity_method(
                FreshPaymentActivities.ask_for_payments, request, summary="Проверить поступления", **options.POLL
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return PaymentNews.SILENT
        outcomes = [await take_in(draft, SYSTEM, self._clock) for draft in fresh.brought]
        queued = fresh.queued or any(outcome.state is PaymentState.UNMATCHED for outcome in outcomes)
        return PaymentNews.QUEUED if queued else PaymentNews.NONE

    async def _do(self, step: Any, request: Any, *, apart: bool = False) -> StepResult:
        """Run one recorded step, show where it led, deliver its messages and tell the orders it served."""
        result: StepResult = await self._ask(step, request, apart=apart)
        self._show(result.state)
        self._post.send(result.messages)
        await self._tell(result.served, "stock_allocated")
        await self._tell(result.relieved, "exposure_lowered")
        self._await_choice(result.shortage)
        return result

    async def _tell(self, orders: tuple[str, ...], signal: str) -> None:
        if orders:
            workflow_ids = [ids.order_workflow_id(order_id) for order_id in orders]
            await tell(workflow_ids, signal)

    async def _ask(self, step: Any, *request: Any, binding: bool = True, apart: bool = False) -> Any:
        """Run one step. The first that a command takes is written down before it begins, unless it binds nobody.

        `apart`: so is this one; whoever waits at the door for the step before it does not wait for it.
        """
        command = workflow.current_update_info()
        unwritten = binding and command is not None and command.id != self._written
        if command is not None and unwritten:
            self._written = command.id
        try:
            if unwritten or apart:
                return await workflow.execute_activity_method(step, args=request, **options.DATABASE)
            return await own_step(step, *request)
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
        return self._waits_for(WaitReason.CANCEL_ACKNOWLEDGEMENT)

    def _waits_for(self, reason: WaitReason) -> bool:
        return self._state.wait is not None and self._state.wait.reason is reason

    def _not_while_cancelling(self, command: str) -> None:
        if self._cancel_is_asked():
            raise refusal("wrong_state", status="cancelling", command=command)

    def _only_in(self, command: str, *statuses: OrderStatus) -> None:
        if self._state.status not in statuses:
            raise refusal("wrong_state", status=self._state.status, command=command)

    def _show(self, state: OrderState) -> None:
        if state != self._state:
            self._moves += 1
        self._state = state
        listed = _listed(state)
        if listed != self._listed_under or not workflow.patched(OWN_STEPS):
            self._listed_under = listed
            list_under(state.status, state.wait)
        title = f"Заказ {self._order.number}: {status_name(state.status)}"
        workflow.set_current_details(details(title, state.wait))

    # -- a proposed revision, beside the order's own story --------------------------------------------------------

    def _propose(self, proposal: Proposal | None) -> None:
        """Watch a revision that waits for approval, in the place of any other."""
        self._proposal = proposal
        if proposal is not None:
            self._watches.append(asyncio.create_task(self._watch(proposal)))

    async def _watch(self, proposal: Proposal) -> None:
        """Climb its ladder while nobody answers; silence refuses it (D4-3)."""

        def over() -> bool:
            return self._proposal != proposal or self._state.status in ENDED

        left = self._clock.until(proposal.next_at or proposal.until)
        if left.total_seconds() > 0:
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(over, timeout=left, timeout_summary="Согласование изменения")
        if over():
            return
        with contextlib.suppress(AlreadyOverError):
            async with Turn(self._turn, over):
                if proposal.next_at is None:
                    outcome = await self._expire_approval()
                else:
                    outcome = await self._ask(RevisionActivities.climb_proposal, self._step())
                barred = outcome.proposal and replace(outcome.proposal, barred=proposal.barred)
                await self._follow_answer(replace(outcome, proposal=barred))

    async def _follow_answer(self, outcome: ApprovalOutcome, actor: Actor = SYSTEM) -> None:
        """Go where an answer, or silence, led."""
        self._barred = outcome.barred or self._barred
        self._propose(outcome.proposal)
        self._show(outcome.state)
        self._post.send(outcome.messages)
        await self._tell(outcome.relieved, "exposure_lowered")
        if outcome.revised:
            await self._do(StockActivities.fit_reserve, self._step(actor))

    async def _expire_approval(self) -> ApprovalOutcome:
        at = self._clock.now()
        outcome: ApprovalOutcome = await self._ask(ApprovalActivities.expire_approval, self._order.order_id, at)
        return outcome

    # -- the customer's choice while goods are short, beside it too ----------------------------------------------

    def _await_choice(self, shortage: OpenShortage | None) -> None:
        """Watch a question to the customer, in the place of any other; None, or the same one, asks nothing new."""
        if shortage is not None and shortage != self._shortage:
            self._shortage = shortage
            self._watch_shortage()

    def _watch_shortage(self) -> None:
        if self._shortage is not None:
            self._watches.append(asyncio.create_task(self._watch_choice(self._shortage)))

    async def _watch_choice(self, shortage: OpenShortage) -> None:
        """Silence means waiting (D7-12)."""

        def over() -> bool:
            return self._shortage != shortage or self._state.status in ENDED

        left = self._clock.until(shortage.until)
        if left.total_seconds() > 0:
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(over, timeout=left, timeout_summary="Выбор клиента: товара не хватает")
        if over():
            return
        with contextlib.suppress(AlreadyOverError):
            async with Turn(self._turn, over):
                self._shortage = None
                await self._do(ShortageActivities.lapse_shortage, self._step())
