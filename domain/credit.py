"""The credit decision: may this order ship on credit, must a person look, or must it stop (D1, D2)."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from domain.money import ZERO, percent_of
from domain.orders import Actor, OrderState
from domain.policy import OverdueMode, Policy


class Outcome(StrEnum):
    """What becomes of the order, from best to worst (D2-7)."""

    AUTO = "auto"
    APPROVAL = "approval"
    STOP = "stop"


_SEVERITY = {Outcome.AUTO: 0, Outcome.APPROVAL: 1, Outcome.STOP: 2}


class ReasonCode(StrEnum):
    """Why; the sentence people read is looked up by the code in `domain.wording`."""

    OVER_LIMIT = "OVER_LIMIT"
    ORDER_OVER_2X = "ORDER_OVER_2X"
    DEBT_OVER_2X = "DEBT_OVER_2X"
    NO_CREDIT = "NO_CREDIT"
    OVERDUE_NOTE = "OVERDUE_NOTE"
    OVERDUE_APPROVAL = "OVERDUE_APPROVAL"
    OVERDUE_STOP = "OVERDUE_STOP"
    OVERDUE_LEGAL = "OVERDUE_LEGAL"
    NO_TRADE = "NO_TRADE"
    LEGAL_CASE = "LEGAL_CASE"
    WATCH = "WATCH"


@dataclass(frozen=True, slots=True)
class OverdueItem:
    """An overdue schedule line that counts for the gates (D1-11): `days` since its due date, `residual` owed."""

    schedule_line_id: str
    invoice_number: str
    due_date: date
    days: int
    residual: Decimal


@dataclass(frozen=True, slots=True)
class CreditFacts:
    """Every figure the decision is made on, of one account in one currency (D1, D2-19).

    Attributes:
        receivables: `AR`, residuals of posted invoices, due or not (D1-3).
        advances: `ADV`, identified money not yet allocated nor tied to an order (D1-4).
        commitments: `COM`, credit parts of the other confirmed orders (D1-5).
        order_credit: `ORD`, the credit part of this order (D1-6); 0 for a prepaid order.
        limit: `L`, the effective limit at this instant (D1-9).
        overdue: overdue items above the floor (D1-11), oldest first.
        pending: credit parts of orders waiting for approval or stopped; shown, not counted (D1-10).
    """

    currency: str
    receivables: Decimal
    advances: Decimal
    commitments: Decimal
    order_credit: Decimal
    limit: Decimal
    overdue: tuple[OverdueItem, ...] = ()
    no_trade: bool = False
    legal_case: bool = False
    pending: Decimal = ZERO

    @property
    def exposure_before(self) -> Decimal:
        """`E0`; negative when the customer's own money widens the room (D1-7)."""
        return self.receivables - self.advances + self.commitments

    @property
    def exposure(self) -> Decimal:
        """`E1`: exposure after this order (D1-7)."""
        return self.exposure_before + self.order_credit

    @property
    def debt(self) -> Decimal:
        """D1-8"""
        return max(ZERO, self.receivables - self.advances)

    @property
    def days_overdue(self) -> int:
        """Days of the oldest overdue item that counts; 0 without one."""
        return max((item.days for item in self.overdue), default=0)

    @property
    def amount_overdue(self) -> Decimal:
        return sum((item.residual for item in self.overdue), ZERO)


