"""Money of another currency in a credit decision: D1-1, D2-17, D2-18."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.credit import CreditFacts, OrderAsk, Outcome, ReasonCode, decide_credit
from domain.credit_release import money_to_release
from domain.money_errors import RateUnknownError
from domain.policy import Policy
from domain.rates import DayRates, Rate
from domain.wording import credit as credit_words
from domain.wording import reason_text

DAY = date(2026, 4, 6)


def a_rate(price: str = "5.50", age: int = 0) -> Rate:
    return Rate("RUB", "KZT", DAY, Decimal(price), age)


def asked(roubles: str, *, rate: Rate, limit: str = "1000000", ar: str = "0") -> CreditFacts:
    """An order in roubles on an account in tenge, on credit."""
    account = CreditFacts("KZT", Decimal(ar), Decimal(0), Decimal(0), Decimal(0), Decimal(limit))
    return account.asked(OrderAsk(rate.convert(Decimal(roubles)), agreed_deferral=14, rate=rate))


@pytest.mark.parametrize(
    ("price", "amount", "worth"),
    [("5.50", "100000.00", "550000.00"), ("0.5", "0.01", "0.01"), ("0.499999", "0.01", "0.00"),
     ("5.123455", "1000.00", "5123.46"), ("5.123454", "1000.00", "5123.45"), ("0.181818", "100.00", "18.18")],
)  # fmt: skip
def test_d1_1_an_item_is_converted_half_up_once(price: str, amount: str, worth: str) -> None:
    assert a_rate(price).convert(Decimal(amount)) == Decimal(worth)


@given(
    price=st.decimals(min_value=Decimal("0.000001"), max_value=999_999, places=6),
    amount=st.decimals(min_value=0, max_value=Decimal("9999999999999999.99"), places=2),
)
def test_d1_1_conversion_is_off_by_half_a_cent_at_most(price: Decimal, amount: Decimal) -> None:
    worth = a_rate(str(price)).convert(amount)
    assert worth == worth.quantize(Decimal("0.01"))
    assert abs(worth * 10**8 - int(amount * 100) * int(price * 10**6)) <= 5 * 10**5


def test_d2_18_money_of_the_account_needs_no_rate_and_any_other_one_does() -> None:
    rates = DayRates("KZT", (a_rate(),))

    assert (rates.of("KZT"), rates.convert(Decimal(7), "KZT")) == (None, 7)
    assert rates.convert(Decimal(100), "RUB") == 550
    assert (rates.knows("KZT"), rates.knows("RUB"), rates.knows("USD")) == (True, True, False)
    with pytest.raises(RateUnknownError):
        rates.of("USD")


@pytest.mark.parametrize(
    ("limit", "outcome"),
    [
        ("550000.00", Outcome.AUTO),
        ("549999.99", Outcome.APPROVAL),
        ("275000.00", Outcome.APPROVAL),
        ("274999.99", Outcome.STOP),
    ],
)
def test_d2_4_limits_are_inclusive_after_conversion(limit: str, outcome: Outcome) -> None:
    assert decide_credit(asked("100000", rate=a_rate(), limit=limit), Policy()).outcome is outcome


@pytest.mark.parametrize(("age", "outcome", "codes"), [(0, "auto", []), (7, "auto", []), (8, "approval", ["NO_RATE"])])
def test_d2_17_a_rate_older_than_7_days_is_a_persons_to_decide_on(age: int, outcome: str, codes: list[str]) -> None:
    decision = decide_credit(asked("1000", rate=a_rate(age=age)), Policy())

    assert (decision.outcome, [reason.code for reason in decision.reasons]) == (outcome, codes)


def test_d2_17_receivables_valued_by_an_old_rate_ask_too_even_beside_an_order_of_the_accounts_own_currency() -> None:
    own = CreditFacts(
        "KZT", Decimal(1000), Decimal(0), Decimal(0), Decimal(10), Decimal(10_000), rates=(a_rate(age=8),)
    )

    assert [reason.code for reason in decide_credit(own, Policy()).reasons] == [ReasonCode.NO_RATE]
    assert decide_credit(replace(own, rates=(a_rate(age=7),)), Policy()).reasons == ()


def test_d2_17_the_days_are_the_policys() -> None:
    facts = asked("1000", rate=a_rate(age=3))

    assert decide_credit(facts, Policy(rate_days=3)).outcome is Outcome.AUTO
    assert decide_credit(facts, Policy(rate_days=2)).outcome is Outcome.APPROVAL


def test_d2_8_a_prepaid_order_needs_no_recent_rate() -> None:
    assert decide_credit(asked("0", rate=a_rate(age=100)), Policy()).reasons == ()


def test_d2_7_a_stop_outweighs_a_missing_rate_and_keeps_it() -> None:
    decision = decide_credit(asked("1000000", rate=a_rate(age=8)), Policy())

    assert decision.outcome is Outcome.STOP
    assert [reason.code for reason in decision.reasons] == [ReasonCode.ORDER_OVER_2X, ReasonCode.NO_RATE]


def test_d2_18_the_rates_of_the_account_and_of_the_order_are_kept_once_each() -> None:
    facts = asked("1000", rate=a_rate())
    again = facts.asked(OrderAsk(Decimal(5500), rate=a_rate()))

    assert (facts.rates, facts.order_rate) == ((a_rate(),), a_rate())
    assert again.rates == facts.rates
    assert facts.asked(OrderAsk(Decimal(1))).order_rate is None


def test_an_old_rate_says_what_to_do() -> None:
    facts = asked("1000", rate=a_rate(age=8))
    reason = decide_credit(facts, Policy()).reasons[0]

    assert reason.figures == {"pair": "RUB/KZT", "rate_on": "2026-04-06", "rate_age": "8"}
    said = reason_text(reason.code, currency="KZT", **reason.figures)
    assert said == "Нет свежего курса валюты: нужно согласование руководителя."
    assert credit_words.CURES["NO_RATE"] == "Согласовывать не придётся, если бухгалтер внесёт свежий курс."
    assert money_to_release(["NO_RATE"], facts, Policy()) == 5500
