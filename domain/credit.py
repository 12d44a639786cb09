"""The credit decision: may this order ship on credit, must a person look, or must it stop (D1, D2)."""

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from domain.money import ZERO, percent_of
from domain.policy import OverdueMode, Policy, StopBasis
from domain.rates import Rate


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
    TERM_LONGER = "TERM_LONGER"
    NO_CONTRACT = "NO_CONTRACT"
    NO_RATE = "NO_RATE"
    DISCOUNT = "DISCOUNT"
    NO_TRADE = "NO_TRADE"
    LEGAL_CASE = "LEGAL_CASE"
    WATCH = "WATCH"
    PREPAYMENT_MISSING = "PREPAYMENT_MISSING"
    NO_ADDRESS = "NO_ADDRESS"
    NO_RECIPIENT = "NO_RECIPIENT"
    OLD_DATA = "OLD_DATA"
    NOTHING_RESERVED = "NOTHING_RESERVED"


@dataclass(frozen=True, slots=True)
class OverdueItem:
    """A schedule line past its due date: `days` since then, `residual` owed of its `amount`, `disputed` part of that.

    Whether it counts is a matter of the policy: see `counting_overdue`.
    """

    schedule_line_id: str
    invoice_number: str
    due_date: date
    days: int
    residual: Decimal
    amount: Decimal = ZERO
    disputed: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class OrderAsk:
    """What one order asks of the account.

    Attributes:
        credit: `ORD`, the credit part in the account's currency (D1-6, D2-18); 0 for a prepaid order.
        requested_deferral: days to pay that the order asks for.
        agreed_deferral: days that the valid contract grants; None without a valid contract (D2-6).
        legal_cleared: the lawyer let this prepaid order pass although a case is open (D2-8).
        rate: what converted `credit`; None for an order in the account's own currency.
    """

    credit: Decimal
    requested_deferral: int = 0
    agreed_deferral: int | None = None
    legal_cleared: bool = False
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class CreditFacts:
    """Every figure the decision is made on, of one account in its one currency (D1, D2-19).

    Attributes:
        receivables: `AR`, residuals of posted invoices, due or not (D1-3).
        advances: `ADV`, identified money not yet allocated nor tied to an order (D1-4).
        commitments: `COM`, credit parts of the other confirmed orders (D1-5).
        order_credit: `ORD`, the credit part of this order (D1-6); 0 for a prepaid order.
        limit: `L`, the effective limit at this instant (D1-9).
        overdue: lines past their due date, oldest first; the policy says which of them count (D1-11).
        pending: credit parts of orders waiting for approval or stopped; shown, not counted (D1-10).
        unlimited: the amount gate is open, by an approved and dated permission (D1-9).
        contract_valid, agreed_deferral, requested_deferral: what the term gate looks at (D2-6).
        legal_cleared: the lawyer let this order pass (D2-8).
        data_minutes: age of the figures; 0 while Opora's own tables are the system of record (D13-3).
        rates: what receivables, advances and this order were converted by, where they are in another currency (D2-18).
        order_rate: that of them which converted this order.
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
    unlimited: bool = False
    contract_valid: bool = True
    agreed_deferral: int | None = None
    requested_deferral: int = 0
    legal_cleared: bool = False
    data_minutes: int = 0
    rates: tuple[Rate, ...] = ()
    order_rate: Rate | None = None

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

    def asked(self, ask: OrderAsk) -> "CreditFacts":
        """The same account with this order before it."""
        return replace(
            self,
            order_credit=ask.credit,
            requested_deferral=ask.requested_deferral,
            contract_valid=ask.agreed_deferral is not None,
            agreed_deferral=ask.agreed_deferral,
            legal_cleared=ask.legal_cleared,
            rates=self.rates if ask.rate is None or ask.rate in self.rates else (*self.rates, ask.rate),
            order_rate=ask.rate,
        )


@dataclass(frozen=True, slots=True)
class OverdueStanding:
    """What counts as overdue: `days` of the oldest item, `amount` undisputed, of all (D1-11)."""

    days: int
    amount: Decimal


def counting_overdue(facts: CreditFacts, policy: Policy) -> OverdueStanding:
    """Overdue items whose undisputed residual is above the floor (D1-11)."""
    counting = [
        (item.days, item.residual - item.disputed)
        for item in facts.overdue
        if item.residual - item.disputed > policy.floor(item.amount, facts.currency)
    ]
    return OverdueStanding(
        days=max((days for days, _ in counting), default=0), amount=sum((owed for _, owed in counting), ZERO)
    )


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
    """Weigh the ban, amount, overdue, term and rate gates; the worst one decides (D2-7).

    A prepaid order passes all but the ban whatever the debt (D2-8).
    """
    reasons = _ban_gate(facts)
    if facts.order_credit > 0:
        reasons += _amount_gate(facts, policy) + _overdue_gate(facts, policy)
        reasons += _term_gate(facts) + _rate_gate(facts, policy)
    return decided(facts, reasons)


def decided(facts: CreditFacts, reasons: list[Reason]) -> CreditDecision:
    """The decision that these reasons make: the worst one counts, all are kept, worst first (D2-7)."""
    ordered = sorted(reasons, key=lambda reason: -_SEVERITY[reason.outcome])
    return CreditDecision(
        outcome=ordered[0].outcome if ordered else Outcome.AUTO,
        reasons=tuple(ordered),
        exposure=facts.exposure,
        exposure_before=facts.exposure_before,
        limit=facts.limit,
        debt=facts.debt,
        excess=ZERO if facts.unlimited else max(ZERO, facts.exposure - facts.limit),
        currency=facts.currency,
    )


def with_reason(decision: CreditDecision, reason: Reason) -> CreditDecision:
    """The decision as people are told it when something besides credit is asked first (D4-15)."""
    outcome = max(decision.outcome, reason.outcome, key=_SEVERITY.__getitem__)
    return replace(decision, outcome=outcome, reasons=(reason, *decision.reasons))


def _ban_gate(facts: CreditFacts) -> list[Reason]:
    """A manual stop or an open legal case refuses even a prepaid order, unless the lawyer let it pass (D2-8)."""
    reasons = []
    if facts.no_trade:
        reasons.append(Reason(ReasonCode.NO_TRADE, Outcome.STOP))
    if facts.legal_case and not (facts.legal_cleared and facts.order_credit == 0):
        reasons.append(Reason(ReasonCode.LEGAL_CASE, Outcome.STOP))
    return reasons


def _amount_gate(facts: CreditFacts, policy: Policy) -> list[Reason]:
    """D2-1…D2-4: both limits are inclusive; D2-9: near the limit the manager is told."""
    if facts.unlimited:
        return []
    exposure, limit = facts.exposure, facts.limit
    ceiling = limit * policy.stop_ratio
    figures = {"exposure": str(exposure), "limit": str(limit), "excess": str(exposure - limit)}
    if exposure > ceiling:
        if limit == 0:
            return [Reason(ReasonCode.NO_CREDIT, Outcome.STOP, figures)]
        figures |= {"debt": str(facts.debt), "ceiling": str(ceiling)}
        if facts.debt > ceiling:
            return [Reason(ReasonCode.DEBT_OVER_2X, Outcome.STOP, figures)]
        if policy.stop_basis is StopBasis.EXPOSURE:
            return [Reason(ReasonCode.ORDER_OVER_2X, Outcome.STOP, figures)]
    if exposure > limit:
        return [Reason(ReasonCode.OVER_LIMIT, Outcome.APPROVAL, figures)]
    if limit > 0 and exposure >= limit * policy.watch_ratio:
        return [Reason(ReasonCode.WATCH, Outcome.AUTO, figures)]
    return []


def _overdue_gate(facts: CreditFacts, policy: Policy) -> list[Reason]:
    """D2-5: graded by the age of the oldest overdue item, or strict: anything beyond the pass days stops."""
    overdue = counting_overdue(facts, policy)
    if overdue.days < 1:
        return []
    figures = {"days": str(overdue.days), "amount": str(overdue.amount)}
    strict = policy.overdue_mode is OverdueMode.STRICT and overdue.days > policy.overdue_pass_days
    if overdue.days >= policy.overdue_legal_days:
        return [Reason(ReasonCode.OVERDUE_LEGAL, Outcome.STOP, figures)]
    if overdue.days >= policy.overdue_stop_days or strict:
        return [Reason(ReasonCode.OVERDUE_STOP, Outcome.STOP, figures)]
    if overdue.days <= policy.overdue_pass_days:
        return [Reason(ReasonCode.OVERDUE_NOTE, Outcome.AUTO, figures)]
    return [Reason(ReasonCode.OVERDUE_APPROVAL, Outcome.APPROVAL, figures)]


def _term_gate(facts: CreditFacts) -> list[Reason]:
    """D2-6: credit needs a valid contract, and no longer deferral than it grants."""
    if not facts.contract_valid:
        return [Reason(ReasonCode.NO_CONTRACT, Outcome.APPROVAL)]
    if facts.agreed_deferral is not None and facts.requested_deferral > facts.agreed_deferral:
        figures = {"requested": str(facts.requested_deferral), "agreed": str(facts.agreed_deferral)}
        return [Reason(ReasonCode.TERM_LONGER, Outcome.APPROVAL, figures)]
    return []


def _rate_gate(facts: CreditFacts, policy: Policy) -> list[Reason]:
    """D2-17: figures converted by an older rate than the policy allows, 7 days by default, are a person's decision."""
    oldest = max(facts.rates, key=lambda rate: rate.age, default=None)
    if oldest is None or oldest.age <= policy.rate_days:
        return []
    figures = {
        "pair": f"{oldest.currency}/{oldest.base}",
        "rate_on": oldest.day.isoformat(),
        "rate_age": str(oldest.age),
    }
    return [Reason(ReasonCode.NO_RATE, Outcome.APPROVAL, figures)]
