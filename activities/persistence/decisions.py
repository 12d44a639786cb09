"""The record of credit decisions: every input stored, so that each re-computes bit for bit (D2-19, U2)."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import TypeAdapter
from sqlmodel import Session, col, select

from activities.persistence.context import OrderContext
from activities.persistence.credit import Standing, Terms, ask_of
from activities.persistence.events import record_event
from activities.persistence.figures import evidence_for, load_figures
from activities.persistence.grants import load_grants, overlay_of
from activities.persistence.order_tables import CreditDecisionRow
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.policies import policy_version
from domain.credit import CreditDecision, CreditFacts, decide_credit
from domain.orders import Actor
from domain.policy import Policy

FACTS: TypeAdapter[CreditFacts] = TypeAdapter(CreditFacts)
_REASONS: TypeAdapter[Any] = TypeAdapter(CreditDecision)

Rule: TypeAlias = Callable[[CreditFacts, Policy], CreditDecision]


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision with what it was made on. `overlay`: what the customer's contract changed in the policy (D5-6);
    `evidence`: what proves the facts, where they were read for this decision alone."""

    facts: CreditFacts
    policy: Policy
    overlay: Mapping[str, Any]
    decision: CreditDecision
    evidence: Mapping[str, Any] | None = None


def decide_now(
    session: Session,
    account: CreditAccountRow,
    context: OrderContext,
    *,
    as_of: datetime,
    terms: Terms | None = None,
    standing: Standing | None = None,
    by: Rule = decide_credit,
) -> Decided:
    """Decide on an order by the facts of this instant; record it with `record_decision`.

    Args:
        terms: of a revision that is not in force.
        standing: what the order comes to, when it is known.
    """
    order, today = context.order, context.today(as_of)
    figures = load_figures(session, account, today=today, order_id=order.id, proved=True)
    overlay = overlay_of(figures.grants, order.customer_id, today=today)
    policy = policy_version(session, order.policy_version, overlay)
    ask = ask_of(session, order, today=today, terms=terms, standing=standing, rates=figures.rates)
    facts = figures.facts.asked(ask)
    return Decided(facts, policy, overlay, by(facts, policy), figures.evidence)


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
    evidence = decided.evidence or evidence_for(
        session, order.credit_account_id, decided.facts, today=context.today(at), order_id=order.id
    )
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
            evidence=dict(evidence),
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
