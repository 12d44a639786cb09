"""What may leave at once, when it is told, and packs (D7-12, D12-3, D12-5)."""

from decimal import Decimal

import pytest

from api.i18n import speech
from domain.fulfilment import is_whole, is_worth_telling, most_to_ship
from domain.packing import Packs, in_packs
from domain.wording import packs_text

FIVE = Decimal(5)


@pytest.mark.parametrize(
    ("picked", "to_come", "percent", "most"),
    [
        ("100", "0", "5", "105"),
        ("10", "0", "5", "10.5"),
        ("0.02", "0", "5", "0.021"),
        ("100", "0.001", "5", "100"),
        ("100", "0", "0", "100"),
    ],
)
def test_d12_5_five_per_cent_more_may_leave_when_that_completes_the_line(
    picked: str, to_come: str, percent: str, most: str
) -> None:
    assert most_to_ship(Decimal(picked), Decimal(to_come), Decimal(percent)) == Decimal(most)


@pytest.mark.parametrize(("excess", "told"), [("10.00", False), ("10.01", True), ("0", False)])
def test_d12_5_the_manager_hears_of_more_than_one_per_cent(excess: str, told: bool) -> None:
    assert is_worth_telling(Decimal(1000), Decimal(excess), Decimal(1)) is told


def test_d7_12_a_whole_order_leaves_with_all_that_was_picked_or_more() -> None:
    picked = {1: Decimal(5), 2: Decimal(3)}
    assert is_whole({1: Decimal(5), 2: Decimal("3.1")}, picked)
    assert not is_whole({1: Decimal(5)}, picked)
    assert not is_whole({1: Decimal(5), 2: Decimal("2.999")}, picked)


@pytest.mark.parametrize(
    ("quantity", "whole", "loose"), [("85", 2, "5"), ("80", 2, "0"), ("39.999", 0, "39.999"), ("40", 1, "0")]
)
def test_d12_3_a_quantity_is_counted_in_whole_packs_and_a_loose_rest(quantity: str, whole: int, loose: str) -> None:
    assert in_packs(Decimal(quantity), "поддон", Decimal(40)) == Packs("поддон", Decimal(40), whole, Decimal(loose))


def test_d12_3_a_product_without_packs_is_counted_in_units() -> None:
    assert in_packs(Decimal(85), None, None) is None


@pytest.mark.parametrize(
    ("name", "size", "quantity", "said"),
    [
        ("поддон", "40", "85", "2 поддона по 40 меш + 5 меш"),
        ("поддон", "40", "40", "1 поддон по 40 меш"),
        ("Поддон", "40", "200", "5 поддонов по 40 меш"),
        ("поддон", "40", "12.5", "12,5 меш"),
        ("кассета", "10", "25", "кассета × 2 по 10 меш + 5 меш"),
        ("ведро", "2.5", "52.5", "21 ведро по 2,5 меш"),
    ],
)
def test_d12_3_packs_are_said_as_people_count_them(name: str, size: str, quantity: str, said: str) -> None:
    packs = in_packs(Decimal(quantity), name, Decimal(size))
    assert packs is not None
    assert packs_text(packs, "меш") == said


def test_d12_3_packs_in_english() -> None:
    packs = in_packs(Decimal(85), "поддон", Decimal(40))
    assert packs is not None
    assert packs_text(packs, "меш", speech("en")) == "поддон × 2 of 40 меш + 5 меш"
