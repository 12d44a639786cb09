"""What if: the credit decision on an order that does not exist yet, and how much more may still go out (D2)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from domain.credit import CreditDecision, CreditFacts, OrderAsk, Outcome, credit_part, decide_credit
from domain.money import CENT, LARGEST_AMOUNT, ZERO
from domain.policy import Policy


@dataclass(frozen=True, slots=True)
class AskedTerms:
    """The payment terms of the order in question, and the deferral that the customer's contract grants (D2-6)."""

    prepayment_percent: int
    deferral_days: int
    agreed_deferral: int | None

    def ask(self, gross: Decimal) -> OrderAsk:
        """What an order of this gross would ask of the account (D1-6)."""
        return OrderAsk(credit_part(gross, self.prepayment_percent), self.deferral_days, self.agreed_deferral)


@dataclass(frozen=True, slots=True)
class Room:
    """How much more may go out on these terms.

    Attributes:
        auto: the largest gross that passes by itself; None where no sum is too large.
        approval: the largest gross that is not stopped; None where no sum is too large.
        prepaid_open: an order paid whole before it ships passes (D2-8).
    """

    auto: Decimal | None
    approval: Decimal | None
    prepaid_open: bool


def what_if(facts: CreditFacts, policy: Policy, terms: AskedTerms, gross: Decimal) -> CreditDecision:
    """The decision that an order of this gross would meet now (D2-1…D2-8)."""
    return decide_credit(facts.asked(terms.ask(gross)), policy)


def room(facts: CreditFacts, policy: Policy, terms: AskedTerms) -> Room:
    """How much more may go out: inclusive, to the tiyn, by the decision itself (D2-1…D2-4).

    A prepaid share widens it: of an order only the credit part counts (D1-6). A larger order never meets a milder
    outcome, so halving finds the border.
    """
    account = _lean(facts, policy)

    def outcome(gross: Decimal) -> Outcome:
        return what_if(account, policy, terms, gross).outcome

    prepaid = decide_credit(account.asked(OrderAsk(ZERO)), policy)
    return Room(
        auto=_largest(lambda gross: outcome(gross) is Outcome.AUTO),
        approval=_largest(lambda gross: outcome(gross) is not Outcome.STOP),
        prepaid_open=prepaid.outcome is Outcome.AUTO,
    )


def _lean(facts: CreditFacts, policy: Policy) -> CreditFacts:
    """The same account with the one overdue item that decides, the oldest that counts (D1-11)."""
    counting = [
        each for each in facts.overdue if each.residual - each.disputed > policy.floor(each.amount, facts.currency)
    ]
    oldest = max(counting, key=lambda each: each.days, default=None)
    return replace(facts, overdue=() if oldest is None else (oldest,))


def _largest(passes: Callable[[Decimal], bool]) -> Decimal | None:
    """The largest amount that passes, where every smaller one does too; None when the largest there is passes."""
    if passes(LARGEST_AMOUNT):
        return None
    good, bad = 0, int(LARGEST_AMOUNT / CENT)
    while bad - good > 1:
        middle = (good + bad) // 2
        if passes(middle * CENT):
            good = middle
        else:
            bad = middle
    return good * CENT
