"""D1, D2: the credit decision, at both sides of every boundary; V1-V13 and V18 of the rule book."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.approvals import within_ceiling
from domain.credit import (
    CreditFacts,
    OrderAsk,
    Outcome,
    OverdueItem,
    Reason,
    ReasonCode,
    credit_part,
    decide_credit,
    with_reason,
)
from domain.policy import OverdueMode, Policy, StopBasis

POLICY = Policy()
STRICT = Policy(overdue_mode=OverdueMode.STRICT)
DUE = date(2026, 4, 1)


def facts(
    *,
    ar: str = "0",
    adv: str = "0",
    com: str = "0",
    order: str = "0",
    limit: str = "1000000",
    days_overdue: int = 0,
    **more: Any,
) -> CreditFacts:
    overdue = (OverdueItem("line", "СФ-1", DUE, days_overdue, Decimal(50_000)),) if days_overdue else ()
    return CreditFacts(
        currency="KZT",
        receivables=Decimal(ar),
        advances=Decimal(adv),
        commitments=Decimal(com),
        order_credit=Decimal(order),
        limit=Decimal(limit),
        overdue=overdue,
        **more,
    )


@pytest.mark.parametrize(
    ("given_facts", "outcome", "codes"),
    [
        pytest.param(facts(order="1000000"), "auto", ["WATCH"], id="V1 E1 = L passes, watched"),
        pytest.param(facts(order="1000000.01"), "approval", ["OVER_LIMIT"], id="V2 one tiyn over asks"),
        pytest.param(facts(ar="700000", com="200000", order="100000"), "auto", ["WATCH"], id="V3"),
        pytest.param(facts(ar="700000", com="200000", order="100000.01"), "approval", ["OVER_LIMIT"], id="V4"),
        pytest.param(facts(ar="1500000", order="500000"), "approval", ["OVER_LIMIT"], id="V5 E1 = 2L asks"),
        pytest.param(facts(ar="1500000", order="500000.01"), "stop", ["ORDER_OVER_2X"], id="V6"),
        pytest.param(facts(ar="2000000.01", order="1"), "stop", ["DEBT_OVER_2X"], id="V7"),
        pytest.param(facts(ar="2500000", adv="600000", order="100000"), "approval", ["OVER_LIMIT"], id="V8"),
        pytest.param(facts(ar="3000000", days_overdue=10), "auto", [], id="V9 prepaid passes whatever the debt"),
        pytest.param(facts(ar="500000", order="420000"), "auto", ["WATCH"], id="V10 30/70"),
        pytest.param(facts(ar="450000", order="50000", days_overdue=3), "auto", ["OVERDUE_NOTE"], id="V11"),
        pytest.param(facts(ar="450000", order="50000", days_overdue=4), "approval", ["OVERDUE_APPROVAL"], id="V12"),
        pytest.param(facts(ar="450000", order="50000", days_overdue=13), "approval", ["OVERDUE_APPROVAL"], id="D2-5"),
        pytest.param(facts(ar="450000", order="50000", days_overdue=14), "stop", ["OVERDUE_STOP"], id="V13"),
        pytest.param(facts(ar="450000", order="50000", days_overdue=29), "stop", ["OVERDUE_STOP"], id="D2-5 29"),
        pytest.param(facts(ar="450000", order="50000", days_overdue=30), "stop", ["OVERDUE_LEGAL"], id="D2-5 30"),
        pytest.param(facts(limit="0", order="1"), "stop", ["NO_CREDIT"], id="V18 no limit, no credit"),
        pytest.param(facts(limit="0", order="0"), "auto", [], id="V18 prepaid without a limit"),
        pytest.param(facts(order="899999.99"), "auto", [], id="D2-9 below 0.9 L nobody is told"),
        pytest.param(facts(order="900000"), "auto", ["WATCH"], id="D2-9 at 0.9 L the manager is"),
        pytest.param(facts(order="0", no_trade=True), "stop", ["NO_TRADE"], id="D2-8 a ban refuses prepaid too"),
        pytest.param(facts(order="0", legal_case=True), "stop", ["LEGAL_CASE"], id="D2-8 an open case too"),
    ],
)
def test_the_worked_examples(given_facts: CreditFacts, outcome: str, codes: list[str]) -> None:
    decision = decide_credit(given_facts, POLICY)

    assert (decision.outcome, [reason.code for reason in decision.reasons]) == (outcome, codes)


@pytest.mark.parametrize(("days", "outcome"), [(3, Outcome.AUTO), (4, Outcome.STOP)])
def test_v13_strict_mode_stops_beyond_the_pass_days(days: int, outcome: Outcome) -> None:
    assert decide_credit(facts(ar="1", order="1", days_overdue=days), STRICT).outcome is outcome


def test_d2_7_the_worst_gate_wins_and_every_reason_is_kept() -> None:
    decision = decide_credit(facts(ar="1500000", order="100000", days_overdue=14), POLICY)

    assert decision.outcome is Outcome.STOP
    assert [reason.code for reason in decision.reasons] == [ReasonCode.OVERDUE_STOP, ReasonCode.OVER_LIMIT]


def test_d1_7_the_customers_own_money_widens_the_room() -> None:
    decision = decide_credit(facts(adv="500000", order="1400000"), POLICY)

    assert (decision.outcome, decision.exposure_before, decision.exposure) == (Outcome.AUTO, -500_000, 900_000)


def test_d1_8_debt_is_never_negative() -> None:
    assert decide_credit(facts(adv="5"), POLICY).debt == 0


@pytest.mark.parametrize(
    ("gross", "percent", "received", "credit"),
    [("600000", 100, "0", "0"), ("600000", 30, "0", "420000"), ("600000", 30, "180000", "420000"),
     ("600000", 30, "200000", "400000"), ("600000", 0, "0", "600000"), ("600000", 0, "700000", "0")],
)  # fmt: skip
def test_d1_6_the_credit_part(gross: str, percent: int, received: str, credit: str) -> None:
    assert credit_part(Decimal(gross), percent, Decimal(received)) == Decimal(credit)


def test_d4_7_an_approval_covers_exposure_up_to_its_ceiling() -> None:
    decision = decide_credit(facts(ar="700000", order="600000"), POLICY)

    assert within_ceiling(decision, Decimal("1300000.00"))
    assert not within_ceiling(decision, Decimal("1299999.99"))
    assert not within_ceiling(decide_credit(facts(ar="3000000", order="1"), POLICY), Decimal(9_999_999))


amounts = st.decimals(min_value=0, max_value=10**9, places=2)


@given(ar=amounts, adv=amounts, com=amounts, order=amounts, limit=amounts, more=amounts)
def test_more_exposure_never_gives_a_better_outcome(
    ar: Decimal, adv: Decimal, com: Decimal, order: Decimal, limit: Decimal, more: Decimal
) -> None:
    rank = list(Outcome)
    before = CreditFacts("KZT", ar, adv, com, order, limit)
    after = replace(before, receivables=ar + more)
    if order > 0:
        outcomes = [decide_credit(each, POLICY).outcome for each in (before, after)]
        assert rank.index(outcomes[0]) <= rank.index(outcomes[1])


@given(days=st.integers(0, 60))
def test_overdue_outcome_grows_with_its_age(days: int) -> None:
    rank = list(Outcome)
    now = facts(ar="1", order="1", days_overdue=days)
    later = facts(ar="1", order="1", days_overdue=days + 1)
    assert rank.index(decide_credit(now, POLICY).outcome) <= rank.index(decide_credit(later, POLICY).outcome)


def test_d1_11_the_oldest_item_decides() -> None:
    items = tuple(OverdueItem(str(n), "", DUE - timedelta(days=n), n, Decimal(1000)) for n in (2, 14, 5))
    assert decide_credit(replace(facts(order="1"), overdue=items), POLICY).outcome is Outcome.STOP


def overdue(days: int, residual: str, *, disputed: str = "0", amount: str = "50000") -> OverdueItem:
    return OverdueItem("line", "СФ-1", DUE, days, Decimal(residual), Decimal(amount), Decimal(disputed))


@pytest.mark.parametrize(
    ("item", "currency", "outcome"),
    [
        pytest.param(overdue(20, "50000", disputed="50000"), "KZT", Outcome.AUTO, id="V14 wholly disputed"),
        pytest.param(overdue(20, "50000", disputed="49500"), "KZT", Outcome.AUTO, id="V14 all but the floor"),
        pytest.param(overdue(20, "50000", disputed="49499.99"), "KZT", Outcome.STOP, id="D1-11 more than the floor"),
        pytest.param(overdue(40, "90"), "RUB", Outcome.AUTO, id="V15 90 RUB are below the floor"),
        pytest.param(overdue(40, "100"), "RUB", Outcome.AUTO, id="D1-11 the floor itself"),
        pytest.param(overdue(40, "100.01"), "RUB", Outcome.STOP, id="D1-11 above it"),
        pytest.param(overdue(40, "500"), "KZT", Outcome.AUTO, id="D1-11 500 KZT"),
        pytest.param(overdue(40, "500.01"), "KZT", Outcome.STOP, id="D1-11 above 500 KZT"),
        pytest.param(overdue(40, "1000", amount="1000000"), "KZT", Outcome.AUTO, id="D1-11 0.1% of the invoice"),
        pytest.param(overdue(40, "1000.01", amount="1000000"), "KZT", Outcome.STOP, id="D1-11 above 0.1%"),
    ],
)
def test_v14_v15_what_counts_as_overdue(item: OverdueItem, currency: str, outcome: Outcome) -> None:
    given_facts = replace(facts(ar="450000", order="50000"), overdue=(item,), currency=currency)

    assert decide_credit(given_facts, POLICY).outcome is outcome
    assert given_facts.exposure == 500_000  # disputed money is still owed


def terms(requested: int, agreed: int | None, credit: str = "1000") -> CreditFacts:
    return facts().asked(OrderAsk(Decimal(credit), requested_deferral=requested, agreed_deferral=agreed))


@pytest.mark.parametrize(
    ("given_facts", "codes"),
    [
        pytest.param(terms(14, 14), [], id="as agreed"),
        pytest.param(terms(13, 14), [], id="shorter"),
        pytest.param(terms(15, 14), ["TERM_LONGER"], id="a day longer"),
        pytest.param(terms(1, 0), ["TERM_LONGER"], id="the contract grants none"),
        pytest.param(terms(0, None), ["NO_CONTRACT"], id="no valid contract"),
        pytest.param(terms(90, None), ["NO_CONTRACT"], id="no contract says it all"),
        pytest.param(terms(90, 14, credit="0"), [], id="prepaid with a longer term"),
        pytest.param(terms(90, None, credit="0"), [], id="prepaid without a contract"),
    ],
)
def test_d2_6_the_term_gate(given_facts: CreditFacts, codes: list[str]) -> None:
    decision = decide_credit(given_facts, POLICY)

    assert [reason.code for reason in decision.reasons] == codes
    assert decision.outcome is (Outcome.APPROVAL if codes else Outcome.AUTO)


def test_d1_9_unlimited_opens_the_amount_gate_only() -> None:
    unlimited = replace(facts(ar="9000000", order="1"), unlimited=True)

    assert decide_credit(unlimited, POLICY).outcome is Outcome.AUTO
    assert decide_credit(unlimited, POLICY).excess == 0
    late = replace(unlimited, overdue=facts(days_overdue=14).overdue)
    assert decide_credit(late, POLICY).outcome is Outcome.STOP


@pytest.mark.parametrize(
    ("given_facts", "exposure_basis", "debt_basis"),
    [
        (facts(order="2000000"), Outcome.APPROVAL, Outcome.APPROVAL),
        (facts(order="2000000.01"), Outcome.STOP, Outcome.APPROVAL),
        (facts(ar="2000000", order="1"), Outcome.STOP, Outcome.APPROVAL),
        (facts(ar="2000000.01", order="1"), Outcome.STOP, Outcome.STOP),
    ],
)
def test_d2_3_the_literal_reading_looks_at_the_debt_alone(
    given_facts: CreditFacts, exposure_basis: Outcome, debt_basis: Outcome
) -> None:
    assert decide_credit(given_facts, POLICY).outcome is exposure_basis
    assert decide_credit(given_facts, Policy(stop_basis=StopBasis.DEBT)).outcome is debt_basis


def test_d2_8_the_lawyer_lets_a_prepaid_order_pass() -> None:
    cleared = {"legal_case": True, "legal_cleared": True, "limit": "0"}

    assert decide_credit(facts(order="0", **cleared), POLICY).outcome is Outcome.AUTO
    assert decide_credit(facts(order="0.01", **cleared), POLICY).outcome is Outcome.STOP
    assert decide_credit(facts(order="0", no_trade=True, **cleared), POLICY).outcome is Outcome.STOP


def test_d4_15_a_discount_is_told_before_credit() -> None:
    discount = Reason(ReasonCode.DISCOUNT, Outcome.APPROVAL)

    told = with_reason(decide_credit(facts(order="950000"), POLICY), discount)
    assert (told.outcome, [reason.code for reason in told.reasons]) == (Outcome.APPROVAL, ["DISCOUNT", "WATCH"])
