"""What people ask of an order, and what its neighbours tell it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.approvals import ApprovalActivities
    from activities.fulfilment import FulfilmentActivities
    from activities.gate import GateActivities
    from activities.lifetimes import LifetimeActivities
    from activities.orders import OrderActivities
    from activities.revisions import RevisionActivities
    from activities.short_close import ShortCloseActivities
    from activities.shortages import ShortageActivities
    from activities.stock import StockActivities
    from domain.credit_steps import (
        ApprovalCommand,
        ApprovalOutcome,
        ApprovalRequest,
        CreditOutcome,
        PlaceCommand,
    )
    from domain.fulfilment import CLOSABLE, CloseShortCommand, CloseShortRequest, UnpickCommand, UnpickRequest
    from domain.orders import (
        CANCELLABLE,
        CancelCommand,
        ExtendCommand,
        ExtendRequest,
        OrderState,
        OrderStatus,
        PickCommand,
        Role,
        ShipCommand,
        ShipRequest,
        StepResult,
        WaitReason,
    )
    from domain.reserve_life import ProofCommand, ProofRequest
    from domain.revisions import PICKED, REVISABLE, ReviseCommand, RevisedLine, ReviseOutcome, ReviseRequest
    from domain.shipment_gate import GateAnswer, GateCommand, GateOutcome, gate_facts, may_allow_ahead
    from domain.shortages import Choice, ShortageCommand, ShortageRequest, WeighedChoice
    from workflows.order_steps import OrderSteps
    from workflows.turns import refusal

GATE = "shipment-gate"
"""Orders that began before there was a gate ship without one."""
WAREHOUSES = "several-warehouses"
"""An order of several warehouses goes on picking while another of them picks or ships."""


class OrderCommands(OrderSteps):
    """The updates and signals of an order. A refusal in a validator leaves no trace in the history."""

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
            if outcome.refusal is None and not outcome.passed_on:
                at, verdict = self._clock.now().isoformat(), command.verdict
                self._answered = {"by": command.actor.id, "at": at, "decision": verdict}
            await self._follow_answer(outcome, command.actor)
            return outcome

    @answer_approval.validator
    def _only_by_another(self, command: ApprovalCommand) -> None:
        """Refused without a trace in history: a STOP, an answered request, one's own order (D2-12, D4-5, D4-8)."""
        proposal = self._proposal
        if proposal is None and self._state.status is OrderStatus.STOPPED:
            raise refusal("stop_not_approvable")
        if proposal is None and self._state.status is not OrderStatus.AWAITING_APPROVAL:
            if self._answered:
                raise refusal("already_decided", **self._answered)
            raise refusal("wrong_state", status=self._state.status, command="approve")
        if command.actor.id in (proposal.barred if proposal else self._barred):
            raise refusal("own_approval")
        asked = proposal.revision if proposal else self._asked_revision
        if asked is not None and command.revision not in {None, asked}:
            raise refusal("approval_other_revision", revision=str(asked), seen=str(command.revision))

    @workflow.update(description="Изменить заказ")
    async def revise(self, command: ReviseCommand) -> ReviseOutcome:
        """Write a new revision, decided again where it must be; the answer comes in the same call (D6-6)."""
        async with self._turn:
            self._may_revise(command)
            request = ReviseRequest(self._order.order_id, self._count_step(), command, self._clock.now())
            outcome: ReviseOutcome = await self._ask(RevisionActivities.revise_order, request)
            await self._follow_revision(outcome)
            if outcome.refit:
                await self._do(StockActivities.fit_reserve, self._step(command.actor))
            return outcome

    async def _follow_revision(self, outcome: ReviseOutcome) -> None:
        """Go where an edit led; its goods are another step."""
        self._barred = outcome.barred or self._barred
        self._asked_revision = outcome.revision
        self._propose(outcome.proposal)
        self._show(outcome.state)
        self._post.send(outcome.messages)
        await self._tell(outcome.relieved, "exposure_lowered")

    @revise.validator
    def _may_revise(self, command: ReviseCommand) -> None:  # noqa: ARG002 - validators take what their update takes
        if self._state.status in PICKED:
            raise refusal("edit_after_picking", status=self._state.status)
        self._only_in("revise", *REVISABLE)

    @workflow.update(description="Отменить заказ")
    async def cancel(self, command: CancelCommand) -> StepResult:
        """End the order; while goods are being picked, the warehouse acknowledges first (D6-8)."""
        async with self._turn:
            self._may_cancel(command)
            return await self._cancel(command)

    async def _cancel(self, command: CancelCommand) -> StepResult:
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

    @workflow.update(description="Выбор клиента: товара не хватает")
    async def choose_on_shortage(self, command: ShortageCommand) -> StepResult:
        """Wait, take a part, take another product, or cancel (D7-12). Credit is one step, goods are the next: whoever
        lost them in between is short again, and is asked again."""
        async with self._turn:
            self._is_asked(command)
            request = ShortageRequest(self._order.order_id, self._count_step(), command, self._clock.now())
            weighed: WeighedChoice = await self._ask(ShortageActivities.weigh_choice, request)
            if weighed.refusal is not None:
                self._shortage = None
                raise refusal(weighed.refusal)
            if weighed.lines is not None:
                await self._change_by_choice(command, weighed.lines)
            else:
                self._shortage = None
            if command.choice is Choice.CANCEL:
                await self._cancel(CancelCommand(command.actor, command.comment or ""))
            return StepResult(self._state)

    @choose_on_shortage.validator
    def _may_choose(self, command: ShortageCommand) -> None:
        if not self._turn.locked():  # the step under way may be the one that asks the customer
            self._is_asked(command)

    def _is_asked(self, command: ShortageCommand) -> None:
        if self._shortage is None:
            raise refusal("no_shortage")
        if command.choice is Choice.CANCEL:
            self._may_cancel(CancelCommand(command.actor, command.comment or ""))
        elif command.choice is not Choice.WAIT:
            self._may_revise(ReviseCommand(command.actor))

    async def _change_by_choice(self, command: ShortageCommand, lines: tuple[RevisedLine, ...]) -> None:
        """The order as the customer takes it: written, recorded as the choice, and its reserve fitted to it."""
        revised = ReviseCommand(command.actor, lines=lines, reason=command.comment)
        request = ReviseRequest(self._order.order_id, self._count_step(), revised, self._clock.now())
        outcome: ReviseOutcome = await self._ask(RevisionActivities.revise_order, request)
        await self._follow_revision(outcome)
        if not outcome.in_force and outcome.proposal is None and outcome.decision is not None:
            raise refusal("alternative_stopped", **gate_facts(outcome.decision.reasons, outcome.decision.currency))
        chosen = ShortageRequest(self._order.order_id, self._count_step(), command, self._clock.now())
        await self._do(ShortageActivities.record_choice, chosen)
        self._shortage = None
        if outcome.refit:
            await self._do(StockActivities.fit_reserve, self._step(command.actor))

    @workflow.update(description="Продлить резерв")
    async def extend_reservation(self, command: ExtendCommand) -> StepResult:
        """Give the reserve another lifetime (D7-10)."""
        async with self._turn:
            request = ExtendRequest(self._order.order_id, self._count_step(), command, self._clock.now())
            return await self._do(LifetimeActivities.extend_reservation, request)

    @workflow.update(description="Принять копию платёжного поручения")
    async def accept_proof(self, command: ProofCommand) -> StepResult:
        """Count a stored copy of a payment order (D7-10)."""
        async with self._turn:
            request = ProofRequest(self._order.order_id, self._count_step(), command, self._clock.now())
            return await self._do(LifetimeActivities.accept_proof, request)

    @workflow.update(description="Начать комплектацию")
    async def start_picking(self, command: PickCommand) -> StepResult:
        """A warehouse starts picking: the reserve becomes hard (D7-16)."""
        async with self._turn_between_shipments():
            if self._state.status is OrderStatus.PICKING and workflow.patched(WAREHOUSES):
                self._not_while_cancelling("start-picking")
            else:
                self._only_in("start-picking", OrderStatus.READY, OrderStatus.PART_RESERVED)
            if workflow.patched(GATE):
                await self._pass_gate(command.actor)
            step = replace(self._step(command.actor), warehouse=command.warehouse)
            picking = await self._do(FulfilmentActivities.start_picking, step)
            self._proposal = None
            return picking

    @workflow.update(description="Отгрузить")
    async def ship(self, command: ShipCommand) -> StepResult:
        """Write the goods off and invoice them; the answer comes when the invoice stands."""
        async with self._turn_between_shipments():
            self._only_in("ship", OrderStatus.PICKING)
            self._not_while_cancelling("ship")
            if workflow.patched(GATE):
                await self._pass_gate(command.actor)
            request = ShipRequest(self._order.order_id, self._count_step(), command, self._clock.now())
            self._shipment_round = request.round
            shipped = await self._do(FulfilmentActivities.ship_order, request)
        await workflow.wait_condition(lambda: self._state.status is not OrderStatus.SHIPPED)
        return StepResult(self._state, shipped.messages)

    @workflow.update(description="Разобрать собранное")
    async def unpick(self, command: UnpickCommand) -> StepResult:
        """Picked goods go back to the reserve, and the warehouse is called anew."""
        async with self._turn_between_shipments():
            self._may_unpick(command)
            request = UnpickRequest(self._order.order_id, self._count_step(), command, self._clock.now())
            return await self._do(FulfilmentActivities.unpick_goods, request)

    @unpick.validator
    def _may_unpick(self, command: UnpickCommand) -> None:  # noqa: ARG002 - validators take what their update takes
        if self._state.status is not OrderStatus.SHIPPED:
            self._only_in("unpick", OrderStatus.PICKING)
        self._not_while_cancelling("unpick")
        if self._waits_for(WaitReason.GATE):
            raise refusal("unpick_at_gate")

    @workflow.update(description="Закрыть остаток заказа")
    async def close_short(self, command: CloseShortCommand) -> StepResult:
        """What is not picked will not be delivered: the goods are free first, then the credit (D7-14)."""
        async with self._turn_between_shipments():
            self._may_close_short(command)
            request = CloseShortRequest(self._order.order_id, self._count_step(), command, self._clock.now())
            await self._do(ShortCloseActivities.close_lines_short, request)
            return await self._do(ShortCloseActivities.settle_short_close, request)

    @close_short.validator
    def _may_close_short(self, command: CloseShortCommand) -> None:  # noqa: ARG002 - as above
        self._only_in("close-short", *CLOSABLE, OrderStatus.SHIPPED)
        self._not_while_cancelling("close-short")

    @workflow.update(description="Решение по закрытой отгрузке")
    async def answer_gate(self, command: GateCommand) -> GateOutcome:
        """The head decides what becomes of picked goods before a closed gate: hold, ship, put back (D12-2)."""
        async with self._turn:
            self._stands_at_gate(command)
            answer = GateAnswer(self._order.order_id, self._count_step(), command, self._clock.now())
            outcome: GateOutcome = await self._ask(GateActivities.answer_gate, answer)
            self._show(outcome.state)
            self._post.send(outcome.messages)
            if outcome.unpick:
                await self._do(StockActivities.unpick_order, self._step(command.actor))
            return outcome

    @answer_gate.validator
    def _stands_at_gate(self, command: GateCommand) -> None:
        if not self._waits_for(WaitReason.GATE) and not may_allow_ahead(self._state, command.verdict):
            raise refusal("gate_open", status=self._state.status)

    @asynccontextmanager
    async def _turn_between_shipments(self) -> AsyncIterator[None]:
        """A turn that does not fall between a shipment and its invoice, which another warehouse may be waiting for."""
        while True:
            async with self._turn:
                if self._state.status is not OrderStatus.SHIPPED or not workflow.patched(WAREHOUSES):
                    yield
                    return
            await workflow.wait_condition(lambda: self._state.status is not OrderStatus.SHIPPED)

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