@dataclass(frozen=True, slots=True)
class Reason:
    """One gate that had something to say, with the outcome it asks for and the figures it saw."""

    code: ReasonCode
    outcome: Outcome
    figures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CreditDecision:
    """The worst outcome of all gates, with every reason kept (D2-7), worst first."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    exposure: Decimal
    exposure_before: Decimal
    limit: Decimal
    debt: Decimal
    excess: Decimal
    currency: str


def credit_part(gross: Decimal, prepayment_percent: int, received: Decimal = ZERO) -> Decimal:
    """`ORD`: gross minus what must be, or already was, paid before shipment (D1-6)."""
    return max(ZERO, gross - max(percent_of(gross, prepayment_percent), received))


def decide_credit(facts: CreditFacts, policy: Policy) -> CreditDecision:
    """Weigh the amount, overdue and ban gates; the worst one decides (D2-7).

    A prepaid order passes amount and overdue whatever the debt (D2-8).
    """
    reasons = _ban_gate(facts)
    if facts.order_credit > 0:
        reasons += _amount_gate(facts, policy) + _overdue_gate(facts, policy)
    reasons.sort(key=lambda reason: -_SEVERITY[reason.outcome])
    return CreditDecision(
        outcome=reasons[0].outcome if reasons else Outcome.AUTO,
        reasons=tuple(reasons),
        exposure=facts.exposure,
        exposure_before=facts.exposure_before,
        limit=facts.limit,
        debt=facts.debt,
        excess=max(ZERO, facts.exposure - facts.limit),
        currency=facts.currency,
    )


def _ban_gate(facts: CreditFacts) -> list[Reason]:
    """A manual stop or an open legal case refuses even a prepaid order (D2-8)."""
    reasons = []
    if facts.no_trade:
        reasons.append(Reason(ReasonCode.NO_TRADE, Outcome.STOP))
    if facts.legal_case:
        reasons.append(Reason(ReasonCode.LEGAL_CASE, Outcome.STOP))
    return reasons


def _amount_gate(facts: CreditFacts, policy: Policy) -> list[Reason]:
    """D2-1…D2-4: both limits are inclusive; D2-9: near the limit the manager is told."""
    exposure, limit = facts.exposure, facts.limit
    ceiling = limit * policy.stop_ratio
    figures = {"exposure": str(exposure), "limit": str(limit), "excess": str(exposure - limit)}
    if exposure > ceiling:
        if limit == 0:
            return [Reason(ReasonCode.NO_CREDIT, Outcome.STOP, figures)]
        code = ReasonCode.DEBT_OVER_2X if facts.debt > ceiling else ReasonCode.ORDER_OVER_2X
        return [Reason(code, Outcome.STOP, figures | {"debt": str(facts.debt), "ceiling": str(ceiling)})]
    if exposure > limit:
        return [Reason(ReasonCode.OVER_LIMIT, Outcome.APPROVAL, figures)]
    if limit > 0 and exposure >= limit * policy.watch_ratio:
        return [Reason(ReasonCode.WATCH, Outcome.AUTO, figures)]
    return []


def _overdue_gate(facts: CreditFacts, policy: Policy) -> list[Reason]:
    """D2-5: graded by the age of the oldest overdue item, or strict: anything beyond the pass days stops."""
    days = facts.days_overdue
    if days < 1:
        return []
    figures = {"days": str(days), "amount": str(facts.amount_overdue)}
    if days <= policy.overdue_pass_days:
        return [Reason(ReasonCode.OVERDUE_NOTE, Outcome.AUTO, figures)]
    if days >= policy.overdue_legal_days:
        return [Reason(ReasonCode.OVERDUE_LEGAL, Outcome.STOP, figures)]
    if days >= policy.overdue_stop_days or policy.overdue_mode is OverdueMode.STRICT:
        return [Reason(ReasonCode.OVERDUE_STOP, Outcome.STOP, figures)]
    return [Reason(ReasonCode.OVERDUE_APPROVAL, Outcome.APPROVAL, figures)]


def within_ceiling(decision: CreditDecision, ceiling: Decimal) -> bool:
    """Whether an approval given up to `ceiling` still covers the exposure it meets (D4-7)."""
    return decision.outcome is Outcome.AUTO or (decision.outcome is Outcome.APPROVAL and decision.exposure <= ceiling)


class Verdict(StrEnum):
    """What an approver answers (D4-2)."""

    APPROVE = "approve"
    REJECT = "reject"
    REWORK = "rework"


@dataclass(frozen=True, slots=True)
class PlaceCommand:
    """The manager hands the accepted quote over for the credit decision."""

    actor: Actor


@dataclass(frozen=True, slots=True)
class CreditRequest:
    """Asks for the decision on an order's present revision; `occasion` makes a repeat of it the same decision."""

    order_id: str
    actor: Actor
    occasion: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class CreditOutcome:
    """What was decided, where the order stands now, and who may not approve it (D4-5).

    `messages` are keys of the effect ledger to deliver.
    """

    state: OrderState
    decision: CreditDecision
    revision: int
    barred: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalCommand:
    """A person's answer to an approval request."""

    actor: Actor
    verdict: Verdict
    comment: str


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """Asks to record an answer at a business instant."""

    order_id: str
    command: ApprovalCommand
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ApprovalOutcome:
    """What the answer led to. `refusal` is a refusal's code when the answer had no effect (D4-7…D4-9)."""

    state: OrderState
    refusal: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    barred: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
