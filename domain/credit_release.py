"""What lifts a credit decision that holds an order: how much money, and whose word (D2-8, D2-12)."""

from collections.abc import Collection
from decimal import Decimal

from domain.credit import CreditFacts, OverdueItem, ReasonCode, counting_overdue
from domain.money import ZERO
from domain.orders import Role
from domain.policy import Policy, StopRelease

OVERDUE = frozenset({ReasonCode.OVERDUE_STOP, ReasonCode.OVERDUE_LEGAL})
OVER_CEILING = frozenset({ReasonCode.ORDER_OVER_2X, ReasonCode.DEBT_OVER_2X, ReasonCode.NO_CREDIT})
BANS = frozenset({ReasonCode.NO_TRADE, ReasonCode.LEGAL_CASE})
STOPS = OVERDUE | OVER_CEILING | BANS
TERMS = frozenset({ReasonCode.TERM_LONGER, ReasonCode.NO_CONTRACT, ReasonCode.NO_RATE})
"""No payment of the debt answers these; paying the order itself before it ships does."""


def money_to_release(reasons: Collection[str], facts: CreditFacts, policy: Policy) -> Decimal:
    """How much money moves the order on: out of STOP, or past an approval when nothing stops it.

    An overdue debt has to be paid whole; an exposure has to come down to the multiple of the limit, or, past an
    approval, to the limit. The larger sum covers both: paying the overdue debt lowers the exposure too. A legal case
    ends with the whole debt (D2-8), and so does a stop under `debt_zero` (D2-14). What the term and rate gates ask is
    passed only by paying the order whole before it ships (D2-6, D2-17). A manual ban is not lifted by money: alone it
    asks for none.
    """
    codes = set(reasons)
    if ReasonCode.LEGAL_CASE in codes:
        return facts.debt
    stopped = bool(codes & STOPS)
    if policy.stop_release is StopRelease.DEBT_ZERO and codes & (OVERDUE | OVER_CEILING):
        return max(facts.debt, facts.exposure - facts.limit * policy.stop_ratio)
    if not stopped and codes & TERMS:
        return facts.order_credit
    sums = [ZERO]
    if codes & OVERDUE or (not stopped and ReasonCode.OVERDUE_APPROVAL in codes):
        sums.append(counting_overdue(facts, policy).amount)
    if codes & OVER_CEILING:
        sums.append(facts.exposure - facts.limit * policy.stop_ratio)
    if not stopped and ReasonCode.OVER_LIMIT in codes:
        sums.append(facts.exposure - facts.limit)
    return max(sums)


def asks_afterwards(reasons: Collection[str], facts: CreditFacts, policy: Policy, *, paid: Decimal) -> bool:
    """Whether an order that `paid` frees from its stop still has to be approved: above the limit, for its term, or for
    an overdue debt that the money does not cover (D2-2, D2-5, D2-6)."""
    codes = set(reasons)
    above = not facts.unlimited and facts.exposure - paid > facts.limit
    overdue = ReasonCode.OVERDUE_APPROVAL in codes and paid < counting_overdue(facts, policy).amount
    return above or overdue or bool(codes & TERMS)


def oldest_counting(facts: CreditFacts, policy: Policy) -> OverdueItem | None:
    """The overdue item whose age decides: the oldest of those that count (D1-11)."""
    for item in facts.overdue:
        if item.residual - item.disputed > policy.floor(item.amount, facts.currency):
            return item
    return None


def released_by(reasons: Collection[str]) -> Role | None:
    """Whose word a stop needs whatever is paid: the lawyer's, else the head's; None when money is enough (D2-8)."""
    codes = set(reasons)
    if ReasonCode.LEGAL_CASE in codes:
        return Role.LAWYER
    return Role.HEAD if ReasonCode.NO_TRADE in codes else None


def told_reasons(reasons: Collection[str]) -> tuple[str, ...]:
    """The reasons as people are told them: an open legal case takes the limit away, so «no limit» is not told too."""
    beside_the_case = ReasonCode.LEGAL_CASE in reasons
    return tuple(code for code in reasons if not (beside_the_case and code == ReasonCode.NO_CREDIT))
