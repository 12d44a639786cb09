"""Credit steps of an order: the decision under the account's lock, and the answer to an approval request."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import credit, orders
from activities.persistence.context import OrderContext, assign, context_of, notify_manager, notify_role
from activities.persistence.events import record_event
from activities.persistence.standing import let_go
from activities.persistence.steps import run_once
from activities.persistence.tables import ApprovalRow
from activities.persistence.tasks import cancel_tasks
from domain import waits
from domain.credit import (
    ApprovalCommand,
    ApprovalOutcome,
    ApprovalRequest,
    CreditDecision,
    CreditFacts,
    CreditOutcome,
    CreditRequest,
    Outcome,
    ReasonCode,
    Verdict,
    decide_credit,
    within_ceiling,
)
from domain.credit_release import money_to_release
from domain.errors import OwnApprovalError, QuoteExpiredError, WrongStateError
from domain.orders import SYSTEM, Actor, OrderState, OrderStatus, Role
from domain.wording.credit import verdict_text

_HELD = {OrderStatus.STOPPED, OrderStatus.AWAITING_APPROVAL}
_DECIDABLE = {OrderStatus.QUOTED, OrderStatus.CHECKING, OrderStatus.STOPPED, OrderStatus.AWAITING_APPROVAL}


class CreditActivities:
    """Everything here locks the credit account first, then the order (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def decide_order_credit(self, request: CreditRequest) -> CreditOutcome:
        """Decide on the order's present revision and record it; the same occasion is decided once (D3-5).

        Raises:
            QuoteExpiredError: the quote's validity ran out before (D6-1).
            WrongStateError: the order is past its decision.
        """
        key = f"order:{request.order_id}:credit:{request.occasion}"
        return run_once(
            self._engine, key, CreditOutcome, lambda session: self._decide(session, request), as_of=request.as_of
        )

    def _decide(self, session: Session, request: CreditRequest) -> CreditOutcome:
        account = credit.lock_account(session, orders.account_of_order(session, request.order_id))
        order = orders.lock_order(session, request.order_id)
        if order.status not in _DECIDABLE:
            raise WrongStateError(status=order.status, command="place")
        if order.status == OrderStatus.QUOTED and request.as_of > order.quote_valid_until:
            raise QuoteExpiredError(valid_until=order.quote_valid_until.isoformat())
        context = context_of(session, order)
        order.placed_at = order.placed_at or request.as_of
        facts = credit.load_facts(session, account, context.policy, today=context.today(request.as_of), order=order)
        decision = decide_credit(facts, context.policy)
        credit.record_decision(session, order, request.occasion, facts, decision, at=request.as_of)
        _journal_decision(session, context, facts, decision, request.actor, at=request.as_of)
        return self._follow(session, context, facts, decision, request)

    def _follow(
        self,
        session: Session,
        context: OrderContext,
        facts: CreditFacts,
        decision: CreditDecision,
        request: CreditRequest,
    ) -> CreditOutcome:
        order, at, key = context.order, request.as_of, f"order:{request.order_id}:credit:{request.occasion}"
        messages: list[str] = []
        barred: tuple[str, ...] = ()
        request_open = credit.open_approval(session, order.id)
        if request_open is not None and decision.outcome is not Outcome.AUTO:
            return CreditOutcome(orders.state_of(order), decision, order.revision)  # the same request goes on
        if decision.outcome is Outcome.AUTO:
            if request_open is not None:
                request_open.state = "void"
                cancel_tasks(session, at=at, order_id=order.id, kinds=["approval"])
            if order.status in _HELD:
                messages.append(notify_manager(session, context, f"{key}:freed", "order_confirmed", at=at))
            state = _confirm(session, context, at=at)
            if any(reason.code is ReasonCode.WATCH for reason in decision.reasons):
                figures = {"exposure": decision.exposure, "limit": decision.limit}
                messages.append(notify_manager(session, context, key, "credit_watch", at=at, **figures))
        elif decision.outcome is Outcome.APPROVAL:
            state = waits.awaiting_approval(at, context.policy, context.calendar)
            barred = self._ask_approval(session, context, decision, request, state)
            until = state.wait.until if state.wait else None
            messages += notify_role(session, context, Role.HEAD, key, "approval_asked", at=at, until=until)
        elif order.status == OrderStatus.STOPPED:
            state = orders.state_of(order)  # still stopped: the same wait goes on
        else:
            state = waits.stopped(at, context.policy)
            needed = money_to_release([reason.code for reason in decision.reasons], facts, context.policy)
            messages.append(notify_manager(session, context, key, "credit_stopped", at=at, needed=needed))
        orders.set_state(order, state, at=at)
        return CreditOutcome(state, decision, order.revision, barred, tuple(messages))

    def _ask_approval(
        self,
        session: Session,
        context: OrderContext,
        decision: CreditDecision,
        request: CreditRequest,
        state: OrderState,
    ) -> tuple[str, ...]:
        """Open a request bound to order, revision and ceiling (D4-6); returns who may not answer it (D4-5)."""
        order, previous = context.order, credit.last_approval(session, context.order.id)
        wait = state.wait
        if wait is None or wait.until is None:
            raise AssertionError("an approval always has a deadline (D4-3)")
        requester = UUID(request.actor.id) if request.actor.id != SYSTEM.id else order.created_by
        round_ = 1 if previous is None or previous.revision != order.revision else previous.round + 1
        session.add(
            ApprovalRow(
                order_id=order.id,
                revision=order.revision,
                round=round_,
                ceiling=decision.exposure,
                requested_by=requester,
                owner_id=order.manager_id,
                state="open",
                opened_at=request.as_of,
                deadline=wait.until,
            )
        )
        assign(
            session,
            context,
            "approval",
            f"order:{order.id}:approval:{order.revision}:{round_}",
            Role.HEAD,
            due_at=wait.until,
            at=request.as_of,
            details={"ceiling": str(decision.exposure), "limit": str(decision.limit), "excess": str(decision.excess)},
        )
        return _barred(session, requester, order.manager_id)

    @activity.defn(no_thread_cancel_exception=True)
    def answer_approval(self, request: ApprovalRequest) -> ApprovalOutcome:
        """Record a person's answer; the first wins (D4-8), an approval is decided again under the lock (D4-7)."""
        command = request.command
        key = f"order:{request.order_id}:approval-answer:{command.actor.id}:{request.as_of.isoformat()}"
        return run_once(
            self._engine, key, ApprovalOutcome, lambda session: self._answer(session, request), as_of=request.as_of
        )

    def _answer(self, session: Session, request: ApprovalRequest) -> ApprovalOutcome:
        command, at = request.command, request.as_of
        account = credit.lock_account(session, orders.account_of_order(session, request.order_id))
        order = orders.lock_order(session, request.order_id)
        context = context_of(session, order)
        approval = credit.open_approval(session, order.id)
        if approval is None:
            return _too_late(session, context)
        if command.actor.id in _barred(session, approval.requested_by, approval.owner_id):
            raise OwnApprovalError(action="approve")
        approval.decided_by, approval.decided_at, approval.comment = UUID(command.actor.id), at, command.comment
        cancel_tasks(session, at=at, order_id=order.id, kinds=["approval"])
        key = f"order:{order.id}:approval:{approval.revision}:{approval.round}:answer"
        if command.verdict is not Verdict.APPROVE:
            return _turn_down(session, context, approval, command, key, at=at)
        facts = credit.load_facts(session, account, context.policy, today=context.today(at), order=order)
        decision = decide_credit(facts, context.policy)
        occasion = f"approval-{approval.revision}-{approval.round}"
        credit.record_decision(session, order, occasion, facts, decision, at=at)
        _journal_decision(session, context, facts, decision, command.actor, at=at)
        if within_ceiling(decision, approval.ceiling):
            approval.state = "approved"
            record_event(session, "order", order.id, "approved", command.actor, at=at, comment=command.comment,
                         ceiling=str(approval.ceiling), policy_version=order.policy_version)  # fmt: skip
            state = _confirm(session, context, at=at)
            orders.set_state(order, state, at=at)
            return ApprovalOutcome(state, messages=(_tell_verdict(session, context, command, key, at=at),))
        approval.state = "outdated"
        session.flush()
        ceiling = approval.ceiling
        again = CreditRequest(request.order_id, SYSTEM, f"{occasion}-again", at)
        outcome = self._follow(session, context, facts, decision, again)
        stopped = decision.outcome is Outcome.STOP
        return ApprovalOutcome(
            outcome.state,
            refusal="approval_stopped" if stopped else "approval_outdated",
            facts={
                "ceiling": str(ceiling),
                "exposure": str(decision.exposure),
                "limit": str(decision.limit),
                "currency": decision.currency,
            },
            barred=outcome.barred,
            messages=outcome.messages,
        )

    @activity.defn(no_thread_cancel_exception=True)
    def expire_approval(self, order_id: str, as_of: datetime) -> ApprovalOutcome:
        """Silence rejects, never approves; the manager gets a task (D4-3). An answer that came first stands."""
        key = f"order:{order_id}:approval-expired:{as_of.isoformat()}"
        return run_once(
            self._engine, key, ApprovalOutcome, lambda session: _expire(session, order_id, as_of), as_of=as_of
        )


def _expire(session: Session, order_id: str, at: datetime) -> ApprovalOutcome:
    credit.lock_account(session, orders.account_of_order(session, order_id))
    order = orders.lock_order(session, order_id)
    context = context_of(session, order)
    approval = credit.open_approval(session, order.id)
    if approval is None:
        return ApprovalOutcome(orders.state_of(order))
    approval.state = "expired"
    session.flush()
    returned = let_go(session, order, at=at)
    record_event(session, "order", order.id, "approval_expired", SYSTEM, at=at,
                 deadline=approval.deadline.isoformat(), money_returned_to_advance=str(returned))  # fmt: skip
    key = f"order:{order.id}:approval:{approval.revision}:{approval.round}:expired"
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, "approval_lapsed", key, Role.MANAGER, due_at=due_at, at=at)
    state = orders.set_state(order, OrderState(OrderStatus.REJECTED), at=at, reason="approval_expired")
    return ApprovalOutcome(state, messages=(notify_manager(session, context, key, "approval_lapsed", at=at),))


