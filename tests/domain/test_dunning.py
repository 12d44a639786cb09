from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from activities.persistence.calendars import official_days
from domain.business_calendar import BusinessCalendar
from domain.dunning import Stage, Step, days_overdue, is_chased, letter_time, next_step
from domain.invoicing import due_date
from domain.policy import Policy

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
POLICY = Policy()
DUE = date(2026, 4, 15)  # a Wednesday


def at(day: date, hour: int = 10, minute: int = 0) -> datetime:
    return ALMATY.at(day, hour, minute)


def live(due: date, start: datetime, calendar: BusinessCalendar = ALMATY) -> list[tuple[Stage, datetime, int]]:
    """The whole ladder of a line nobody pays, watched from `start`."""
    done: set[Stage] = set()
    acted: list[tuple[Stage, datetime, int]] = []
    first_letter: date | None = None
    now = start
    while step := next_step(due, done, now, calendar, POLICY, first_letter_on=first_letter):
        now = max(now, step.at)
        # what is due is decided anew at the moment of acting
        step = next_step(due, done, now, calendar, POLICY, first_letter_on=first_letter)
        assert step is not None
        assert step.at == now
        done |= {step.stage, *step.skipped}
        acted.append((step.stage, now, days_overdue(due, calendar.day_of(now))))
        if step.stage is not Stage.BEFORE_DUE:
            first_letter = first_letter or calendar.day_of(now)
    return acted


def test_v22_a_whole_ladder() -> None:
    """V22: shipped Wed 2026-04-01, deferral 14."""
    due = due_date(date(2026, 4, 1), 14, ALMATY)
    assert due == DUE
    assert live(due, at(date(2026, 4, 1))) == [
        (Stage.BEFORE_DUE, at(date(2026, 4, 10)), -5),  # Sun 12 -> Fri 10
        (Stage.LETTER, at(date(2026, 4, 20)), 5),  # Sat 18 -> Mon 20, «5 дней назад»
        (Stage.CALL, at(date(2026, 4, 22)), 7),
        (Stage.HEAD, at(date(2026, 4, 29)), 14),
        (Stage.LEGAL, at(date(2026, 5, 15)), 30),
    ]


def test_v23_a_due_date_on_a_day_off_moves() -> None:
    """V23: shipped Sat 2026-04-04, deferral 14: due Sat 18 -> Mon 20."""
    assert due_date(date(2026, 4, 4), 14, ALMATY) == date(2026, 4, 20)


def test_v27_after_an_outage_only_the_current_stage_acts() -> None:
    """V27: the worker was down from n = 6 to n = 16; the letter of +3 had gone."""
    back = at(DUE + timedelta(days=16), 12)
    step = next_step(DUE, {Stage.BEFORE_DUE, Stage.LETTER}, back, ALMATY, POLICY, first_letter_on=date(2026, 4, 20))
    assert step == Step(Stage.HEAD, back, skipped=(Stage.CALL,))


def test_d10_5_an_invoice_taken_over_at_n_20_starts_with_the_head() -> None:
    now = at(DUE + timedelta(days=20), 12)
    assert next_step(DUE, (), now, ALMATY, POLICY) == Step(
        Stage.HEAD, now, skipped=(Stage.BEFORE_DUE, Stage.LETTER, Stage.CALL)
    )


def test_d10_5_the_lawyer_waits_three_working_days_after_the_first_letter() -> None:
    """Taken over on Mon 2026-05-25 with n = 40: the head at once, the lawyer on Thu 28."""
    start = at(date(2026, 5, 25), 12)
    assert live(DUE, start) == [
        (Stage.HEAD, start, 40),
        (Stage.LEGAL, at(date(2026, 5, 28)), 43),
    ]


@pytest.mark.parametrize(
    ("n", "stage"),
    [
        (-10, Stage.BEFORE_DUE), (0, Stage.BEFORE_DUE), (1, Stage.LETTER), (2, Stage.LETTER), (6, Stage.LETTER),
        (7, Stage.CALL), (13, Stage.CALL), (14, Stage.HEAD), (29, Stage.HEAD), (30, Stage.HEAD),
    ],
)  # fmt: skip
def test_d10_the_stage_is_computed_from_the_day_count(n: int, stage: Stage) -> None:
    """At 30 a line without a letter gets the head's first."""
    step = next_step(DUE, (), at(DUE + timedelta(days=n), 0), ALMATY, POLICY)
    assert step is not None
    assert step.stage is stage


def test_d10_1_a_stage_in_the_past_waits_for_office_hours() -> None:
    saturday_night = at(date(2026, 4, 25), 3)  # n = 10
    step = next_step(DUE, {Stage.LETTER}, saturday_night, ALMATY, POLICY)
    assert step is not None
    assert (step.stage, step.at) == (Stage.CALL, at(date(2026, 4, 27)))
    evening = at(date(2026, 4, 24), 18)
    step = next_step(DUE, {Stage.LETTER}, evening, ALMATY, POLICY)
    assert step is not None
    assert step.at == at(date(2026, 4, 27))
    early = at(date(2026, 4, 24), 9, 59)
    step = next_step(DUE, {Stage.LETTER}, early, ALMATY, POLICY)
    assert step is not None
    assert step.at == at(date(2026, 4, 24))


