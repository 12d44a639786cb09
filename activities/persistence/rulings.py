"""What a credit decision makes of an order: confirmed, waiting for an approval, or stopped (D2, D4)."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from activities.persistence import credit, orders, revisions
from activities.persistence.approvals import ask, newest_given, open_approval
from activities.persistence.context import OrderContext, notify_manager
from activities.persistence.decisions import Decided, last_decision
from activities.persistence.order_tables import ApprovalRow
from activities.persistence.tasks import cancel_tasks
from domain import waits
from domain.approvals import ApprovalKind, PricedLine, Tier, discount_reason
from domain.credit import CreditDecision, OrderAsk, Outcome, Reason, ReasonCode, with_reason
from domain.credit_release import money_to_release
from domain.orders import Actor, OrderState, OrderStatus, Proposal
from domain.policy import Policy
from domain.rates import Rate
from domain.reconsideration import WaitingOrder, codes_of, kept_until_paid

HELD = frozenset({OrderStatus.STOPPED, OrderStatus.AWAITING_APPROVAL})


@dataclass(frozen=True, slots=True)
class Ruling:
    """Where the order stands now, who may not approve it, and what to deliver.

    `price`: the discount that has to be approved before credit is asked for (D4-15).
    """

    state: OrderState
    barred: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    price: Reason | None = None


def rule(
    session: Session,
    context: OrderContext,
    decided: Decided,
    actor: Actor,
    *,
    key: str,
    at: datetime,
    asked_at: datetime | None = None,
) -> Ruling:
    """Carry a decision on the revision in force out.

    Args:
        key: from business, for the messages about it.
        asked_at: when the approver's time began to run, for a request that takes the place of another (D4-11).
    """
    order, decision = context.order, decided.decision
    request = _own_request(session, context, at=at)
    if decision.outcome is Outcome.STOP:
        if request is not None:
            return Ruling(orders.state_of(order))  # worse figures are met at the answer (D4-7)
        return _stop(session, context, decided, key=key, at=at)
    price = price_to_approve(session, context, decided.policy)
    if decision.outcome is Outcome.AUTO and price is None:
        return _pass(session, context, decided, request, key=key, at=at)
    if request is not None and (price is None or request.kind == ApprovalKind.PRICE):
        return Ruling(orders.state_of(order))  # the same request goes on
    if request is not None:
        withdraw(session, request, at=at)  # price first, then credit (D4-15)
    kind = ApprovalKind.CREDIT if price is None else ApprovalKind.PRICE
    ruling = ask_for(session, context, decision, actor, kind=kind, at=at, asked_at=asked_at)
    return replace(ruling, price=price)


def _own_request(session: Session, context: OrderContext, *, at: datetime) -> ApprovalRow | None:
    """The open request for the revision in force; one for a proposed revision makes way for the new decision."""
    order = context.order
    if order.status == OrderStatus.QUOTED:
        return None  # about a quote nobody is asked, nor is there a revision of it that waits
    request = open_approval(session, order.id)
    if request is not None and request.revision != order.revision:
        withdraw(session, request, at=at)
        request = None
    proposal = revisions.proposed(session, order.id)
    if proposal is not None:
        revisions.settle(session, order.id, proposal.revision, "withdrawn", at=at)
    return request


def _pass(
    session: Session, context: OrderContext, decided: Decided, request: ApprovalRow | None, *, key: str, at: datetime
) -> Ruling:
    order, decision, messages = context.order, decided.decision, []
    if request is not None:
        withdraw(session, request, at=at)
    if order.status in HELD:
        messages.append(notify_manager(session, context, f"{key}:freed", "order_confirmed", at=at))
    if any(reason.code is ReasonCode.WATCH for reason in decision.reasons):
        figures = {"exposure": decision.exposure, "limit": decision.limit, "currency": decision.currency}
        messages.append(notify_manager(session, context, key, "credit_watch", at=at, **figures))
    return Ruling(confirm(session, context, decided.facts.order_rate, at=at), messages=tuple(messages))


def _stop(session: Session, context: OrderContext, decided: Decided, *, key: str, at: datetime) -> Ruling:
    order = context.order
    if order.status == OrderStatus.STOPPED:
        return Ruling(orders.state_of(order))  # the same wait goes on
    codes = [reason.code for reason in decided.decision.reasons]
    needed = money_to_release(codes, decided.facts, decided.policy)
    figures = {"needed": needed, "currency": decided.facts.currency}
    message = notify_manager(session, context, key, "credit_stopped", at=at, **figures)
    state = orders.set_state(order, waits.stopped(at, context.policy), at=at)
    return Ruling(state, messages=(message,))


def ask_for(
    session: Session,
    context: OrderContext,
    decision: CreditDecision,
    actor: Actor,
    *,
    at: datetime,
    kind: ApprovalKind = ApprovalKind.CREDIT,
    tier: Tier = Tier.HEAD,
    asked_at: datetime | None = None,
) -> Ruling:
    """Open a request for the revision in force; the order waits for its answer (D4-3)."""
    asked = ask(session, context, decision, actor=actor, at=at, kind=kind, tier=tier, asked_at=asked_at)
    state = waits.awaiting_approval(asked_at or at, context.policy, context.calendar, now=at, who=asked.row.tier)
    return Ruling(orders.set_state(context.order, state, at=at), asked.barred, asked.messages)


def kept_stopped(session: Session, context: OrderContext, decided: Decided) -> bool:
    """D2-14: under `debt_zero` an edit does not lift what stopped the order for debt."""
    stored = last_decision(session, context.order.id)
    reasons = codes_of(stored.reasons) if stored is not None else ()
    ask = OrderAsk(decided.facts.order_credit)
    return kept_until_paid(WaitingOrder(str(context.order.id), ask, decided.policy, True, reasons), decided.facts)


def confirm(session: Session, context: OrderContext, rate: Rate | None, *, at: datetime) -> OrderState:
    """The order counts in the commitments of its account, by the rate of its decision, and goes on to its goods (D1-5,
    D2-18)."""
    order = context.order
    credit.commit_credit(session, order, rate)
    order.confirmed_at = order.confirmed_at or at
    return orders.set_state(order, OrderState(OrderStatus.CONFIRMED), at=at)


def withdraw(session: Session, request: ApprovalRow, *, at: datetime, state: str = "void") -> None:
    """Nobody has to answer any more; the tasks about it go."""
    request.state = state
    session.flush()
    cancel_tasks(session, at=at, order_id=request.order_id, kinds=["approval"])


@dataclass(frozen=True, slots=True)
class Weighed:
    """What became of a proposed revision; `decision` as people are told it."""

    in_force: bool
    decision: CreditDecision
    proposal: Proposal | None = None
    messages: tuple[str, ...] = ()


def weigh_proposal(
    session: Session, context: OrderContext, decided: Decided, actor: Actor, revision: int, *, at: datetime
) -> Weighed:
    """Carry a decision on a revision out that is not in force: it passes, asks, or is refused (D4-10, D6-6)."""
    decision = decided.decision
    if decision.outcome is Outcome.STOP:
        return Weighed(False, decision, messages=revisions.refuse(session, context, revision, decision, at=at))
    price = price_to_approve(session, context, decided.policy, revision)
    if decision.outcome is Outcome.AUTO and price is None:
        revisions.put_in_force(session, context, revision, at=at, rate=decided.facts.order_rate)
        return Weighed(True, decision)
    kind = ApprovalKind.CREDIT if price is None else ApprovalKind.PRICE
    proposal, messages = revisions.ask_for_proposal(session, context, decided, actor, revision, at=at, kind=kind)
    return Weighed(False, decision if price is None else with_reason(decision, price), proposal, messages)


def price_to_approve(
    session: Session, context: OrderContext, policy: Policy, revision: int | None = None
) -> Reason | None:
    """The discount of a revision that somebody has to approve before credit is asked for; None when there is none, or
    it was (D4-15)."""
    if policy.free_discount_percent >= 100:
        return None
    revision = context.order.revision if revision is None else revision
    lines = [PricedLine(line.price, line.list_price) for line in orders.lines_of(session, context.order, revision)]
    reason = discount_reason(lines, policy)
    if reason is None:
        return None
    given = newest_given(session, context.order.id, ApprovalKind.PRICE).get(ApprovalKind.PRICE)
    return None if given is not None and given.revision == revision else reason
