"""Limits by day: what counts, who may give it, and when its end is announced (D1-9, D5)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from domain.business_calendar import BusinessCalendar
from domain.contracts import check_deferral
from domain.credit_errors import LimitNeedsHeadError, OwnLimitError, TemporaryLimitTooLongError
from domain.errors import InvalidInputError, TermsNeedHeadError
from domain.grant_life import GrantStep, NextStep, grant_times, next_step, stage_of
from domain.limits import (
    Grant,
    GrantKind,
    LimitSource,
    check_may_grant,
    check_window,
    effective_limit,
    policy_overlay,
    widens,
)
from domain.orders import Role
from domain.policy import Policy

MILLION = Decimal(1_000_000)
ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")


def day(number: int, month: int = 4) -> date:
    return date(2026, month, number)


def base(amount: int, since: date) -> Grant:
    return Grant(GrantKind.BASE, since, None, Decimal(amount))


def temporary(amount: int, since: date, until: date) -> Grant:
    return Grant(GrantKind.TEMPORARY, since, until, Decimal(amount))


def unlimited(since: date, until: date) -> Grant:
    return Grant(GrantKind.UNLIMITED, since, until)


@pytest.mark.parametrize(
    ("on", "amount", "source"),
    [
        (day(4), 1_000_000, LimitSource.BASE),
        (day(5), 2_000_000, LimitSource.TEMPORARY),
        (day(10), 2_000_000, LimitSource.TEMPORARY),
        (day(11), 1_000_000, LimitSource.BASE),
        (day(14), 1_000_000, LimitSource.BASE),
        (day(15), 3_000_000, LimitSource.BASE),
        (day(20), 3_000_000, LimitSource.UNLIMITED),
        (day(22), 3_000_000, LimitSource.BASE),
    ],
)
def test_d1_9_the_limit_of_a_day(on: date, amount: int, source: LimitSource) -> None:
    """D5-1: a temporary limit replaces the base inside its window, both ends included."""
    grants = [temporary(2_000_000, day(5), day(10)), base(3_000_000, day(15)), unlimited(day(20), day(21))]
    limit = effective_limit(MILLION, grants, on)
    assert (limit.amount, limit.source) == (amount, source)
    assert effective_limit(MILLION, grants, on, suspended=True).amount == 0


def test_d5_6_later_overrides_outweigh_earlier_ones_in_their_window() -> None:
    grants = [
        Grant(GrantKind.POLICY, day(1), day(30), body={"stop_ratio": "3", "reservation_days": 14}),
        Grant(GrantKind.POLICY, day(10), day(12), body={"stop_ratio": "1"}),
    ]
    assert policy_overlay(grants, day(9)) == {"stop_ratio": "3", "reservation_days": 14}
    assert policy_overlay(grants, day(10)) == {"stop_ratio": "1", "reservation_days": 14}
    assert policy_overlay(grants, day(13))["stop_ratio"] == "3"
    assert policy_overlay(grants, day(1, month=5)) == {}


@pytest.mark.parametrize(
    ("grant", "wider"),
    [
        (base(1_000_000, day(5)), False),
        (base(1_000_001, day(5)), True),
        (base(999_999, day(5)), False),
        (temporary(1_000_000, day(5), day(9)), False),
        (temporary(1_000_001, day(5), day(9)), True),
        (unlimited(day(5), day(5)), True),
        (Grant(GrantKind.POLICY, day(5), day(9), body={"stop_ratio": "1"}), True),
    ],
)
def test_d5_4_what_widens_credit(grant: Grant, wider: bool) -> None:
    assert widens(MILLION, [], [grant], since=day(5)) is wider


def test_widening_hidden_behind_another_window_is_seen() -> None:
    """D4-5: on the day after the larger limit has ended."""
    larger = temporary(2_000_000, day(1), day(10))
    assert widens(MILLION, [larger], [larger, temporary(1_500_000, day(5), day(11))], since=day(5))
    assert not widens(MILLION, [larger], [larger, temporary(1_500_000, day(5), day(10))], since=day(5))
    assert widens(MILLION, [larger], [larger, base(1_500_000, day(5))], since=day(5))
    assert not widens(MILLION, [larger], [], since=day(5)), "revoking it lowers"
    assert widens(MILLION, [temporary(500_000, day(5), day(10))], [], since=day(5)), "revoking a lower one raises"


@pytest.mark.parametrize("role", list(Role))
def test_d14_only_head_and_director_give_limits(role: Role) -> None:
    facts = {"requester": "asker", "owner": "owner", "kind": GrantKind.TEMPORARY, "raises": True}
    if role in {Role.HEAD, Role.DIRECTOR}:
        check_may_grant(role, "me", **facts)
    else:
        with pytest.raises(LimitNeedsHeadError):
            check_may_grant(role, "me", **facts)


@pytest.mark.parametrize(
    ("person", "kind", "raises", "refused"),
    [
        ("asker", GrantKind.TEMPORARY, True, True),
        ("asker", GrantKind.TEMPORARY, False, True),
        ("asker", GrantKind.UNLIMITED, True, True),
        ("asker", GrantKind.POLICY, True, True),
        ("asker", GrantKind.BASE, True, False),
        ("owner", GrantKind.BASE, True, True),
        ("owner", GrantKind.BASE, False, False),
        ("owner", GrantKind.TEMPORARY, True, True),
        ("owner", GrantKind.TEMPORARY, False, False),
        ("third", GrantKind.UNLIMITED, True, False),
    ],
)
def test_d5_1_d4_5_nobody_widens_credit_alone(person: str, kind: GrantKind, raises: bool, refused: bool) -> None:
    facts = {"requester": "asker", "owner": "owner", "kind": kind, "raises": raises}
    if refused:
        with pytest.raises(OwnLimitError):
            check_may_grant(Role.HEAD, person, **facts)
    else:
        check_may_grant(Role.HEAD, person, **facts)


def test_d5_1_a_temporary_limit_lasts_90_days_at_most() -> None:
    first = day(1)
    check_window(GrantKind.TEMPORARY, first, first + timedelta(days=89), Policy(), today=first)
    with pytest.raises(TemporaryLimitTooLongError):
        check_window(GrantKind.TEMPORARY, first, first + timedelta(days=90), Policy(), today=first)
    check_window(GrantKind.UNLIMITED, first, first + timedelta(days=90), Policy(), today=first)
    for kind in (GrantKind.TEMPORARY, GrantKind.UNLIMITED, GrantKind.POLICY):
        with pytest.raises(InvalidInputError):
            check_window(kind, first, None, Policy(), today=first)
    with pytest.raises(InvalidInputError):
        check_window(GrantKind.UNLIMITED, first, first, Policy(), today=first + timedelta(days=1))


@pytest.mark.parametrize(
    ("last", "warned"),
    [
        (day(10), day(9)),  # Friday -> Thursday
        (day(13), day(10)),  # Monday -> Friday
        (day(12), day(10)),  # Sunday -> Friday
        (day(14), day(13)),  # Tuesday -> Monday
    ],
)
def test_d5_2_the_end_is_announced_a_working_day_before(last: date, warned: date) -> None:
    times = grant_times(day(1), last, ALMATY, hour=10)
    assert times.begins_at == datetime(2026, 3, 31, 19, tzinfo=UTC)
    assert times.warns_at == ALMATY.at(warned, 10)
    assert times.ends_at == ALMATY.at(last + timedelta(days=1), 0)


def test_the_steps_of_a_change_come_in_order() -> None:
    times = grant_times(day(6), day(10), ALMATY, hour=10)
    asked = ALMATY.at(day(1), 12)
    assert times.warns_at is not None
    assert times.ends_at is not None
    first = next_step(times, decided_at=asked, done=())
    assert first == NextStep(GrantStep.BEGIN, times.begins_at)
    second = next_step(times, decided_at=asked, done={GrantStep.BEGIN})
    assert second == NextStep(GrantStep.WARN, times.warns_at)
    third = next_step(times, decided_at=asked, done={GrantStep.BEGIN, GrantStep.WARN})
    assert third == NextStep(GrantStep.END, times.ends_at)
    assert next_step(times, decided_at=asked, done=set(GrantStep)) is None
    told = next_step(times, decided_at=times.warns_at, done={GrantStep.BEGIN})
    assert told == NextStep(GrantStep.END, times.ends_at), "whoever hears of it then knows the end"
    endless = grant_times(day(6), None, ALMATY, hour=10)
    assert next_step(endless, decided_at=asked, done={GrantStep.BEGIN}) is None


@pytest.mark.parametrize(
    ("today", "state"),
    [(day(4), "scheduled"), (day(5), "in_force"), (day(10), "in_force"), (day(11), "ended")],
)
def test_the_state_follows_the_calendar(today: date, state: str) -> None:
    assert stage_of("in_force", day(5), day(10), today=today) == state
    assert stage_of("rejected", day(5), day(10), today=today) == "rejected"


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ACCOUNTANT, Role.HEAD, Role.DIRECTOR, Role.ADMIN])
def test_d2_6_a_longer_deferral_is_for_those_who_set_the_terms(role: Role) -> None:
    check_deferral(role, 14, 14)
    check_deferral(role, None, 14)
    if role in {Role.MANAGER, Role.ACCOUNTANT}:
        with pytest.raises(TermsNeedHeadError):
            check_deferral(role, 15, 14)
    else:
        check_deferral(role, 15, 14)