def test_d10_1_days_off_before_the_due_date_move_back_and_after_it_move_on() -> None:
    """Over the New Year holidays two stages fall on one day: the later one acts alone."""
    holidays = frozenset(date(2026, 1, day) for day in range(1, 9))
    moscow = BusinessCalendar(holidays | {date(2026, 1, 9)}, frozenset(), "Europe/Moscow")
    due = date(2025, 12, 30)
    stages = live(due, moscow.at(date(2025, 12, 1), 10), moscow)
    assert [(stage, moscow.day_of(when), n) for stage, when, n in stages] == [
        (Stage.BEFORE_DUE, date(2025, 12, 26), -4),
        (Stage.CALL, date(2026, 1, 12), 13),
        (Stage.HEAD, date(2026, 1, 13), 14),
        (Stage.LEGAL, date(2026, 1, 29), 30),
    ]


def test_d10_a_notice_before_the_date_is_not_sent_after_it() -> None:
    """Taken over on the evening before a due date on a day off: the office opens after it."""
    friday_evening = at(date(2026, 4, 17), 19)
    step = next_step(date(2026, 4, 18), (), friday_evening, ALMATY, POLICY)
    assert step is not None
    assert (step.stage, step.skipped) == (Stage.LETTER, (Stage.BEFORE_DUE,))
    assert step.at == at(date(2026, 4, 21))


def test_d10_3_after_the_last_stage_nothing_follows() -> None:
    assert next_step(DUE, {Stage.LEGAL}, at(date(2026, 6, 1)), ALMATY, POLICY) is None


@pytest.mark.parametrize(
    ("now", "goes"),
    [
        pytest.param(at(date(2026, 4, 20)), at(date(2026, 4, 20), 11), id="10:00 waits for 11:00"),
        pytest.param(at(date(2026, 4, 20), 11), at(date(2026, 4, 20), 11), id="11:00 sharp"),
        pytest.param(at(date(2026, 4, 20), 15), at(date(2026, 4, 20), 15), id="later the same day"),
        pytest.param(at(date(2026, 4, 20), 18), at(date(2026, 4, 21), 11), id="after hours"),
        pytest.param(at(date(2026, 4, 18)), at(date(2026, 4, 20), 11), id="on a day off"),
    ],
)
def test_d10_1_letters_go_at_eleven_of_the_customers_day(now: datetime, goes: datetime) -> None:
    assert letter_time(now, ALMATY, POLICY) == goes


@pytest.mark.parametrize(
    ("residual", "amount", "currency", "chased"),
    [
        ("100.00", "50000.00", "RUB", False),
        ("100.01", "50000.00", "RUB", True),
        ("500.00", "50000.00", "KZT", False),
        ("500.01", "50000.00", "KZT", True),
        ("1000.00", "1000000.00", "RUB", False),
        ("1000.01", "1000000.00", "RUB", True),
    ],
)
def test_d1_11_a_residue_up_to_the_floor_is_not_chased(residual: str, amount: str, currency: str, chased: bool) -> None:
    assert is_chased(Decimal(residual), Decimal(amount), currency, POLICY) is chased


def test_d1_11_the_first_overdue_day_is_the_day_after() -> None:
    assert [days_overdue(DUE, DUE + timedelta(days=n)) for n in (-1, 0, 1)] == [-1, 0, 1]


@pytest.mark.parametrize("country", ["RU", "KZ"])
@pytest.mark.parametrize("started", [-40, -3, 0, 5, 29, 45])
def test_d10_on_every_due_date_of_a_year_the_ladder_keeps_its_promises(country: str, started: int) -> None:
    """With the official holidays: in order, on working days from 10:00 on, never early, the lawyer after a letter."""
    days_off, worked = official_days(country)
    calendar = BusinessCalendar(days_off, worked, "Europe/Moscow")
    days = dict(zip(Stage, POLICY.dunning_days, strict=True))
    for offset in range(0, 365, 3):
        due = calendar.next_working(date(2026, 1, 1) + timedelta(days=offset))
        acted = live(due, calendar.at(due + timedelta(days=started), 3), calendar)
        stages = [stage for stage, _, _ in acted]
        assert stages == sorted(stages, key=list(Stage).index)
        assert stages[-1] is Stage.LEGAL
        for stage, when, n in acted:
            assert calendar.is_working(calendar.day_of(when))
            assert 10 <= calendar.local(when).hour < 18
            assert n <= 0 if stage is Stage.BEFORE_DUE else n >= days[stage]
        letters = [calendar.day_of(when) for stage, when, _ in acted if stage in list(Stage)[1:4]]
        assert calendar.day_of(acted[-1][1]) >= calendar.add_working_days(letters[0], 3)
