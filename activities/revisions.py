"""Editing an order before picking: a new revision, decided again where it must be (D4-10, D4-11, D6-6, D6-7)."""

from decimal import Decimal

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import credit, decisions, orders, revisions
from activities.persistence.approvals import climb, open_approval
from activities.persistence.context import OrderContext, context_of
from activities.persistence.events import record_event
from activities.persistence.order_tables import OrderLineRow
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.picking import renew_picking
from activities.persistence.quotes import revised_lines
from activities.persistence.reconsideration import reconsider_locked
from activities.persistence.reserve_lifetime import replan_shipment
from activities.persistence.rulings import HELD, kept_stopped, price_to_approve, rule, weigh_proposal, withdraw
from activities.persistence.steps import run_once
from domain.approvals import ladder
from domain.credit_steps import ApprovalOutcome
from domain.errors import EditAfterPickingError, NothingToChangeError, StaleVersionError, WrongStateError
from domain.optional import given_or
from domain.orders import OrderStatus, OrderStep, Proposal, WaitReason
from domain.pricing import Amounts, total
from domain.revisions import (
    PICKED,
    REVISABLE,
    ReviseCommand,
    ReviseOutcome,
    ReviseRequest,
    RevisionFigures,
    is_material,
)

_PLAIN = ("comment", "delivery_address", "contact_name", "contact_phone", "ship_on")