def _turn_down(
    session: Session, context: OrderContext, approval: ApprovalRow, command: ApprovalCommand, key: str, *, at: datetime
) -> ApprovalOutcome:
    """Reject ends the order; rework gives it back to the manager as a quote with fresh validity (D4-13)."""
    order = context.order
    if command.verdict is Verdict.REJECT:
        approval.state = "rejected"
        session.flush()
        let_go(session, order, at=at)
        state = orders.set_state(order, OrderState(OrderStatus.REJECTED), at=at, reason=command.comment)
    else:
        approval.state = "rework"
        orders.copy_to_next_revision(session, order)
        state = waits.quoted(at, context.policy, context.calendar)
        if state.wait is not None and state.wait.until is not None:
            order.quote_valid_until = state.wait.until
        due_at = context.calendar.after_working_days(at, 1)
        assign(session, context, "rework", key, Role.MANAGER, due_at=due_at, at=at, comment=command.comment)
        orders.set_state(order, state, at=at)
    record_event(session, "order", order.id, approval.state, command.actor, at=at, comment=command.comment)
    return ApprovalOutcome(state, messages=(_tell_verdict(session, context, command, key, at=at),))


def _tell_verdict(session: Session, context: OrderContext, command: ApprovalCommand, key: str, *, at: datetime) -> str:
    decision = f"{verdict_text(command.verdict)}, {command.actor.name}"
    return notify_manager(session, context, key, "approval_decided", at=at, decision=decision, comment=command.comment)


