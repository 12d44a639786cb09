"""The shipment gate: what must be true before goods leave (D12-1), and what does not count twice (D4-12)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.approvals import still_valid
from domain.credit import CreditDecision, CreditFacts, Outcome, Reason, ReasonCode, decide_credit, decided
from domain.credit_release import BANS
from domain.orders import Actor, OrderState, OrderStatus
from domain.policy import Policy

NEW_STOPS = frozenset(
    {
        ReasonCode.OVERDUE_STOP,
        ReasonCode.OVERDUE_LEGAL,
        ReasonCode.DEBT_OVER_2X,
        ReasonCode.NO_TRADE,
        ReasonCode.LEGAL_CASE,
    }
)
"""What holds up even an order that passed lately: not its own excess (D4-12)."""
NOT_CREDIT = frozenset(
    {
        ReasonCode.PREPAYMENT_MISSING,
        ReasonCode.NO_ADDRESS,
        ReasonCode.NO_RECIPIENT,
        ReasonCode.OLD_DATA,
        ReasonCode.NOTHING_RESERVED,
    }
)


@dataclass(frozen=True, slots=True)
class GatePass:
    """An approval as the gate sees it: when it was given, up to what exposure, and for which reasons."""

    at: datetime
    ceiling: Decimal
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What the gate looks at besides the account (D12-1).

    Attributes:
        as_of: the instant of the check.
        passed_at: when the order was confirmed, or last approved.
        limit_then: the limit it was confirmed under: a lower one since then leaves it alone (D5-2, D5-3).
        approved: the newest approval of its credit, if it took one.
        shipped_by_approval: the newest decision to ship through the closed gate (D12-2), if there is one.
        unlimited_then: it was confirmed without a limit, which leaves it alone too.
        funded: what had to be paid before shipment is in.
        reserved: goods are set aside or picked.
        delivered: goods go to the customer, to an `address`; otherwise the customer collects them.
    """

    as_of: datetime
    passed_at: datetime
    limit_then: Decimal
    funded: bool
    reserved: bool
    unlimited_then: bool = False
    delivered: bool = False
    address: bool = False
    recipient: bool = False
    approved: GatePass | None = None
    shipped_by_approval: GatePass | None = None


def decide_gate(facts: CreditFacts, gate: GateFacts, policy: Policy) -> CreditDecision:
    """D12-1: AUTO is an open gate. Every reason that closes it is kept, worst first."""
    credit = decide_credit(_as_confirmed(facts, gate), policy)
    reasons = [reason for reason in credit.reasons if _closes(reason, credit, gate, policy)]
    return decided(facts, [*reasons, *_conditions(facts, gate, policy)])


def _as_confirmed(facts: CreditFacts, gate: GateFacts) -> CreditFacts:
    """The account with the limit that the order was confirmed under, when it was larger (D5-2, D5-3)."""
    unlimited = facts.unlimited or gate.unlimited_then
    return replace(facts, limit=max(facts.limit, gate.limit_then), unlimited=unlimited)


def approvable(decision: CreditDecision) -> bool:
    """Whether the head may ship by approval what the gate holds: an excess or an overdue, neither a ban nor missing
    money or papers (D12-2, D2-8)."""
    return not {reason.code for reason in decision.reasons} & (BANS | NOT_CREDIT)


def _closes(reason: Reason, credit: CreditDecision, gate: GateFacts, policy: Policy) -> bool:
    if reason.outcome is Outcome.AUTO:
        return False
    if reason.code in BANS:
        return True
    if _covered(reason, credit, gate.shipped_by_approval, gate, policy):
        return False
    if reason.code is ReasonCode.NO_CONTRACT:
        return not _covered(reason, credit, gate.approved, gate, policy)
    return reason.code in NEW_STOPS or not still_valid(gate.passed_at, gate.as_of, policy)


def _covered(reason: Reason, credit: CreditDecision, given: GatePass | None, gate: GateFacts, policy: Policy) -> bool:
    """Whether a fresh approval was given for this very reason, at no less exposure (D4-7, D4-12)."""
    return (
        given is not None
        and reason.code in given.reasons
        and credit.exposure <= given.ceiling
        and still_valid(given.at, gate.as_of, policy)
    )


def _conditions(facts: CreditFacts, gate: GateFacts, policy: Policy) -> list[Reason]:
    """What has to be there besides credit: goods, money, papers, fresh figures."""
    wanting = (
        (ReasonCode.NOTHING_RESERVED, not gate.reserved),
        (ReasonCode.PREPAYMENT_MISSING, not gate.funded),
        (ReasonCode.NO_ADDRESS, gate.delivered and not gate.address),
        (ReasonCode.NO_RECIPIENT, gate.delivered and not gate.recipient),
        (ReasonCode.OLD_DATA, facts.data_minutes > policy.data_hours * 60),
    )
    return [Reason(code, Outcome.STOP) for code, missing in wanting if missing]


class GateVerdict(StrEnum):
    """What the head decides about picked goods before a closed gate (D12-2)."""

    HOLD = "hold"
    SHIP = "ship"
    UNPICK = "unpick"


def may_allow_ahead(state: OrderState, verdict: GateVerdict) -> bool:
    """Before picking the head can do one thing about a closed gate: allow the shipment (D4-12, D12-2)."""
    return verdict is GateVerdict.SHIP and state.status in {OrderStatus.READY, OrderStatus.PART_RESERVED}


@dataclass(frozen=True, slots=True)
class GateCommand:
    """The head's decision about picked goods."""

    actor: Actor
    verdict: GateVerdict
    comment: str


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """Asks to record the head's decision at a business instant."""

    order_id: str
    round: int
    command: GateCommand
    as_of: datetime


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """Whether the gate is open, the reasons that close it, and where the order stands.

    `unpick`: the head has the goods put back.
    """

    state: OrderState
    open: bool
    reasons: tuple[Reason, ...] = ()
    messages: tuple[str, ...] = ()
    unpick: bool = False
    currency: str = ""


def gate_facts(reasons: Sequence[Reason], currency: str) -> dict[str, str]:
    """The reasons as a refusal carries them: their codes, and the figures that their sentences need."""
    told = {"reasons": ", ".join(reason.code for reason in reasons), "currency": currency}
    for reason in reasons:
        told |= reason.figures
    return told
