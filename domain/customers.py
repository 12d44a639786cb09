"""The customer's card: what credit is left, and what would happen to an order now."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.credit import CreditFacts, OverdueStanding, counting_overdue
from domain.limits import EffectiveLimit, LimitSource
from domain.money import ZERO
from domain.policy import OverdueMode, Policy, StopBasis


@dataclass(frozen=True, slots=True)
class CreditCard:
    """The account's figures before any new order, and the verdict on one.

    Attributes:
        available: what is left of the limit (D2-1), never below 0; the verdict says whether a gate stands before it.
        limit_source, limit_until: where the limit comes from, and its last day if it has one (D1-9).
        over_limit: more is owed than the limit allows, by a lower limit or an approval (D5-3).
        verdict: which sentence of `domain.wording.doors.VERDICTS` applies; `figures` fill it in.
    """

    debt: Decimal
    exposure: Decimal
    limit: Decimal
    available: Decimal
    amount_overdue: Decimal
    days_overdue: int
    pending: Decimal
    verdict: str
    figures: dict[str, str]
    limit_source: LimitSource = LimitSource.BASE
    limit_until: date | None = None
    over_limit: bool = False


@dataclass(frozen=True, slots=True)
class LastShipment:
    """The newest shipment to a customer. `amount` is what was invoiced for it, in the currency of its order."""

    day: date
    number: str
    order_id: str
    order_number: str
    amount: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True)
class NearestPayment:
    """The next sum that falls due."""

    due_date: date
    amount: Decimal
    invoice_number: str
    currency: str


def credit_card(facts: CreditFacts, policy: Policy, limit: EffectiveLimit | None = None) -> CreditCard:
    """Read the facts of an account without an order (D1-7…D1-9) and say how the gates of D2 stand.

    Args:
        limit: where the limit in `facts` comes from; the base limit when omitted.
    """
    limit = limit or EffectiveLimit(facts.limit, LimitSource.BASE)
    room = facts.limit - facts.exposure_before
    overdue = counting_overdue(facts, policy)
    to_stop = facts.limit * policy.stop_ratio - facts.exposure_before
    figures = {
        "currency": facts.currency,
        "available": str(max(ZERO, room)),
        "to_stop": str(max(ZERO, to_stop)),
        "exposure": str(facts.exposure_before),
        "ceiling": str(facts.limit * policy.stop_ratio),
        "amount": str(overdue.amount),
        "days": str(overdue.days),
    }
    if limit.until is not None:
        figures["until"] = limit.until.isoformat()
    return CreditCard(
        debt=facts.debt,
        exposure=facts.exposure_before,
        limit=facts.limit,
        available=max(ZERO, room),
        amount_overdue=overdue.amount,
        days_overdue=overdue.days,
        pending=facts.pending,
        verdict=_verdict(facts, overdue, policy, suspended=limit.source is LimitSource.SUSPENDED),
        figures=figures,
        limit_source=limit.source,
        limit_until=limit.until,
        over_limit=not facts.unlimited and facts.exposure_before > facts.limit,
    )


def _verdict(facts: CreditFacts, overdue: OverdueStanding, policy: Policy, *, suspended: bool) -> str:
    """The first closed gate, worst first: what stops (D2-3, D2-5, D2-8, D5-8), then what needs approval (D2-2, D2-5,
    D2-6)."""
    stop = _stop(facts, overdue, policy, suspended=suspended)
    if stop is not None:
        return stop
    if overdue.days > policy.overdue_pass_days:
        return "overdue_approval"
    if not facts.contract_valid:
        return "no_contract"
    if facts.unlimited:
        return "unlimited"
    by_debt = policy.stop_basis is StopBasis.DEBT and facts.limit > 0
    room = "over_limit" if facts.exposure_before >= facts.limit else "free"
    return f"{room}_by_debt" if by_debt else room


def _stop(facts: CreditFacts, overdue: OverdueStanding, policy: Policy, *, suspended: bool) -> str | None:
    if facts.no_trade:
        return "no_trade"
    if facts.legal_case:
        return "legal_case"
    ceiling = facts.limit * policy.stop_ratio
    bounded = not facts.unlimited
    if bounded and facts.limit == 0 and facts.exposure_before >= ceiling:
        return "suspended" if suspended else "no_credit"
    strict = policy.overdue_mode is OverdueMode.STRICT and overdue.days > policy.overdue_pass_days
    if overdue.days >= policy.overdue_stop_days or strict:
        return "overdue_stop"
    by_debt = policy.stop_basis is StopBasis.DEBT and facts.limit > 0
    double = facts.debt > ceiling if by_debt else facts.exposure_before >= ceiling
    return "over_double" if bounded and double else None
