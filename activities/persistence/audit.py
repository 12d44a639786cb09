"""Every stored decision computed again from its stored inputs, and compared bit for bit (U2, D2-19)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlmodel import Session, col, select, tuple_

from activities.persistence.decisions import FACTS
from activities.persistence.gate import GATE_FACTS
from activities.persistence.order_tables import CreditDecisionRow
from activities.persistence.party_tables import PolicyRow
from activities.persistence.policies import policy_from
from activities.persistence.replay import Period
from domain.credit import CreditDecision, CreditFacts, decide_credit
from domain.money import ZERO
from domain.policy import Policy
from domain.shipment_gate import decide_gate

PAGE = 1_000
_DECISION: TypeAdapter[CreditDecision] = TypeAdapter(CreditDecision)

Recompute = Callable[[CreditDecisionRow, CreditFacts, Policy], CreditDecision]
RULES: dict[str, Recompute] = {
    "credit": lambda _row, facts, policy: decide_credit(facts, policy),
    "gate": lambda row, facts, policy: decide_gate(facts, GATE_FACTS.validate_python(row.gate), policy),
}
"""What decides a row again, by its `rule`."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One decision looked at. `differing`: what is not as recorded."""

    id: UUID
    order_id: UUID
    decided_at: datetime
    differing: tuple[str, ...]


def audit_decisions(session: Session, period: Period, *, size: int = PAGE) -> Iterator[Audited]:
    """Every decision of a period, oldest first, in keyset pages."""
    policies = {row.version: row.body for row in session.exec(select(PolicyRow))}
    place = (period.since, UUID(int=0))
    while True:
        query = (
            select(CreditDecisionRow)
            .where(tuple_(col(CreditDecisionRow.decided_at), col(CreditDecisionRow.id)) > place)
            .where(CreditDecisionRow.decided_at < period.until)
            .order_by(col(CreditDecisionRow.decided_at), col(CreditDecisionRow.id))
            .limit(size)
        )
        rows = session.exec(query).all()
        for row in rows:
            yield Audited(row.id, row.order_id, row.decided_at, differences(row, policies[row.policy_version]))
        if len(rows) < size:
            return
        place = (rows[-1].decided_at, rows[-1].id)
        session.expunge_all()


def differences(row: CreditDecisionRow, policy: dict[str, Any]) -> tuple[str, ...]:
    """What of a stored decision does not follow from its stored inputs."""
    try:
        facts = FACTS.validate_python(row.facts)
        decision = RULES[row.rule](row, facts, policy_from(policy, row.overlay))
    except (ValidationError, ArithmeticError, ValueError):
        return ("facts",)
    recomputed = {
        "outcome": (row.outcome, decision.outcome.value),
        "reasons": (row.reasons, _DECISION.dump_python(decision, mode="json")["reasons"]),
        "exposure": (row.exposure, decision.exposure),
        "limit": (row.credit_limit, decision.limit),
    }
    found = [name for name, (stored, computed) in recomputed.items() if stored != computed]
    return (*found, *_unproved(row, facts))


def _unproved(row: CreditDecisionRow, facts: CreditFacts) -> Iterator[str]:
    """Sums that the stored evidence does not add up to."""
    if row.evidence is None:
        return
    for name, part, total in (
        ("invoices", "residual", facts.receivables),
        ("orders", "credit", facts.commitments),
    ):
        try:
            proved = sum((Decimal(each[part]) for each in row.evidence[name]), ZERO) == total
        except (KeyError, TypeError, ArithmeticError):
            proved = False
        if not proved:
            yield f"evidence.{name}"
