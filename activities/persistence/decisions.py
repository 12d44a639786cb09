"""The record of credit decisions: every input stored, so that each re-computes bit for bit (D2-19, U2)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence.context import OrderContext
from activities.persistence.credit import Terms, ask_of, load_facts
from activities.persistence.events import record_event
from activities.persistence.grants import load_grants, overlay_of
from activities.persistence.order_tables import CreditDecisionRow
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.policies import policy_version
from activities.persistence.rates import load_rates, worth, worth_by
from domain.credit import CreditDecision, CreditFacts, decide_credit
from domain.orders import Actor
from domain.policy import Policy
from domain.rates import DayRates

FACTS: TypeAdapter[CreditFacts] = TypeAdapter(CreditFacts)
_REASONS: TypeAdapter[Any] = TypeAdapter(CreditDecision)

_EVIDENCE = text(f"""
    SELECT jsonb_build_object(
      'invoices', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                     'id', line.id, 'number', invoice.number, 'due', line.due_date,
                     'residual', {worth("line.residual", "invoice.currency")}::text)
                     || CASE WHEN invoice.currency = :base THEN '{{}}'::jsonb ELSE jsonb_build_object(
                          'currency', invoice.currency, 'owed', line.residual::text) END
                     ORDER BY line.due_date, line.id), '[]'::jsonb)
                     FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
                    WHERE invoice.credit_account_id = :account AND line.residual > 0),
      'orders', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'number', o.number, 'credit',
                     round(greatest(0, c.uninvoiced - greatest(c.required_prepayment, coalesce(got.amount, 0)))
                           * c.rate, 2)::text)
                     || CASE WHEN o.currency = :base THEN '{{}}'::jsonb ELSE jsonb_build_object(
                          'currency', o.currency, 'rate', c.rate::text) END
                     ORDER BY o.id), '[]'::jsonb)
                   FROM commitment c JOIN sales_order o ON o.id = c.order_id LEFT JOIN LATERAL
                     (SELECT sum(amount) AS amount FROM payment_allocation WHERE order_id = c.order_id) got ON true
                  WHERE c.credit_account_id = :account AND c.order_id IS DISTINCT FROM :order))
""")


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with what it was made on. `overlay`: what the customer's contract changed in the policy (D5-6)."""

    facts: CreditFacts
    policy: Policy
    overlay: Mapping[str, Any]
    decision: CreditDecision


def decide_now(
    session: Session, account: CreditAccountRow, context: OrderContext, *, as_of: datetime, terms: Terms | None = None
) -> Decided:
    """Decide on an order by the facts of this instant; record it with `record_decision`. `terms`: of a revision that
    is not in force."""
    facts, policy, overlay = facts_now(session, account, context, as_of=as_of, terms=terms)
    return Decided(facts, policy, overlay, decide_credit(facts, policy))


def facts_now(
    session: Session,
    account: CreditAccountRow,
    context: OrderContext,
    *,
    as_of: datetime,
    terms: Terms | None = None,
    received: Decimal | None = None,
) -> tuple[CreditFacts, Policy, Mapping[str, Any]]:
    """What a decision on an order is made on at this instant: figures, policy, and what the customer's contract changes
    in it (D5-6). `terms`: of a revision that is not in force; `received`: money tied to the order, when it is known."""
    order, today = context.order, context.today(as_of)
    grants = load_grants(session, account.id)
    overlay = overlay_of(grants, order.customer_id, today=today)
    policy = policy_version(session, order.policy_version, overlay)
    rates = load_rates(session, account.currency, today=today)
    ask = ask_of(session, order, today=today, terms=terms, received=received, rates=rates)
    facts = load_facts(session, account, today=today, order_id=order.id, ask=ask, grants=grants, rates=rates)
    return facts, policy, overlay


def policy_now(session: Session, context: OrderContext, *, as_of: datetime) -> Policy:
    """The order's policy with its customer's own terms of that day (D5-6)."""
    grants = load_grants(session, context.order.credit_account_id)
    overlay = overlay_of(grants, context.order.customer_id, today=context.today(as_of))
    return policy_version(session, context.order.policy_version, overlay)


def record_decision(
    session: Session,
    context: OrderContext,
    decided: Decided,
    actor: Actor,
    *,
    occasion: str,
    at: datetime,
    revision: int | None = None,
    gate: Mapping[str, Any] | None = None,
) -> None:
    """Store the decision with all its inputs (D2-19) and tell the journal.

    The key (order, revision, occasion) is unique (D3-5). `gate`: what the shipment gate looked at besides.
    """
    order, decision = context.order, decided.decision
    reasons = _REASONS.dump_python(decision, mode="json")["reasons"]
    by = worth_by(DayRates(decided.facts.currency, decided.facts.rates))
    evidence = session.execute(_EVIDENCE, {"account": order.credit_account_id, "order": order.id, **by}).scalar_one()
    session.add(
        CreditDecisionRow(
            order_id=order.id,
            revision=order.revision if revision is None else revision,
            occasion=occasion,
            credit_account_id=order.credit_account_id,
            outcome=decision.outcome,
            reasons=reasons,
            facts=FACTS.dump_python(decided.facts, mode="json"),
            exposure=decision.exposure,
            credit_limit=decision.limit,
            policy_version=order.policy_version,
            decided_at=at,
            rule="credit" if gate is None else "gate",
            overlay=dict(decided.overlay) or None,
            gate=None if gate is None else dict(gate),
            evidence=evidence,
            actor_id=UUID(actor.id),
            actor_name=actor.name,
        )
    )
    record_event(
        session,
        "order",
        order.id,
        "credit_decided" if gate is None else "gate_decided",
        actor,
        at=at,
        policy_version=order.policy_version,
        outcome=decision.outcome,
        reasons=[reason.code for reason in decision.reasons],
        exposure=str(decision.exposure),
        currency=decision.currency,
        revision=order.revision if revision is None else revision,
        figures=_figures(decided.facts),
    )


def last_decision(session: Session, order_id: UUID, *, revision: int | None = None) -> CreditDecisionRow | None:
    """The newest credit decision of the order, or of one of its revisions: the one made last under the lock, whatever
    the clock of the process said that made it."""
    query = select(CreditDecisionRow).where(CreditDecisionRow.order_id == order_id, CreditDecisionRow.rule == "credit")
    if revision is not None:
        query = query.where(CreditDecisionRow.revision == revision)
    return session.exec(query.order_by(col(CreditDecisionRow.id).desc()).limit(1)).first()


def recorded(session: Session, row: CreditDecisionRow) -> tuple[CreditDecision, CreditFacts, Policy]:
    """A recorded credit decision computed again, with its inputs."""
    facts, policy = FACTS.validate_python(row.facts), policy_version(session, row.policy_version, row.overlay)
    return decide_credit(facts, policy), facts, policy


def _figures(facts: CreditFacts) -> dict[str, str]:
    """The sums of a decision as strings, for the journal."""
    return {name: str(value) for name, value in asdict(facts).items() if isinstance(value, Decimal)}
