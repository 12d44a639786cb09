"""The verdict on a customer's card: the worst closed gate speaks."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from domain.credit import CreditFacts, OverdueItem
from domain.customers import credit_card
from domain.limits import EffectiveLimit, LimitSource
from domain.policy import OverdueMode, Policy, StopBasis
from domain.wording import RUSSIAN, card_text

MILLION = Decimal(1_000_000)


def facts(**changes: Any) -> CreditFacts:
    nothing = Decimal("0.00")
    known = {
        "currency": "RUB", "receivables": nothing, "advances": nothing, "commitments": nothing,
        "order_credit": nothing, "limit": MILLION,
    }  # fmt: skip
    return CreditFacts(**(known | changes))


def overdue(days: int, residual: str = "50000.00") -> tuple[OverdueItem, ...]:
    return (OverdueItem("line", "С-1", date(2026, 1, 1), days, Decimal(residual)),)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "free"),
        ({"receivables": MILLION - Decimal("0.01")}, "free"),
        ({"receivables": MILLION}, "over_limit"),
        ({"receivables": 2 * MILLION - Decimal("0.01")}, "over_limit"),
        ({"receivables": 2 * MILLION}, "over_double"),
        ({"commitments": 2 * MILLION}, "over_double"),
        ({"receivables": 2 * MILLION, "advances": MILLION + 1}, "free"),
        ({"limit": Decimal(0)}, "no_credit"),
        ({"limit": Decimal(0), "advances": Decimal(5)}, "free"),
        ({"overdue": overdue(3)}, "free"),
        ({"overdue": overdue(4)}, "overdue_approval"),
        ({"overdue": overdue(13)}, "overdue_approval"),
        ({"overdue": overdue(14)}, "overdue_stop"),
        ({"overdue": overdue(4), "receivables": MILLION}, "overdue_approval"),
        ({"overdue": overdue(4), "receivables": 2 * MILLION}, "over_double"),
        ({"overdue": overdue(40), "legal_case": True, "limit": Decimal(0)}, "legal_case"),
        ({"legal_case": True, "no_trade": True}, "no_trade"),
        ({"contract_valid": False}, "no_contract"),
        ({"contract_valid": False, "receivables": MILLION}, "no_contract"),
        ({"contract_valid": False, "receivables": 2 * MILLION}, "over_double"),
        ({"contract_valid": False, "limit": Decimal(0)}, "no_credit"),
        ({"contract_valid": False, "overdue": overdue(4)}, "overdue_approval"),
        ({"unlimited": True, "receivables": 5 * MILLION, "overdue": overdue(4)}, "overdue_approval"),
        ({"unlimited": True, "contract_valid": False}, "no_contract"),
    ],
)
def test_the_worst_closed_gate_speaks(changes: dict[str, Any], verdict: str) -> None:
    """D1-7…D1-9, D2-1…D2-5, D2-8"""
    card = credit_card(facts(**changes), Policy())
    assert card.verdict == verdict
    assert "—" not in card_text(card.verdict, RUSSIAN, **card.figures).replace(" — ", "")


def test_strict_companies_stop_on_the_fourth_day() -> None:
    """D2-5, mode `strict`"""
    strict = Policy(overdue_mode=OverdueMode.STRICT)
    assert credit_card(facts(overdue=overdue(3)), strict).verdict == "free"
    assert credit_card(facts(overdue=overdue(4)), strict).verdict == "overdue_stop"


def test_own_money_widens_the_room() -> None:
    """D1-7: exposure may be negative, what is available is never below zero."""
    card = credit_card(facts(advances=Decimal("250000.00")), Policy())
    assert (card.exposure, card.debt, card.available) == (Decimal("-250000.00"), 0, Decimal("1250000.00"))
    assert credit_card(facts(receivables=MILLION + 1), Policy()).available == 0


def test_an_unlimited_account_has_no_amount_gate() -> None:
    """D1-9"""
    limit = EffectiveLimit(MILLION, LimitSource.UNLIMITED, date(2026, 4, 30))
    card = credit_card(facts(unlimited=True, receivables=5 * MILLION), Policy(), limit)
    assert (card.verdict, card.over_limit, card.limit_until) == ("unlimited", False, date(2026, 4, 30))
    text = card_text(card.verdict, RUSSIAN, **card.figures)
    assert text == "Сумма не ограничена до 30.04.2026 включительно: заказ в долг пройдёт сразу."


def test_d5_8_a_suspended_limit_is_told_as_such() -> None:
    suspended = EffectiveLimit(Decimal(0), LimitSource.SUSPENDED)
    assert credit_card(facts(limit=Decimal(0)), Policy(), suspended).verdict == "suspended"
    assert credit_card(facts(limit=Decimal(0), legal_case=True), Policy(), suspended).verdict == "legal_case"


def test_d5_3_more_is_owed_than_the_limit_allows() -> None:
    assert not credit_card(facts(receivables=MILLION), Policy()).over_limit
    assert credit_card(facts(receivables=MILLION + Decimal("0.01")), Policy()).over_limit


def test_d2_3_by_debt_an_order_alone_never_stops() -> None:
    """The customer's own contract may say so (D5-6)."""
    by_debt = Policy(stop_basis=StopBasis.DEBT)
    assert credit_card(facts(), by_debt).verdict == "free_by_debt"
    assert credit_card(facts(receivables=2 * MILLION), by_debt).verdict == "over_limit_by_debt"
    assert credit_card(facts(commitments=5 * MILLION), by_debt).verdict == "over_limit_by_debt"
    assert credit_card(facts(receivables=2 * MILLION + Decimal("0.01")), by_debt).verdict == "over_double"
    assert credit_card(facts(limit=Decimal(0)), by_debt).verdict == "no_credit"
