"""The customer's card: what credit is left, and what would happen to an order now."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.credit import CreditFacts, OverdueStanding, counting_overdue
from domain.money import ZERO
from domain.policy import OverdueMode, Policy


@dataclass(frozen=True, slots=True)
class CreditCard:
    """The account's figures before any new order, and the verdict on one.

    Attributes:
        available: what is left of the limit (D2-1), never below 0; the verdict says whether a gate stands before it.
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


def credit_card(facts: CreditFacts, policy: Policy) -> CreditCard:
    """Read the facts of an account without an order (D1-7…D1-9) and say how the gates of D2 stand."""
    room = facts.limit - facts.exposure_before
    overdue = counting_overdue(facts, policy)
    verdict = _verdict(facts, overdue, policy)
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
    return CreditCard(
        debt=facts.debt,
        exposure=facts.exposure_before,
        limit=facts.limit,
        available=max(ZERO, room),
        amount_overdue=overdue.amount,
        days_overdue=overdue.days,
        pending=facts.pending,
        verdict=verdict,
        figures=figures,
    )


def _verdict(facts: CreditFacts, overdue: OverdueStanding, policy: Policy) -> str:
    """The first closed gate, worst first: bans (D2-8), no credit (D1-9), overdue (D2-5), amount (D2-1…D2-4)."""
    if facts.no_trade:
        return "no_trade"
    if facts.legal_case:
        return "legal_case"
    ceiling = facts.limit * policy.stop_ratio
    if facts.limit == 0 and facts.exposure_before >= ceiling:
        return "no_credit"
    days = overdue.days
    strict = policy.overdue_mode is OverdueMode.STRICT and days > policy.overdue_pass_days
    if days >= policy.overdue_stop_days or strict:
        return "overdue_stop"
    if facts.exposure_before >= ceiling:
        return "over_double"
    if days > policy.overdue_pass_days:
        return "overdue_approval"
    if facts.exposure_before >= facts.limit:
        return "over_limit"
    return "free"
