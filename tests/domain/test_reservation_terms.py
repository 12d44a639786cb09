from datetime import UTC, date, datetime, timedelta

import pytest

from domain.business_calendar import BusinessCalendar
from domain.orders import Role
from domain.reservation_terms import (
    after_proof,
    after_silence,
    days_left,
    deferral_terms,
    expiry,
    planned_shipment,
    price_holds,
    reservation_terms,
)
from domain.reserve_life import LARGEST_PROOF, extension_days, proof_type
from domain.stock_errors import ExtensionTooLongError, ProofEmptyError, ProofTooLargeError, ProofTypeError
from domain.wording import letter

MOSCOW = BusinessCalendar(frozenset(), frozenset(), "Europe/Moscow")
ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")


@pytest.mark.parametrize("calendar", [MOSCOW, ALMATY], ids=lambda c: c.timezone)
def test_v20_a_week_from_monday_morning(calendar: BusinessCalendar) -> None:
    """V20: TTL 7, confirmed Mon 2026-04-06 10:00."""
    terms = reservation_terms(calendar.at(date(2026, 4, 6), 10), 7, calendar)

    assert terms.reminder_at == calendar.at(date(2026, 4, 9), 10)
    assert terms.expires_at == calendar.at(date(2026, 4, 13), 10)
    assert days_left(terms.expires_at, terms.reminder_at) == 4


@pytest.mark.parametrize("calendar", [MOSCOW, ALMATY], ids=lambda c: c.timezone)
def test_v21_expiry_on_a_day_off_moves_to_noon_of_the_next_working_day(calendar: BusinessCalendar) -> None:
    """V21: TTL 7, confirmed Sat 2026-04-04 10:00."""
    terms = reservation_terms(calendar.at(date(2026, 4, 4), 10), 7, calendar)

    assert terms.expires_at == calendar.at(date(2026, 4, 13), 12)


@pytest.mark.parametrize(("ttl", "after", "left"), [(3, 1, 2), (7, 3, 4), (14, 7, 7)])
def test_d7_4_the_reminder_goes_half_way(ttl: int, after: int, left: int) -> None:
    confirmed = ALMATY.at(date(2026, 4, 6), 10)
    terms = reservation_terms(confirmed, ttl, ALMATY)

    assert terms.reminder_at - confirmed == timedelta(days=after)
    assert days_left(terms.expires_at, terms.reminder_at) == left


@pytest.mark.parametrize(
    ("rest", "days"),
    [
        (timedelta(days=4), 4),
        (timedelta(days=4, seconds=1), 5),
        (timedelta(days=3, hours=23), 4),
        (timedelta(seconds=1), 1),
        (timedelta(0), 0),
        (timedelta(hours=-1), 0),
    ],
)
def test_d7_4_days_left_are_rounded_up(rest: timedelta, days: int) -> None:
    now = datetime(2026, 4, 9, 5, tzinfo=UTC)
    assert days_left(now + rest, now) == days


def test_d7_5_a_deferral_order_is_asked_about_and_then_released() -> None:
    """Planned Thu 2026-04-09: the third working day is Tue 14; with TTL 7 the reserve ends Tue 21."""
    terms = deferral_terms(date(2026, 4, 9), 3, 7, ALMATY)

    assert terms.task_at == ALMATY.at(date(2026, 4, 14), 12)
    assert terms.expires_at == ALMATY.at(date(2026, 4, 21), 12)


@pytest.mark.parametrize(
    ("confirmed", "ends"),
    [
        (date(2026, 4, 3), (10, 10)),
        (date(2026, 4, 4), (13, 12)),
        (date(2026, 4, 5), (13, 12)),
        (date(2026, 4, 6), (13, 10)),
    ],
    ids=["Friday", "Saturday", "Sunday", "Monday"],
)
def test_v21_only_a_day_off_moves_the_end(confirmed: date, ends: tuple[int, int]) -> None:
    day, hour = ends
    assert expiry(ALMATY.at(confirmed, 10), 7, ALMATY) == ALMATY.at(date(2026, 4, day), hour)


@pytest.mark.parametrize(("days", "told"), [(1, "1 день"), (2, "2 дня"), (4, "4 дня"), (5, "5 дней"), (7, "7 дней")])
def test_d7_4_the_reminder_counts_days_as_russians_do(days: int, told: str) -> None:
    text = letter("reservation_reminder", days=days, order="З-1").lead
    assert text == f"Ваш заказ ждёт оплаты, резерв действует ещё {told}"


@pytest.mark.parametrize(
    ("ship_on", "planned"), [(None, 9), (date(2026, 4, 8), 9), (date(2026, 4, 9), 9), (date(2026, 4, 10), 10)]
)
def test_d7_5_a_promised_day_that_has_passed_does_not_count(ship_on: date | None, planned: int) -> None:
    assert planned_shipment(date(2026, 4, 9), ship_on) == date(2026, 4, planned)


def test_d7_6_silence_adds_hours_by_the_clock() -> None:
    """A Friday's end moves into the Saturday: at most 24 h, not a working day."""
    friday = ALMATY.at(date(2026, 4, 10), 10)
    assert after_silence(friday, 24) == ALMATY.at(date(2026, 4, 11), 10)


@pytest.mark.parametrize(("late", "holds"), [(timedelta(days=5), True), (timedelta(days=5, seconds=1), False)])
def test_d7_8_the_price_holds_five_days_past_the_quote(late: timedelta, holds: bool) -> None:
    valid_until = datetime(2026, 4, 13, 5, tzinfo=UTC)
    assert price_holds(valid_until, valid_until + late, 5) is holds


def test_d7_10_a_proof_adds_two_working_days() -> None:
    friday = ALMATY.at(date(2026, 4, 10), 10)
    assert after_proof(friday, 2, ALMATY) == ALMATY.at(date(2026, 4, 14), 10)


def test_d7_10_a_manager_extends_by_one_lifetime_at_most() -> None:
    assert extension_days(None, 7, Role.MANAGER) == 7
    assert extension_days(7, 7, Role.MANAGER) == 7
    with pytest.raises(ExtensionTooLongError) as refused:
        extension_days(8, 7, Role.MANAGER)
    assert refused.value.facts == {"days": 8, "most": 7}
    assert extension_days(8, 7, Role.HEAD) == 8


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7 ...", "application/pdf"),
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
    ],
)
def test_d7_10_a_proof_is_told_by_its_first_bytes(content: bytes, kind: str) -> None:
    assert proof_type(content) == kind
    assert proof_type(content.ljust(LARGEST_PROOF, b"0")) == kind
    with pytest.raises(ProofTooLargeError):
        proof_type(content.ljust(LARGEST_PROOF + 1, b"0"))
    with pytest.raises(ProofTypeError):
        proof_type(b" " + content)


def test_d7_10_a_proof_without_bytes_is_none() -> None:
    with pytest.raises(ProofEmptyError):
        proof_type(b"")
