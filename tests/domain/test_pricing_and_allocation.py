"""Pricing by line; D7-12, D8-1: who gets the goods."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.business_calendar import BusinessCalendar
from domain.invoicing import due_date, payment_schedule, still_owed
from domain.money import Money, percent_of, round_money, split_pro_rata
from domain.policy import Policy
from domain.pricing import price_line, total

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
NOW = datetime(2026, 4, 6, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("quantity", "price", "rate", "net", "vat", "gross"),
    [
        ("100", "2475", "16", "213362.07", "34137.93", "247500.00"),
        ("3", "0.335", "22", "0.83", "0.18", "1.01"),
        ("1", "0.005", "16", "0.01", "0.00", "0.01"),
        ("1.5", "100", "0", "150.00", "0.00", "150.00"),
    ],
)
def test_vat_stands_inside_the_price_and_is_rounded_once_per_line(
    quantity: str, price: str, rate: str, net: str, vat: str, gross: str
) -> None:
    amounts = price_line(Decimal(quantity), Decimal(price), Decimal(rate))

    assert (str(amounts.net), str(amounts.vat), str(amounts.gross)) == (net, vat, gross)


@given(st.lists(st.tuples(st.decimals(0, 1000, places=3), st.decimals(0, 10**6, places=4)), max_size=20))
def test_a_document_is_the_sum_of_its_rounded_lines(lines: list[tuple[Decimal, Decimal]]) -> None:
    parts = [price_line(quantity, price, Decimal(16)) for quantity, price in lines]
    whole = total(parts)

    assert whole.gross == sum((part.gross for part in parts), Decimal(0))
    assert whole.gross == whole.net + whole.vat


def test_d1_1_money_is_rounded_half_up() -> None:
    assert [round_money(Decimal(text)) for text in ("0.005", "0.0049", "1.015")] == [
        Decimal("0.01"), Decimal("0.00"), Decimal("1.02")]  # fmt: skip
    assert percent_of(Decimal("600000"), 30) == Money(Decimal("180000.00"), "KZT").amount


@given(st.decimals("0.01", 10**9, places=2), st.lists(st.decimals("0.01", 10**6, places=2), min_size=1, max_size=9))
def test_splitting_pro_rata_loses_nothing(amount: Decimal, weights: list[Decimal]) -> None:
    assert sum(split_pro_rata(amount, weights)) == amount


def test_v24_the_larger_share_takes_the_rest() -> None:
    shares = split_pro_rata(Decimal(100_000), [Decimal(100_000), Decimal(50_000)])
    assert shares == [Decimal("66666.67"), Decimal("33333.33")]


def test_splitting_needs_a_positive_weight() -> None:
    with pytest.raises(ValueError, match="positive"):
        split_pro_rata(Decimal(1), [Decimal(0)])


@pytest.mark.parametrize(
    ("shipped", "due"), [(date(2026, 4, 1), date(2026, 4, 15)), (date(2026, 4, 4), date(2026, 4, 20))]
)
def test_d1_12_v22_v23_a_due_date_moves_to_a_working_day(shipped: date, due: date) -> None:
    assert due_date(shipped, 14, ALMATY) == due


def test_d6_11_the_prepaid_share_is_due_on_shipment() -> None:
    schedule = payment_schedule(Decimal("600000"), 30, date(2026, 4, 1), 14, ALMATY)
    assert [(part.amount, part.due_date) for part in schedule] == [
        (Decimal("180000.00"), date(2026, 4, 1)), (Decimal("420000.00"), date(2026, 4, 15))]  # fmt: skip
    [whole] = payment_schedule(Decimal("600000"), 0, date(2026, 4, 1), 14, ALMATY)
    assert whole.amount == 600_000


@pytest.mark.parametrize(
    ("amount", "currency", "floor"),
    [("10000", "RUB", "100"), ("200000", "RUB", "200"), ("10000", "KZT", "500"), ("700000", "KZT", "700")],
)
def test_d1_11_the_floor_of_a_residue(amount: str, currency: str, floor: str) -> None:
    assert Policy().floor(Decimal(amount), currency) == Decimal(floor)


@pytest.mark.parametrize(
    ("amount", "residual", "owed"),
    [
        ("10000", "500", False),
        ("10000", "500.01", True),
        ("400", "400", True),
        ("400", "399", False),
        ("9", "0", False),
    ],
)
def test_d9_7_a_residue_does_not_keep_an_order_open_but_an_unpaid_trifle_does(
    amount: str, residual: str, owed: bool
) -> None:
    assert still_owed(Decimal(amount), Decimal(residual), Decimal(500)) is owed