class RevisionActivities:
    """Each locks the credit account, then the order (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def revise_order(self, request: ReviseRequest) -> ReviseOutcome:
        """Write a new revision and decide what becomes of it.

        Raises:
            EditAfterPickingError, WrongStateError, NothingToChangeError, ProductNotFoundError, WarehouseNotFoundError,
            WrongCurrencyError, DuplicateLineError, ZeroTotalError, AmountTooLargeError
        """
        key = f"order:{request.order_id}:revise:{request.round}"
        return run_once(self._engine, key, ReviseOutcome, lambda s: _revise(s, request), as_of=request.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def climb_proposal(self, step: OrderStep) -> ApprovalOutcome:
        """Nobody answered the request for a proposed revision: climb its next rung (D4-3)."""
        key = f"order:{step.order_id}:climb:{step.round}"
        return run_once(self._engine, key, ApprovalOutcome, lambda s: _climb(s, step), as_of=step.as_of)


def _revise(session: Session, request: ReviseRequest) -> ReviseOutcome:
    account = credit.lock_account_of(session, request.order_id)
    order = orders.lock_order(session, request.order_id)
    if order.status in PICKED or orders.shipped_by_line(session, order.id):
        raise EditAfterPickingError(status=order.status)
    if order.status not in REVISABLE:
        raise WrongStateError(status=order.status, command="revise")
    context, command = context_of(session, order), request.command
    if command.revision is not None and command.revision != order.revision:
        raise StaleVersionError(current=str(order.revision))
    before = RevisionFigures(order.gross, order.prepayment_percent, order.deferral_days, order.ship_on)
    lines = revised_lines(session, order, command.lines) if command.lines is not None else None
    plain = _change_plain(session, context, command, request)
    sums = total(Amounts(line.net, line.vat, line.gross) for line in lines) if lines else None
    after = RevisionFigures(
        gross=sums.gross if sums else order.gross,
        prepayment_percent=given_or(command.prepayment_percent, order.prepayment_percent),
        deferral_days=given_or(command.deferral_days, order.deferral_days),
        ship_on=given_or(command.ship_on, before.ship_on),
    )
    changed = lines is not None and _differ(lines, orders.lines_of(session, order))
    if not changed and not is_material(before, after) and _same_terms(before, after):
        if not plain:
            raise NothingToChangeError(field="lines")
        waiting = revisions.open_proposal(session, order, as_of=request.as_of)
        return ReviseOutcome(orders.state_of(order), order.revision, in_force=True, proposal=waiting)
    if not changed or lines is None or sums is None:
        lines = [OrderLineRow(**line.model_dump()) for line in orders.lines_of(session, order)]
        sums = Amounts(net=order.net, vat=order.vat, gross=order.gross)
    _drop_proposal(session, context, request)
    row = revisions.add_next(
        session,
        order,
        lines,
        sums,
        command.actor,
        deferral_days=after.deferral_days,
        prepayment_percent=after.prepayment_percent,
        reason=command.reason,
        at=request.as_of,
    )
    record_event(session, "order", order.id, "revision_asked", command.actor, at=request.as_of, revision=row.revision,
                 gross=str(row.gross), reason=command.reason)  # fmt: skip
    material = is_material(before, after)
    return _settle(session, account, context, row.revision, request, material=material)


def _settle(
    session: Session,
    account: CreditAccountRow,
    context: OrderContext,
    revision: int,
    request: ReviseRequest,
    *,
    material: bool,
) -> ReviseOutcome:
    """What becomes of a written revision, by the state of its order (D6-6)."""
    order, at, actor = context.order, request.as_of, request.command.actor
    state, asking = orders.state_of(order), open_approval(session, order.id)
    if order.status in HELD:
        asked_at = asking.opened_at if asking is not None and not material else None
        if asking is not None:
            withdraw(session, asking, at=at)
        revisions.put_in_force(session, context, revision, at=at)
        decided = decisions.decide_now(session, account, context, as_of=at)
        if state.status is OrderStatus.STOPPED and kept_stopped(session, context, decided):
            return ReviseOutcome(orders.state_of(order), revision, in_force=True, decision=decided.decision)
        decisions.record_decision(session, context, decided, actor, occasion=f"revision-{revision}", at=at)
        key = f"order:{order.id}:revision:{revision}"
        ruling = rule(session, context, decided, actor, key=key, at=at, asked_at=asked_at)
        return ReviseOutcome(ruling.state, revision, in_force=True, decision=decided.decision, barred=ruling.barred,
                             messages=ruling.messages)  # fmt: skip
    undecided = order.status == OrderStatus.QUOTED or (
        state.wait is not None and state.wait.reason is WaitReason.LATE_PAYMENT
    )
    policy = decisions.policy_now(session, context, as_of=at)
    if undecided or not (material or price_to_approve(session, context, policy, revision)):
        state = revisions.put_in_force(session, context, revision, at=at, keeps_clearance=True)
        relieved = reconsider_locked(session, account, at=at)
        return ReviseOutcome(state, revision, in_force=True, refit=not undecided, relieved=relieved)
    return _propose(session, account, context, revision, request)


def _propose(
    session: Session, account: CreditAccountRow, context: OrderContext, revision: int, request: ReviseRequest
) -> ReviseOutcome:
    """A material edit of a confirmed order: decided with the old commitment left out; until it passes, the old
    revision stays in force (D4-10, D6-6)."""
    order, at, actor = context.order, request.as_of, request.command.actor
    terms = revisions.terms_of(session, order.id, revision)
    decided = decisions.decide_now(session, account, context, as_of=at, terms=terms)
    decisions.record_decision(
        session, context, decided, actor, occasion=f"revision-{revision}", at=at, revision=revision
    )
    weighed = weigh_proposal(session, context, decided, actor, revision, at=at)
    in_force = weighed.in_force
    relieved = reconsider_locked(session, account, at=at) if in_force else ()
    return ReviseOutcome(orders.state_of(order), revision, in_force, weighed.decision, refit=in_force,
                         proposal=weighed.proposal, messages=weighed.messages, relieved=relieved)  # fmt: skip


def _drop_proposal(session: Session, context: OrderContext, request: ReviseRequest) -> None:
    """A newer edit takes the place of one that still waits for approval."""
    older = revisions.proposed(session, context.order.id)
    if older is None:
        return
    revisions.settle(session, context.order.id, older.revision, "withdrawn", at=request.as_of)
    asking = open_approval(session, context.order.id)
    if asking is not None:
        withdraw(session, asking, at=request.as_of)


def _change_plain(session: Session, context: OrderContext, command: ReviseCommand, request: ReviseRequest) -> bool:
    """Address, contact, comment and day of shipment change without a revision (D4-11), and in the tasks of those who
    pick the goods (D12-3); whether anything did."""
    order, changes = context.order, {}
    for name in _PLAIN:
        value = getattr(command, name)
        if value is not None and value != getattr(order, name):
            changes[name] = str(value)
            setattr(order, name, value)
    if changes:
        order.version += 1
        record_event(session, "order", order.id, "details_changed", command.actor, at=request.as_of,
                     changed=sorted(changes))  # fmt: skip
    if "ship_on" in changes:
        replan_shipment(session, context, at=request.as_of)
    if changes:
        key = f"order:{order.id}:details:{request.round}"
        renew_picking(session, context, key, command.actor, at=request.as_of)
    return bool(changes)


def _differ(new: list[OrderLineRow], old: list[OrderLineRow]) -> bool:
    def essence(lines: list[OrderLineRow]) -> set[tuple[int, str, str, Decimal, Decimal]]:
        return {(line.line_no, line.sku, line.warehouse, line.quantity, line.price) for line in lines}

    return essence(new) != essence(old)


def _same_terms(before: RevisionFigures, after: RevisionFigures) -> bool:
    return (before.prepayment_percent, before.deferral_days) == (after.prepayment_percent, after.deferral_days)


def _climb(session: Session, step: OrderStep) -> ApprovalOutcome:
    order = orders.lock_order(session, step.order_id)
    context, at = context_of(session, order), step.as_of
    state, request = orders.state_of(order), open_approval(session, order.id)
    if request is None or request.revision == order.revision:
        return ApprovalOutcome(state)
    messages = climb(session, context, request, at=at)
    next_at = ladder(request.opened_at, context.policy, context.calendar).next_at(at)
    return ApprovalOutcome(state, messages=messages, proposal=Proposal(request.revision, next_at, request.deadline))
