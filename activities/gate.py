"""The shipment gate as a step: checked before picking and before goods leave, answered by the head (D12-1, D12-2)."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import credit, orders
from activities.persistence.approvals import answerer, barred_from, next_round, requester_of
from activities.persistence.context import OrderContext, context_of, notify_manager
from activities.persistence.events import record_event
from activities.persistence.gate import check_gate, look_through
from activities.persistence.order_tables import ApprovalRow
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.steps import run_once
from activities.persistence.tasks import cancel_tasks
from domain import waits
from domain.approvals import ApprovalKind, Tier, check_answerer
from domain.credit_errors import GateClosedError, GateOpenError
from domain.orders import OrderStep, Role, WaitReason
from domain.shipment_gate import GateAnswer, GateOutcome, GateVerdict, approvable, gate_facts, may_allow_ahead


class GateActivities:
    """Each locks the credit account, then the order (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def check_shipment_gate(self, step: OrderStep) -> GateOutcome:
        """Decide whether goods may be picked, or leave; the decision is recorded like a credit decision (D2-11)."""
        key = f"order:{step.order_id}:gate:{step.round}"
        return run_once(self._engine, key, GateOutcome, lambda s: _check(s, step), as_of=step.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def answer_gate(self, answer: GateAnswer) -> GateOutcome:
        """Hold, ship by approval, or put back what stands picked before a closed gate (D12-2).

        Raises:
            GateOpenError, GateClosedError, OwnApprovalError, NotYourApprovalError
        """
        key = f"order:{answer.order_id}:gate-answer:{answer.round}"
        return run_once(self._engine, key, GateOutcome, lambda s: _answer(s, answer), as_of=answer.as_of)


def _check(session: Session, step: OrderStep) -> GateOutcome:
    account = credit.lock_account_of(session, step.order_id)
    order = orders.lock_order(session, step.order_id)
    context = context_of(session, order)
    return check_gate(session, account, context, step.actor, occasion=f"gate-{step.round}", as_of=step.as_of)


def _answer(session: Session, answer: GateAnswer) -> GateOutcome:
    account = credit.lock_account_of(session, answer.order_id)
    order = orders.lock_order(session, answer.order_id)
    context, command, at = context_of(session, order), answer.command, answer.as_of
    state = orders.state_of(order)
    at_gate = state.wait is not None and state.wait.reason is WaitReason.GATE
    if not at_gate and not may_allow_ahead(state, command.verdict):
        raise GateOpenError(status=order.status)
    check_answerer(
        answerer(session, command.actor),
        tier=Tier.HEAD,
        barred=barred_from(session, requester_of(session, order), order.manager_id, on=context.today(at)),
        customer_region=context.customer.region,
        revision=order.revision,
        seen_revision=None,
    )
    record_event(session, "order", order.id, f"gate_{command.verdict}", command.actor, at=at, comment=command.comment,
                 policy_version=order.policy_version)  # fmt: skip
    key = f"order:{order.id}:gate-answer:{answer.round}"
    told = (notify_manager(session, context, key, f"gate_{command.verdict}", at=at, comment=command.comment),)
    if command.verdict is GateVerdict.HOLD:
        held = waits.gate_closed(at, context.policy, context.calendar)
        return GateOutcome(orders.set_state(order, held, at=at), open=False, messages=told)
    cancel_tasks(session, at=at, order_id=order.id, kinds=["gate"])
    if command.verdict is GateVerdict.UNPICK:
        return GateOutcome(state, open=False, messages=told, unpick=True)
    _ship_by_approval(session, account, context, answer)
    if not at_gate:
        return GateOutcome(state, open=True, messages=told)
    state = orders.set_state(order, waits.picking(at, context.policy, context.calendar), at=at)
    return GateOutcome(state, open=True, messages=told)


def _ship_by_approval(session: Session, account: CreditAccountRow, context: OrderContext, answer: GateAnswer) -> None:
    """Approve what closes the gate now, up to the exposure of now.

    Raises:
        GateClosedError: a ban, missing money or missing papers close it: nobody approves these.
    """
    order, actor, at = context.order, answer.command.actor, answer.as_of
    found, _ = look_through(session, account, context, as_of=at)
    if not approvable(found.decision):
        raise GateClosedError(**gate_facts(found.decision.reasons, found.decision.currency))
    session.add(
        ApprovalRow(
            order_id=order.id,
            revision=order.revision,
            round=next_round(session, order.id, order.revision),
            ceiling=max(found.decision.exposure, Decimal(0)),
            requested_by=requester_of(session, order),
            owner_id=order.manager_id,
            state="approved",
            opened_at=at,
            deadline=at,
            decided_by=UUID(actor.id),
            decided_at=at,
            comment=answer.command.comment,
            kind=ApprovalKind.GATE,
            tier=Tier.DIRECTOR if actor.role is Role.DIRECTOR else Tier.HEAD,
            reasons=[reason.code for reason in found.decision.reasons],
        )
    )
