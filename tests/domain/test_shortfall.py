"""Less lies there than was promised: whose reserve shrinks (D7-15)."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.shortfall import Holder, cuts, shortfall
from domain.stock_errors import CountBelowPickingError

NOW = datetime(2026, 4, 6, 5, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def holder(name: str, quantity: str = "5", *, vip: bool = False, paid: bool = False, day: int = 0) -> Holder:
    return Holder(name, 1, Decimal(quantity), vip, paid, NOW + day * DAY)


def taken(holders: list[Holder], missing: str) -> dict[str, str]:
    return {cut.holder.order_id: str(cut.quantity) for cut in cuts(holders, Decimal(missing))}


@pytest.mark.parametrize(("counted", "missing"), [("15", "0"), ("16", "0"), ("14.999", "0.001"), ("5", "10")])
def test_d7_15_what_was_promised_and_is_not_there(counted: str, missing: str) -> None:
    found = shortfall("CEM", Decimal(counted), reserved=Decimal(10), picking=Decimal(5))
    assert found == Decimal(missing)


def test_d7_15_what_is_being_picked_is_never_taken() -> None:
    with pytest.raises(CountBelowPickingError) as refused:
        shortfall("CEM", Decimal("4.999"), reserved=Decimal(10), picking=Decimal(5))
    assert refused.value.facts == {"sku": "CEM", "counted": "4.999", "picking": "5"}


def test_d7_15_the_newest_loses_first() -> None:
    assert taken([holder("old"), holder("new", day=2), holder("mid", day=1)], "7") == {"new": "5", "mid": "2"}


def test_d7_15_the_lower_class_loses_before_a_key_customer_however_old() -> None:
    assert taken([holder("vip", vip=True, day=9), holder("old")], "6") == {"old": "5", "vip": "1"}


def test_d7_15_paid_ones_come_last() -> None:
    holders = [holder("paid", paid=True, day=9), holder("vip", vip=True), holder("free")]
    assert taken(holders, "5") == {"free": "5"}
    assert taken(holders, "10") == {"free": "5", "vip": "5"}
    assert taken([*holders, holder("paid-vip", paid=True, vip=True, day=9)], "16") == {
        "free": "5", "vip": "5", "paid": "5", "paid-vip": "1",
    }  # fmt: skip


def test_d7_15_equal_times_go_by_order_id() -> None:
    for names in ("abc", "cab"):
        assert list(taken([holder(name) for name in names], "11")) == ["c", "b", "a"]


@pytest.mark.parametrize(("missing", "expected"), [("5", {"b": "5"}), ("4.999", {"b": "4.999"}), ("0", {})])
def test_d7_15_a_line_is_cut_by_what_is_missing(missing: str, expected: dict[str, str]) -> None:
    assert taken([holder("a"), holder("b")], missing) == expected


HOLDERS = st.lists(st.tuples(st.integers(1, 9000), st.booleans(), st.booleans(), st.integers(0, 5)), max_size=12)


@given(HOLDERS, st.integers(0, 200_000))
def test_d7_15_the_cuts_are_what_is_missing_and_spare_whoever_comes_later(
    held: list[tuple[int, bool, bool, int]], wanted: int
) -> None:
    holders = [
        holder(f"{number:02}", str(Decimal(quantity) / 1000), vip=vip, paid=paid, day=day)
        for number, (quantity, vip, paid, day) in enumerate(held)
    ]
    promised = sum((each.quantity for each in holders), Decimal(0))
    missing = min(Decimal(wanted) / 1000, promised)
    found = cuts(holders, missing)
    assert sum((cut.quantity for cut in found), Decimal(0)) == missing
    assert all(Decimal(0) < cut.quantity <= cut.holder.quantity for cut in found)
    lost = {cut.holder.order_id: cut.quantity for cut in found}
    for spared in holders:
        if lost.get(spared.order_id, Decimal(0)) == spared.quantity:
            continue
        for other in holders:
            before = (other.paid, other.vip, -other.confirmed_at.timestamp())
            if (spared.paid, spared.vip, -spared.confirmed_at.timestamp()) < before:
                assert other.order_id not in lost
