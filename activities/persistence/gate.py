"""The shipment gate of an order: its facts, its record, and the wait before it (D12-1, D12-2)."""

from datetime import datetime
from typing import Any, TypeAlias

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlmodel import Session

from activities.persistence import credit, orders
from activities.persistence.context import OrderContext, assign, notify_manager, notify_role
from activities.persistence.decisions import Decided, decide_now, record_decision
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.tasks import cancel_tasks
from domain import waits
from domain.approvals import ApprovalKind
from domain.credit import Outcome
from domain.money import ZERO, percent_of
from domain.orders import Actor, OrderStatus, Role, WaitReason
from domain.shipment_gate import GateFacts, GateOutcome, GatePass, decide_gate

GATE_FACTS: TypeAdapter[GateFacts] = TypeAdapter(GateFacts)
_PASS: TypeAdapter[GatePass | None] = TypeAdapter(GatePass | None)


Seen: TypeAlias = tuple[Decided, GateFacts]


def look_through(session: Session, account: CreditAccountRow, context: OrderContext, *, as_of: datetime) -> Seen:
    """What the gate decides by the facts of this instant; nothing is written."""
    standing = credit.standing_of(session, context.order, today=context.today(as_of))
    gate = _gate_facts(session, context, standing, as_of=as_of)
    decided = decide_now(
        session, account, context, as_of=as_of, standing=standing,
        by=lambda facts, policy: decide_gate(facts, gate, policy),
    )  # fmt: skip
    return decided, gate


def check_gate(
    session: Session, account: CreditAccountRow, context: OrderContext, actor: Actor, *, occasion: str, as_of: datetime
) -> GateOutcome:
    """Decide and record. Picked goods before a closed gate wait for the head; before an open one, for the warehouse."""
    seen = look_through(session, account, context, as_of=as_of)
    return _carry_out(session, context, seen, actor, occasion=occasion, as_of=as_of)


def _carry_out(
    session: Session, context: OrderContext, seen: Seen, actor: Actor, *, occasion: str, as_of: datetime
) -> GateOutcome:
    order, (found, gate) = context.order, seen
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
    seen = look_through(session, account, context, as_of=as_of)
    found, _ = seen
    if found.decision.outcome is not Outcome.AUTO:
        return GateOutcome(orders.state_of(context.order), open=False, reasons=found.decision.reasons)
    occasion = f"gate-again-{context.order.version}"
    return _carry_out(session, context, seen, actor, occasion=occasion, as_of=as_of)


def _told(found: Decided) -> dict[str, Any]:
    return {"reasons": [reason.code for reason in found.decision.reasons], "exposure": str(found.decision.exposure)}


def _given(kind: ApprovalKind) -> str:
    """SQL: the newest approval of a kind, as a `GatePass`."""
    return f"""
        (SELECT jsonb_build_object('at', decided_at, 'ceiling', ceiling::text, 'reasons', reasons) FROM approval
          WHERE order_id = :order AND state = 'approved' AND kind = '{kind}' ORDER BY id DESC LIMIT 1)
    """


_PAPERS = text(f"""
    SELECT confirmed.decided_at, confirmed.credit_limit, confirmed.unlimited,
           {_given(ApprovalKind.CREDIT)} AS approved, {_given(ApprovalKind.GATE)} AS shipped_by_approval,
           EXISTS (SELECT 1 FROM reservation_line
                    WHERE order_id = :order AND state IN ('reserved', 'picking')) AS reserved,
           EXISTS (SELECT 1 FROM contact
                    WHERE customer_id = :customer AND (phone IS NOT NULL OR email IS NOT NULL)) AS reachable
      FROM (VALUES (1)) AS one (row) LEFT JOIN LATERAL
           (SELECT decided_at, credit_limit, coalesce((facts ->> 'unlimited')::boolean, false) AS unlimited
              FROM credit_decision WHERE order_id = :order AND rule = 'credit'
             ORDER BY revision = :revision DESC, id DESC LIMIT 1) confirmed ON true
""")
"""What there is about an order besides money: the credit decision that confirmed it, the newest of its revision or else
of any; approvals, goods, and somebody to call."""


def _gate_facts(session: Session, context: OrderContext, standing: credit.Standing, *, as_of: datetime) -> GateFacts:
    order = context.order
    asked = {"order": order.id, "revision": order.revision, "customer": order.customer_id}
    papers = session.execute(_PAPERS, asked).one()
    approved = _PASS.validate_python(papers.approved)
    required = percent_of(standing.gross, order.prepayment_percent)
    confirmed = max(filter(None, (order.confirmed_at or as_of, papers.decided_at)))
    return GateFacts(
        as_of=as_of,
        passed_at=max(confirmed, approved.at) if approved else confirmed,
        limit_then=papers.credit_limit or ZERO,
        unlimited_then=bool(papers.unlimited),
        funded=waits.is_funded(required, standing.received, context.tolerance(required)),
        reserved=papers.reserved,
        delivered=order.delivery_address is not None,
        address=bool((order.delivery_address or "").strip()),
        recipient=bool(order.contact_name and order.contact_phone) or papers.reachable,
        approved=approved,
        shipped_by_approval=_PASS.validate_python(papers.shipped_by_approval),
    )
