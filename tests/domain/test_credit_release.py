"""D2-8, D2-12: how much money lifts a decision that holds an order, and whose word it needs."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from domain.credit import CreditFacts, OverdueItem, counting_overdue, decide_credit
from domain.credit_release import STOPS, asks_afterwards, money_to_release, oldest_counting, released_by, told_reasons
from domain.orders import Role
from domain.policy import OverdueMode, Policy

POLICY = Policy(floor_kzt=Decimal(0))
STRICT = Policy(overdue_mode=OverdueMode.STRICT, floor_kzt=Decimal(0))


def facts(
    ar: str = "0", order: str = "1.00", limit: str = "1000.00", overdue: str = "0", days: int = 0, **more: bool
) -> CreditFacts:
    items = (OverdueItem("line", "СФ-1", date(2026, 4, 1), days, Decimal(overdue)),) if days else ()
    return CreditFacts(
        currency="KZT",
        receivables=Decimal(ar),
        advances=Decimal(0),
        commitments=Decimal(0),
        order_credit=Decimal(order),
        limit=Decimal(limit),
        overdue=items,
        **more,
    )


@pytest.mark.parametrize(
    ("given", "policy", "money"),
    [
        pytest.param(facts(), POLICY, "0", id="nothing holds it"),
        pytest.param(facts(order="1000.00"), POLICY, "0", id="E1 = L passes"),
        pytest.param(facts(order="1000.01"), POLICY, "0.01", id="above L: down to the limit"),
        pytest.param(facts(order="2000.00"), POLICY, "1000.00", id="E1 = 2L still asks"),
        pytest.param(facts(order="2000.01"), POLICY, "0.01", id="above 2L: down to the ceiling"),
        pytest.param(facts("3000", "1"), POLICY, "1001", id="the debt itself is above 2L"),
        pytest.param(facts(order="500", limit="0"), POLICY, "500", id="no credit: the whole exposure"),
        pytest.param(facts("300", overdue="300", days=3), POLICY, "0", id="3 days pass"),
        pytest.param(facts("300", overdue="300", days=4), POLICY, "300", id="4 days ask: the overdue debt"),
        pytest.param(facts("300", overdue="300", days=13), POLICY, "300", id="13 days ask"),
        pytest.param(facts("300", overdue="300", days=14), POLICY, "300", id="14 days stop"),
        pytest.param(facts("300", overdue="300", days=30), POLICY, "300", id="30 days, at the lawyer's"),
        pytest.param(facts("300", overdue="300", days=4), STRICT, "300", id="strict: 4 days stop"),
        pytest.param(facts("300", "2000", overdue="300", days=14), POLICY, "300", id="both: they are equal"),
        pytest.param(facts("300", "2000.01", overdue="300", days=14), POLICY, "300.01", id="both: the excess is more"),
        pytest.param(facts("300", "1999.99", overdue="300", days=14), POLICY, "300", id="both: the debt is more"),
        pytest.param(facts("300", "2000.01", overdue="300", days=4), POLICY, "300.01", id="to an approval"),
        pytest.param(facts("300", no_trade=True), POLICY, "0", id="a ban is not lifted by money"),
        pytest.param(facts("300", limit="0", legal_case=True), POLICY, "300", id="a case ends with the debt"),
    ],
)  # fmt: skip
def test_money_to_release(given: CreditFacts, policy: Policy, money: str) -> None:
    reasons = [reason.code for reason in decide_credit(given, policy).reasons]
    assert money_to_release(reasons, given, policy) == Decimal(money)


@pytest.mark.parametrize("days", [4, 14, 30])
def test_the_money_asked_for_does_lift_the_stop(days: int) -> None:
    """D2-13"""
    stopped = facts("2500", "300", overdue="700", days=days)
    before = decide_credit(stopped, POLICY)
    assert before.outcome == "stop"
    money = money_to_release([reason.code for reason in before.reasons], stopped, POLICY)

    still_overdue = money < counting_overdue(stopped, POLICY).amount
    after = facts(str(2500 - money), "300", overdue="700", days=days if still_overdue else 0)

    assert decide_credit(after, POLICY).outcome != "stop"


@pytest.mark.parametrize(
    ("given", "asks"),
    [
        pytest.param(facts(order="2000.01"), True, id="down to 2L is still above L"),
        pytest.param(facts("500", "100", limit="0"), False, id="no credit: all of it is paid"),
        pytest.param(facts("300", "700", overdue="300", days=14), False, id="E1 = L with the overdue debt paid"),
        pytest.param(facts("300", "1300.01", overdue="300", days=14), True, id="above L with the overdue debt paid"),
        pytest.param(facts("300", "1300.01", overdue="300", days=14, unlimited=True), False, id="unlimited"),
        pytest.param(facts("300", overdue="300", days=14, contract_valid=False), True, id="no contract besides"),
    ],
)
def test_whether_the_money_leads_to_an_approval(given: CreditFacts, asks: bool) -> None:
    """D2-2, D2-6: what lifts a stop is not always enough to pass."""
    codes = [reason.code for reason in decide_credit(given, POLICY).reasons]
    paid = money_to_release(codes, given, POLICY)
    assert asks_afterwards(codes, given, POLICY, paid=paid) is asks


def test_the_oldest_overdue_item_that_counts() -> None:
    """D1-11: a residue that nobody chases and a disputed one do not."""
    old, newer = facts("1", overdue="99", days=9).overdue[0], facts("1", overdue="600", days=5).overdue[0]
    both = replace(facts("1"), overdue=(old, newer))
    assert oldest_counting(both, Policy(floor_kzt=Decimal(500))) == newer
    assert oldest_counting(both, POLICY) == old
    assert oldest_counting(replace(both, overdue=(replace(old, disputed=Decimal(99)),)), POLICY) is None


def test_whose_word_a_stop_needs() -> None:
    """D2-8"""
    assert released_by(["NO_TRADE", "LEGAL_CASE"]) is Role.LAWYER
    assert released_by(["NO_TRADE", "ORDER_OVER_2X"]) is Role.HEAD
    assert released_by(["OVERDUE_STOP", "NO_CREDIT"]) is None


def test_a_limit_that_a_case_took_away_is_not_told_as_missing() -> None:
    assert told_reasons(["LEGAL_CASE", "NO_CREDIT", "OVERDUE_STOP"]) == ("LEGAL_CASE", "OVERDUE_STOP")
    assert told_reasons(["NO_CREDIT"]) == ("NO_CREDIT",)


def test_every_stop_is_known() -> None:
    cases = [facts("300", "1", days=d, overdue="300") for d in (14, 30)] + [
        facts(order="2000.01"), facts("2000.01"), facts(limit="0"), facts(no_trade=True), facts(legal_case=True),
    ]  # fmt: skip
    reasons = {reason.code for case in cases for reason in decide_credit(case, POLICY).reasons}
    assert reasons == STOPS
