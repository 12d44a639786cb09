"""The shipment gate of an order: its facts, its record, and the wait before it (D12-1, D12-2)."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter
from sqlmodel import Session

from activities.persistence import credit, orders, stock
from activities.persistence.approvals import newest_given
from activities.persistence.context import OrderContext, assign, notify_manager, notify_role
from activities.persistence.decisions import FACTS, Decided, facts_now, last_decision, record_decision
from activities.persistence.order_tables import ApprovalRow
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.tasks import cancel_tasks
from domain import waits
from domain.approvals import ApprovalKind
from domain.credit import Outcome
from domain.money import ZERO
from domain.orders import Actor, OrderStatus, Role, WaitReason
from domain.shipment_gate import GateFacts, GateOutcome, GatePass, decide_gate

GATE_FACTS: TypeAdapter[GateFacts] = TypeAdapter(GateFacts)


def look_through(
    session: Session, account: CreditAccountRow, context: OrderContext, *, as_of: datetime
) -> tuple[Decided, GateFacts]:
    """What the gate decides by the facts of this instant; nothing is written."""
    received = credit.received_for_order(session, context.order.id)
    facts, policy, overlay = facts_now(session, account, context, as_of=as_of, received=received)
    gate = _gate_facts(session, context, received, as_of=as_of)
    return Decided(facts, policy, overlay, decide_gate(facts, gate, policy)), gate


def check_gate(
    session: Session, account: CreditAccountRow, context: OrderContext, actor: Actor, *, occasion: str, as_of: datetime
) -> GateOutcome:
    """Decide and record. Picked goods before a closed gate wait for the head; before an open one, for the warehouse."""
    order = context.order
    found, gate = look_through(session, account, context, as_of=as_of)
    stored = GATE_FACTS.dump_python(gate, mode="json")
    record_decision(session, context, found, actor, occasion=occasion, at=as_of, gate=stored)
    state = orders.state_of(order)
    waits_here = state.wait is not None and state.wait.reason is WaitReason.GATE
    if found.decision.outcome is Outcome.AUTO:
        if waits_here:
            cancel_tasks(session, at=as_of, order_id=order.id, kinds=["gate"])
            state = orders.set_state(order, waits.picking(as_of, context.policy, context.calendar), at=as_of)
        return GateOutcome(state, open=True)
    messages: list[str] = []
    key = f"order:{order.id}:{occasion}"
    if order.status == OrderStatus.PICKING and not waits_here:
        state = orders.set_state(order, waits.gate_closed(as_of, context.policy, context.calendar), at=as_of)
        until = state.wait.until if state.wait else None
        assign(session, context, "gate", key, Role.HEAD, due_at=until or as_of, at=as_of, details=_told(found))
        messages += notify_role(session, context, Role.HEAD, key, "gate_closed", at=as_of, until=until)
    elif order.status != OrderStatus.PICKING:
        messages.append(notify_manager(session, context, key, "gate_shut", at=as_of))
        messages += notify_role(session, context, Role.HEAD, key, "gate_shut", at=as_of)
    return GateOutcome(state, False, found.decision.reasons, tuple(messages), currency=found.decision.currency)


def recheck_gate(
    session: Session, account: CreditAccountRow, context: OrderContext, actor: Actor, *, as_of: datetime
) -> GateOutcome:
    """Look again for goods that wait before a closed gate; only an opening is recorded."""
    found, _ = look_through(session, account, context, as_of=as_of)
    if found.decision.outcome is not Outcome.AUTO:
        return GateOutcome(orders.state_of(context.order), open=False, reasons=found.decision.reasons)
    occasion = f"gate-again-{context.order.version}"
    return check_gate(session, account, context, actor, occasion=occasion, as_of=as_of)


def _told(found: Decided) -> dict[str, Any]:
    return {"reasons": [reason.code for reason in found.decision.reasons], "exposure": str(found.decision.exposure)}


def _gate_facts(session: Session, context: OrderContext, received: Decimal, *, as_of: datetime) -> GateFacts:
    order = context.order
    given = newest_given(session, order.id, ApprovalKind.CREDIT, ApprovalKind.GATE)
    approved, shipped = given.get(ApprovalKind.CREDIT), given.get(ApprovalKind.GATE)
    then = last_decision(session, order.id, revision=order.revision) or last_decision(session, order.id)
    required = credit.required_prepayment(session, order)
    confirmed = max(order.confirmed_at or as_of, then.decided_at) if then is not None else order.confirmed_at or as_of
    return GateFacts(
        as_of=as_of,
        passed_at=max(confirmed, approved.decided_at) if approved and approved.decided_at else confirmed,
        limit_then=then.credit_limit if then is not None else ZERO,
        unlimited_then=then is not None and FACTS.validate_python(then.facts).unlimited,
        funded=waits.is_funded(required, received, context.tolerance(required)),
        reserved=any(line.state in {"reserved", "picking"} for line in stock.reservation_lines(session, order.id)),
        delivered=order.delivery_address is not None,
        address=bool((order.delivery_address or "").strip()),
        recipient=bool(order.contact_name and order.contact_phone) or credit.has_contact(session, order.customer_id),
        approved=_pass(approved),
        shipped_by_approval=_pass(shipped),
    )


def _pass(row: ApprovalRow | None) -> GatePass | None:
    if row is None or row.decided_at is None:
        return None
    return GatePass(row.decided_at, row.ceiling, tuple(row.reasons))