def _too_late(session: Session, context: OrderContext) -> ApprovalOutcome:
    """Why an answer has nothing to answer: decided by another, or the order moved on (D4-8, D4-9)."""
    state = orders.state_of(context.order)
    last = credit.last_approval(session, context.order.id)
    if last is None or last.decided_by is None or last.decided_at is None:
        return ApprovalOutcome(state, refusal="wrong_state", facts={"status": state.status, "command": "approve"})
    return ApprovalOutcome(
        state,
        refusal="already_decided",
        facts={
            "by": orders.user(session, last.decided_by).name,
            "at": last.decided_at.isoformat(),
            "decision": last.state,
        },
    )


def _confirm(session: Session, context: OrderContext, *, at: datetime) -> OrderState:
    order = context.order
    order.confirmed_at = order.confirmed_at or at
    credit.commit_credit(session, order)
    return OrderState(OrderStatus.CONFIRMED)


def _barred(session: Session, requester: UUID, owner: UUID) -> tuple[str, ...]:
    """Requester, owner and their deputies (D4-5)."""
    people = [orders.user(session, person) for person in dict.fromkeys((requester, owner))]
    deputies = [str(person.deputy_id) for person in people if person.deputy_id]
    return (*(str(person.id) for person in people), *deputies)


def _journal_decision(
    session: Session,
    context: OrderContext,
    facts: CreditFacts,
    decision: CreditDecision,
    actor: Actor,
    *,
    at: datetime,
) -> None:
    record_event(
        session,
        "order",
        context.order.id,
        "credit_decided",
        actor,
        at=at,
        policy_version=context.order.policy_version,
        outcome=decision.outcome,
        reasons=[reason.code for reason in decision.reasons],
        exposure=str(decision.exposure),
        figures=credit.facts_for_journal(facts),
    )
