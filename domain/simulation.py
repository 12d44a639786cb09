"""What a candidate policy would have made of decisions already taken, and of orders under way (U3, U15).

The same `decide_credit` as everywhere, over recorded facts. A replay is of the first order: it takes the facts as they
were recorded, although under the candidate some of the debt in them would never have come about.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain.credit import CreditDecision, CreditFacts, Outcome, Reason, decide_credit
from domain.money import ZERO
from domain.policy import Policy

_SEVERITY = {Outcome.AUTO: 0, Outcome.APPROVAL: 1, Outcome.STOP: 2}


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order under way: the policy it is decided under, what the candidate makes of it, and its facts today."""

    order_id: str
    facts: CreditFacts
    present: Policy
    candidate: Policy


@dataclass(frozen=True, slots=True)
class Changed:
    """An order under way whose outcome the candidate would change."""

    order_id: str
    before: CreditDecision
    after: CreditDecision


def changed_orders(orders: Iterable[OpenOrder]) -> list[Changed]:
    """Orders that would get another outcome if they were decided today under the candidate (U15)."""
    compared = (
        Changed(each.order_id, decide_credit(each.facts, each.present), decide_credit(each.facts, each.candidate))
        for each in orders
    )
    return [each for each in compared if each.before.outcome is not each.after.outcome]


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A stored decision, and the candidate with what the customer's contract changed in it then (D5-6).

    `last`: no later decision of the period is about the same order, so this one is what became of it.
    """

    order_id: str
    facts: CreditFacts
    outcome: Outcome
    candidate: Policy
    last: bool


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A stored decision that the candidate decides otherwise."""

    order_id: str
    before: Outcome
    after: Outcome
    reasons: tuple[Reason, ...]
    last: bool

    @property
    def stricter(self) -> bool:
        return _SEVERITY[self.after] > _SEVERITY[self.before]


@dataclass(frozen=True, slots=True)
class Page:
    """Decisions judged again: how many of each transition, and those that came out otherwise."""

    transitions: Counter[tuple[Outcome, Outcome]]
    rejudged: tuple[Rejudged, ...]


def judge_again(decisions: Sequence[PastDecision]) -> Page:
    """Decide stored decisions under their candidates."""
    transitions: Counter[tuple[Outcome, Outcome]] = Counter()
    rejudged = []
    for each in decisions:
        decision = decide_credit(each.facts, each.candidate)
        transitions[each.outcome, decision.outcome] += 1
        if decision.outcome is not each.outcome:
            rejudged.append(Rejudged(each.order_id, each.outcome, decision.outcome, decision.reasons, each.last))
    return Page(transitions, tuple(rejudged))


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an order in the end: its sum, whether it was confirmed, and what of it was paid late or not yet,
    past its date."""

    currency: str
    gross: Decimal
    confirmed: bool
    overdue: Decimal


@dataclass(slots=True)
class Sums:
    """Money by currency."""

    by_currency: dict[str, Decimal] = field(default_factory=dict)

    def add(self, currency: str, amount: Decimal) -> None:
        if amount:
            self.by_currency[currency] = self.by_currency.get(currency, ZERO) + amount


@dataclass(slots=True)
class Replay:
    """A candidate over a period.

    Attributes:
        transitions: decisions by what they were and would have been.
        stricter: orders that would have been stopped or sent to approval in the end, by the candidate's outcome.
        eased: orders that would have got a better outcome in the end, by the candidate's outcome.
        overdue_avoided: what of the stricter orders was paid late, or is not paid past its date.
        overdue_stopped: the part of it that belongs to orders the candidate stops.
        revenue_lost: orders confirmed then that the candidate would have stopped.
    """

    decisions: int = 0
    transitions: Counter[tuple[Outcome, Outcome]] = field(default_factory=Counter)
    stricter: Counter[Outcome] = field(default_factory=Counter)
    eased: Counter[Outcome] = field(default_factory=Counter)
    overdue_avoided: Sums = field(default_factory=Sums)
    overdue_stopped: Sums = field(default_factory=Sums)
    revenue_lost: Sums = field(default_factory=Sums)

    def count(self, page: Page) -> None:
        """Take a page of decisions in."""
        self.decisions += page.transitions.total()
        self.transitions.update(page.transitions)

    def weigh(self, rejudged: Rejudged, fate: Fate) -> None:
        """Take in what would have become of one order; only its `last` decision is an order's fate."""
        if not rejudged.stricter:
            self.eased[rejudged.after] += 1
            return
        self.stricter[rejudged.after] += 1
        self.overdue_avoided.add(fate.currency, fate.overdue)
        if rejudged.after is Outcome.STOP:
            self.overdue_stopped.add(fate.currency, fate.overdue)
            if fate.confirmed:
                self.revenue_lost.add(fate.currency, fate.gross)
