"""The answer to an approval request: given under the lock, decided again on the figures it meets (D4)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import credit, decisions, orders, revisions
from activities.persistence.approvals import (
    answerer_of,
    barred_by,
    instead_of,
    late_answer,
    open_approval,
    request_key,
)
from activities.persistence.context import OrderContext, assign, context_of, notify_manager
from activities.persistence.events import record_event
from activities.persistence.order_tables import ApprovalRow
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.reconsideration import reconsider_account, reconsider_locked
from activities.persistence.rulings import ask_for, confirm, rule, weigh_proposal, withdraw
from activities.persistence.standing import end_or_close_short
from activities.persistence.steps import run_once
from domain import waits
from domain.approvals import ApprovalKind, Tier, check_answerer, needs_director, within_ceiling
from domain.credit import Outcome
from domain.credit_steps import ApprovalCommand, ApprovalOutcome, ApprovalRequest, Verdict
from domain.money import ZERO
from domain.orders import SYSTEM, Actor, OrderStatus, Role
from domain.wording.credit import verdict_text


class ApprovalActivities:
    """Everything here locks the credit account first, then the order, then the request (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def answer_approval(self, request: ApprovalRequest) -> ApprovalOutcome:
        """Record a person's answer; the first wins (D4-8), an approval is decided again under the lock (D4-7).

        Raises:
            OwnApprovalError, NotYourApprovalError, ApprovalOfAnotherRevisionError
        """
        command = request.command
        key = f"order:{request.order_id}:approval-answer:{command.actor.id}:{request.as_of.isoformat()}"
        return run_once(self._engine, key, ApprovalOutcome, lambda s: _answer(s, request), as_of=request.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def expire_approval(self, order_id: str, as_of: datetime) -> ApprovalOutcome:
        """Silence rejects, never approves; the manager gets a task (D4-3). An answer that came first stands."""
        key = f"order:{order_id}:approval-expired:{as_of.isoformat()}"
        return run_once(self._engine, key, ApprovalOutcome, lambda s: _expire(s, order_id, as_of), as_of=as_of)


def _answer(session: Session, request: ApprovalRequest) -> ApprovalOutcome:
    command, at = request.command, request.as_of
    account = credit.lock_account_of(session, request.order_id)
    order = orders.lock_order(session, request.order_id)
    context = context_of(session, order)
    approval = open_approval(session, order.id)
    if approval is None:
        return _too_late(session, context)
    check_answerer(
        answerer_of(session, approval, command.actor),
        tier=Tier(approval.tier),
        barred=barred_by(session, approval, on=context.today(at)),
        customer_region=context.customer.region,
        revision=approval.revision,
        seen_revision=command.revision,
    )
    approval.decided_by, approval.decided_at, approval.comment = UUID(command.actor.id), at, command.comment
    approval.decided_for = instead_of(approval, command.actor)
    if command.verdict is not Verdict.APPROVE:
        return _turn_down(session, context, approval, command, at=at)
    return _approve(session, account, context, approval, command, at=at)


def _approve(
    session: Session,
    account: CreditAccountRow,
    context: OrderContext,
    approval: ApprovalRow,
    command: ApprovalCommand,
    *,
    at: datetime,
) -> ApprovalOutcome:
    """Decide again on the figures of this instant; within the ceiling the approval stands (D4-7)."""
    order, actor, key = context.order, command.actor, f"{request_key(approval)}:answer"
    proposed = approval.revision != order.revision
    terms = revisions.terms_of(session, order.id, approval.revision) if proposed else None
    decided = decisions.decide_now(session, account, context, as_of=at, terms=terms)
    occasion = f"approval-{approval.revision}-{approval.round}"
    decisions.record_decision(session, context, decided, actor, occasion=occasion, at=at, revision=approval.revision)
    if approval.kind == ApprovalKind.PRICE:
        _close(session, context, approval, "approved", command, at=at)
        told = _tell_verdict(session, context, command, key, at=at)
        return _after_price(session, context, approval, decided, told, at=at)
    if not within_ceiling(decided.decision, approval.ceiling):
        return _outdated(session, context, approval, decided, key, at=at)
    _close(session, context, approval, "approved", command, at=at)
    director_next = needs_director(decided.facts, decided.decision, decided.policy)
    if approval.tier == Tier.HEAD and director_next and actor.role is not Role.DIRECTOR:
        return _pass_on(session, context, approval, decided, at=at)
    messages = (_tell_verdict(session, context, command, key, at=at),)
    if proposed:
        state = revisions.put_in_force(session, context, approval.revision, at=at, rate=decided.facts.order_rate)
        relieved = reconsider_locked(session, account, at=at)  # it may come to less than the older one
        return ApprovalOutcome(state, messages=messages, revised=True, relieved=relieved)
    return ApprovalOutcome(confirm(session, context, decided.facts.order_rate, at=at), messages=messages)


def _after_price(
    session: Session,
    context: OrderContext,
    approval: ApprovalRow,
    decided: decisions.Decided,
    told: str,
    *,
    at: datetime,
) -> ApprovalOutcome:
    """The price is approved; now credit has its say (D4-15)."""
    requester = _requester(session, approval)
    if approval.revision == context.order.revision:
        ruling = rule(session, context, decided, requester, key=f"{request_key(approval)}:priced", at=at)
        return ApprovalOutcome(ruling.state, barred=ruling.barred, messages=(*ruling.messages, told))
    weighed = weigh_proposal(session, context, decided, requester, approval.revision, at=at)
    relieved = reconsider_account(session, context.order.credit_account_id, at=at) if weighed.in_force else ()
    return ApprovalOutcome(orders.state_of(context.order), messages=(*weighed.messages, told), revised=weighed.in_force,
                           proposal=weighed.proposal, relieved=relieved)  # fmt: skip


def _pass_on(
    session: Session, context: OrderContext, approval: ApprovalRow, decided: decisions.Decided, *, at: datetime
) -> ApprovalOutcome:
    """The head approved what the director decides besides (D4-1)."""
    requester = _requester(session, approval)
    if approval.revision != context.order.revision:
        proposal, messages = revisions.ask_for_proposal(
            session, context, decided, requester, approval.revision, at=at, tier=Tier.DIRECTOR
        )
        state = orders.state_of(context.order)
        return ApprovalOutcome(state, messages=messages, passed_on=True, proposal=proposal)
    ruling = ask_for(session, context, decided.decision, requester, at=at, tier=Tier.DIRECTOR)
    return ApprovalOutcome(ruling.state, barred=ruling.barred, messages=ruling.messages, passed_on=True)


def _outdated(
    session: Session,
    context: OrderContext,
    approval: ApprovalRow,
    decided: decisions.Decided,
    key: str,
    *,
    at: datetime,
) -> ApprovalOutcome:
    """Figures changed for the worse: a new request with the new ones, or a stop (D4-7)."""
    order, decision, requester = context.order, decided.decision, _requester(session, approval)
    withdraw(session, approval, at=at, state="outdated")
    facts = {
        "ceiling": str(approval.ceiling),
        "exposure": str(decision.exposure),
        "limit": str(decision.limit),
        "currency": decision.currency,
    }
    refusal = "approval_stopped" if decision.outcome is Outcome.STOP else "approval_outdated"
    if approval.revision == order.revision:
        ruling = rule(session, context, decided, requester, key=f"{key}-again", at=at)
        return ApprovalOutcome(ruling.state, refusal, facts, ruling.barred, ruling.messages)
    if decision.outcome is Outcome.STOP:
        messages = revisions.refuse(session, context, approval.revision, decision, at=at)
        return ApprovalOutcome(orders.state_of(order), refusal, facts, messages=messages)
    proposal, messages = revisions.ask_for_proposal(session, context, decided, requester, approval.revision, at=at)
    return ApprovalOutcome(orders.state_of(order), refusal, facts, messages=messages, proposal=proposal)


def _expire(session: Session, order_id: str, at: datetime) -> ApprovalOutcome:
    account = credit.lock_account_of(session, order_id)
    order = orders.lock_order(session, order_id)
    context = context_of(session, order)
    approval = open_approval(session, order.id)
    if approval is None or approval.deadline > at:
        return ApprovalOutcome(orders.state_of(order))
    withdraw(session, approval, at=at, state="expired")
    if approval.revision != order.revision:
        revisions.settle(session, order.id, approval.revision, "refused", at=at)
        state, returned = orders.state_of(order), ZERO
    else:
        state, returned = end_or_close_short(session, context, OrderStatus.REJECTED, SYSTEM, "approval_expired", at=at)
    record_event(session, "order", order.id, "approval_expired", SYSTEM, at=at, revision=approval.revision,
                 deadline=approval.deadline.isoformat(), money_returned_to_advance=str(returned))  # fmt: skip
    key = f"{request_key(approval)}:expired"
    due_at = context.calendar.after_working_days(at, 1)
    assign(session, context, "approval_lapsed", key, Role.MANAGER, due_at=due_at, at=at)
    message = notify_manager(session, context, key, "approval_lapsed", at=at)
    relieved = reconsider_locked(session, account, at=at)
    return ApprovalOutcome(state, messages=(message,), relieved=relieved)


def _turn_down(
    session: Session, context: OrderContext, approval: ApprovalRow, command: ApprovalCommand, *, at: datetime
) -> ApprovalOutcome:
    """Reject ends the order; rework gives it back to the manager as a quote with fresh validity (D4-13).

    A proposed revision alone is refused: the one in force stays (D6-6).
    """
    order, key = context.order, f"{request_key(approval)}:answer"
    told = (_tell_verdict(session, context, command, key, at=at),)
    rejected = command.verdict is Verdict.REJECT
    _close(session, context, approval, "rejected" if rejected else "rework", command, at=at)
    if not rejected:
        due_at = context.calendar.after_working_days(at, 1)
        assign(session, context, "rework", key, Role.MANAGER, due_at=due_at, at=at, comment=command.comment)
    if approval.revision != order.revision:
        revisions.settle(session, order.id, approval.revision, "refused", at=at)
        return ApprovalOutcome(orders.state_of(order), messages=told)
    if rejected:
        state, _ = end_or_close_short(session, context, OrderStatus.REJECTED, command.actor, command.comment, at=at)
        relieved = reconsider_account(session, order.credit_account_id, at=at)
        return ApprovalOutcome(state, messages=told, relieved=relieved)
    revisions.copy_to_next(session, order, command.actor, reason=command.comment, at=at)
    state = waits.quoted(at, context.policy, context.calendar)
    if state.wait is not None and state.wait.until is not None:
        order.quote_valid_until = state.wait.until
    return ApprovalOutcome(orders.set_state(order, state, at=at), messages=told)


def _close(
    session: Session,
    context: OrderContext,
    approval: ApprovalRow,
    state: str,
    command: ApprovalCommand,
    *,
    at: datetime,
) -> None:
    """The request is answered: its tasks go, the journal keeps who answered, for whom, and on what (D4-4)."""
    withdraw(session, approval, at=at, state=state)
    answered_for = orders.user(session, approval.decided_for).name if approval.decided_for else None
    record_event(
        session,
        "order",
        context.order.id,
        state,
        command.actor,
        at=at,
        policy_version=context.order.policy_version,
        kind=approval.kind,
        tier=approval.tier,
        revision=approval.revision,
        ceiling=str(approval.ceiling),
        currency=session.get_one(CreditAccountRow, context.order.credit_account_id).currency,
        comment=command.comment,
        answered_for=answered_for,
    )


def _requester(session: Session, approval: ApprovalRow) -> Actor:
    person = orders.user(session, approval.requested_by)
    return Actor(str(person.id), person.name, Role(person.role))


def _tell_verdict(session: Session, context: OrderContext, command: ApprovalCommand, key: str, *, at: datetime) -> str:
    decision = f"{verdict_text(command.verdict)}, {orders.user(session, UUID(command.actor.id)).name}"
    return notify_manager(session, context, key, "approval_decided", at=at, decision=decision, comment=command.comment)


def _too_late(session: Session, context: OrderContext) -> ApprovalOutcome:
    """Why an answer has nothing to answer: decided by another, expired, or the order moved on (D4-8, D4-9)."""
    order = context.order
    refusal = late_answer(session, order.id)
    if refusal is None:
        state = orders.state_of(order)
        return ApprovalOutcome(state, "wrong_state", {"status": state.status, "command": "approve"})
    code, facts = refusal
    return ApprovalOutcome(orders.state_of(order), code, facts)
