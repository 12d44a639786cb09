"""D4: whose decision it is, how silence climbs, and which answers are refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.approvals import (
    Answerer,
    PricedLine,
    Rung,
    Tier,
    check_answerer,
    discount_reason,
    ladder,
    needs_director,
    still_valid,
)
from domain.business_calendar import BusinessCalendar
from domain.credit import CreditFacts, OverdueItem, decide_credit
from domain.credit_errors import ApprovalOfAnotherRevisionError, NotYourApprovalError, OwnApprovalError
from domain.orders import Role
from domain.policy import Policy

CALENDAR = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
MONDAY = datetime(2026, 4, 6, 5, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TWO_TIERS = Policy(second_tier=True)


def facts(ar: str = "0", order: str = "0", days: int = 0) -> CreditFacts:
    overdue = (OverdueItem("l", "СФ", MONDAY.date(), days, Decimal(9000), Decimal(9000)),) if days else ()
    return CreditFacts("KZT", Decimal(ar), Decimal(0), Decimal(0), Decimal(order), Decimal(1_000_000), overdue)


def test_d4_3_the_rungs_of_silence() -> None:
    """Monday 10:00: reminder 14:00, deputy on Tuesday, next level on Wednesday, rejected on Thursday, 10:00 each."""
    times = ladder(MONDAY, Policy(), CALENDAR)

    assert times.reminder_at == MONDAY + timedelta(hours=4)
    assert times.deputy_at == MONDAY + timedelta(days=1)
    assert times.next_level_at == MONDAY + timedelta(days=2)
    assert times.expires_at == MONDAY + timedelta(days=3)


@pytest.mark.parametrize(
    ("rung", "name"), [(Rung.REMINDED, "reminder_at"), (Rung.DEPUTY, "deputy_at"), (Rung.NEXT_LEVEL, "next_level_at")]
)
def test_d4_3_a_rung_comes_on_its_second(rung: Rung, name: str) -> None:
    times = ladder(MONDAY, Policy(), CALENDAR)
    at = getattr(times, name)

    assert (times.due(at - SECOND), times.due(at)) == (Rung(rung - 1), rung)
    assert times.next_at(at - SECOND) == at
    assert times.next_at(times.next_level_at) is None


def test_d4_3_a_weekend_is_no_working_time() -> None:
    friday = MONDAY + timedelta(days=4, hours=6)  # 16:00 in Almaty
    times = ladder(friday, Policy(), CALENDAR)

    assert times.reminder_at == friday + timedelta(days=2, hours=19)  # Monday 11:00
    assert times.deputy_at == friday + timedelta(days=3)


@pytest.mark.parametrize(
    ("given", "policy", "director"),
    [
        (facts(order="1500000"), TWO_TIERS, False),
        (facts(order="1500000.01"), TWO_TIERS, True),
        (facts("9000", "1000", days=7), TWO_TIERS, False),
        (facts("9000", "1000", days=8), TWO_TIERS, True),
        (facts(order="1900000", days=13), Policy(), False),
    ],
)
def test_d4_1_the_second_tier(given: CreditFacts, policy: Policy, director: bool) -> None:
    assert needs_director(given, decide_credit(given, policy), policy) is director


def test_d4_12_an_approval_is_good_for_ten_days() -> None:
    assert still_valid(MONDAY, MONDAY + timedelta(days=10), Policy())
    assert not still_valid(MONDAY, MONDAY + timedelta(days=10) + SECOND, Policy())


HEAD = Answerer("head", Role.HEAD, None, asked=False)


def check(person: Answerer, **more: Any) -> None:
    usual: dict[str, Any] = {
        "tier": Tier.HEAD, "barred": ("owner",), "customer_region": "Алматы", "revision": 2, "seen_revision": None
    }  # fmt: skip
    check_answerer(person, **(usual | more))


@pytest.mark.parametrize(
    ("person", "tier"),
    [
        (HEAD, Tier.HEAD),
        (replace(HEAD, region="Алматы"), Tier.HEAD),
        (replace(HEAD, role=Role.DIRECTOR), Tier.HEAD),
        (replace(HEAD, role=Role.DIRECTOR), Tier.DIRECTOR),
        (replace(HEAD, role=Role.MANAGER, asked=True), Tier.HEAD),
        (replace(HEAD, role=Role.HEAD, asked=True), Tier.DIRECTOR),
    ],
)
def test_d4_1_who_answers(person: Answerer, tier: Tier) -> None:
    check(person, tier=tier)


@pytest.mark.parametrize(
    ("person", "tier"),
    [
        (replace(HEAD, region="Астана"), Tier.HEAD),
        (HEAD, Tier.DIRECTOR),
        (replace(HEAD, role=Role.MANAGER), Tier.HEAD),
        (replace(HEAD, role=Role.ADMIN), Tier.HEAD),
    ],
)
def test_d4_1_who_does_not(person: Answerer, tier: Tier) -> None:
    with pytest.raises(NotYourApprovalError):
        check(person, tier=tier)


def test_d4_5_four_eyes_come_before_every_right() -> None:
    for role in (Role.HEAD, Role.DIRECTOR):
        with pytest.raises(OwnApprovalError):
            check(Answerer("owner", role, None, asked=True))


def test_d4_6_an_answer_is_given_to_the_revision_that_was_seen() -> None:
    check(HEAD, seen_revision=2)
    with pytest.raises(ApprovalOfAnotherRevisionError):
        check(HEAD, seen_revision=1)


@pytest.mark.parametrize(
    ("price", "listed", "asks"),
    [("90", "100", False), ("89.99", "100", True), ("100", "100", False), ("150", "100", False), ("1", None, False)],
)
def test_d4_15_a_deep_discount_is_approved_first(price: str, listed: str | None, asks: bool) -> None:
    line = PricedLine(Decimal(price), Decimal(listed) if listed else None)

    assert (discount_reason([line], Policy(free_discount_percent=Decimal(10))) is not None) is asks
    assert discount_reason([line], Policy()) is None
