"""A candidate over decisions already taken, on facts small enough to follow by hand (U3, U15)."""

from dataclasses import replace
from decimal import Decimal

from domain.credit import CreditFacts, Outcome
from domain.policy import Policy
from domain.simulation import Fate, OpenOrder, PastDecision, Rejudged, Replay, changed_orders, judge_again

FACTS = CreditFacts(
    "KZT", Decimal(1_000_000), Decimal(0), Decimal(0), Decimal(500_000), Decimal(1_000_000), agreed_deferral=14
)
STRICT = replace(Policy(), stop_ratio=Decimal("1.49"))
EDGE = replace(Policy(), stop_ratio=Decimal("1.5"))


def past(outcome: Outcome, candidate: Policy, *, last: bool = True) -> PastDecision:
    return PastDecision("1", FACTS, outcome, candidate, last)


def test_u15_an_order_is_named_only_when_its_outcome_changes() -> None:
    orders = [OpenOrder("same", FACTS, Policy(), EDGE), OpenOrder("stopped", FACTS, Policy(), STRICT)]
    (changed,) = changed_orders(orders)
    assert (changed.order_id, changed.before.outcome, changed.after.outcome) == (
        "stopped", Outcome.APPROVAL, Outcome.STOP,
    )  # fmt: skip


def test_u3_decisions_are_counted_by_what_they_were_and_would_be() -> None:
    page = judge_again([past(Outcome.APPROVAL, EDGE), past(Outcome.APPROVAL, STRICT), past(Outcome.STOP, EDGE)])
    assert page.transitions == {
        (Outcome.APPROVAL, Outcome.APPROVAL): 1,
        (Outcome.APPROVAL, Outcome.STOP): 1,
        (Outcome.STOP, Outcome.APPROVAL): 1,
    }
    assert [(each.after, each.stricter) for each in page.rejudged] == [(Outcome.STOP, True), (Outcome.APPROVAL, False)]


def rejudged(before: Outcome, after: Outcome) -> Rejudged:
    return Rejudged("1", before, after, (), last=True)


def test_u3_revenue_is_lost_where_a_confirmed_order_would_have_stopped() -> None:
    replay = Replay()
    fate = Fate("KZT", Decimal(100), confirmed=True, overdue=Decimal(30))
    replay.weigh(rejudged(Outcome.AUTO, Outcome.STOP), fate)
    replay.weigh(rejudged(Outcome.AUTO, Outcome.APPROVAL), fate)
    replay.weigh(rejudged(Outcome.APPROVAL, Outcome.STOP), replace(fate, confirmed=False, currency="RUB"))
    replay.weigh(rejudged(Outcome.STOP, Outcome.AUTO), replace(fate, overdue=Decimal(1_000)))

    assert (replay.stricter, replay.eased) == ({Outcome.STOP: 2, Outcome.APPROVAL: 1}, {Outcome.AUTO: 1})
    assert replay.revenue_lost.by_currency == {"KZT": Decimal(100)}
    assert replay.overdue_avoided.by_currency == {"KZT": Decimal(60), "RUB": Decimal(30)}
    assert replay.overdue_stopped.by_currency == {"KZT": Decimal(30), "RUB": Decimal(30)}
