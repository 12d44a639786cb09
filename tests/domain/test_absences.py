"""Who answers while somebody is away: at most three deputies in a row, never in a circle (D4-4)."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.absences import LONGEST_CHAIN, Absence, check_absence, stand_in
from domain.errors import DeputyChainTooLongError, DeputyCycleError

DAY = date(2026, 4, 6)


def away(person: str, deputy: str, first: int = 0, last: int = 0) -> Absence:
    return Absence(person, deputy, DAY + timedelta(days=first), DAY + timedelta(days=last))


@pytest.mark.parametrize(("day", "answers"), [(-1, "A"), (0, "B"), (5, "B"), (6, "A")])
def test_d4_4_both_ends_of_an_absence_count(day: int, answers: str) -> None:
    assert stand_in("A", [away("A", "B", 0, 5)], DAY + timedelta(days=day)) == answers


def test_d4_4_a_deputy_who_is_away_has_a_deputy() -> None:
    chain = [away("A", "B"), away("B", "C"), away("C", "D")]
    assert [stand_in(person, chain, DAY) for person in "ABCD"] == ["D", "D", "D", "D"]


def test_d4_4_three_deputies_in_a_row_and_no_fourth() -> None:
    chain = [away("B", "C"), away("C", "D")]
    check_absence(away("A", "B"), chain)
    for new, others in (
        (away("A", "B"), [*chain, away("D", "E")]),
        (away("D", "E"), [away("A", "B"), *chain]),
        (away("C", "D"), [away("A", "B"), away("B", "C"), away("D", "E")]),
    ):
        with pytest.raises(DeputyChainTooLongError) as refused:
            check_absence(new, others)
        assert refused.value.facts == {"field": "deputy", "chain": "4"}


@pytest.mark.parametrize("others", [[("B", "A")], [("B", "C"), ("C", "A")]])
def test_d4_4_a_circle_is_refused(others: list[tuple[str, str]]) -> None:
    with pytest.raises(DeputyCycleError):
        check_absence(away("A", "B"), [away(*each) for each in others])
    with pytest.raises(DeputyCycleError):
        check_absence(away("A", "A"), [])


@pytest.mark.parametrize(
    ("first", "last", "circle"), [(-3, -1, False), (-3, 0, True), (2, 2, True), (5, 9, True), (6, 9, False)]
)
def test_d4_4_a_circle_on_any_one_day_is_refused(first: int, last: int, circle: bool) -> None:
    """The new window is days 0…5; the other one meets it or just does not."""
    other = away("B", "A", first, last)
    if not circle:
        check_absence(away("A", "B", 0, 5), [other])
        return
    with pytest.raises(DeputyCycleError):
        check_absence(away("A", "B", 0, 5), [other])


ABSENCES = st.builds(
    lambda person, deputy, first, length: away(person, deputy, first, first + length),
    st.sampled_from("ABCDE"), st.sampled_from("ABCDE"), st.integers(-4, 8), st.integers(0, 6),
)  # fmt: skip


@given(st.lists(ABSENCES, max_size=8))
def test_d4_4_whatever_is_accepted_ends_at_somebody_who_is_there(wanted: list[Absence]) -> None:
    """On every day everybody's deputy is present, within three hands, though absences of one person overlap."""
    accepted: list[Absence] = []
    for new in wanted:
        try:
            check_absence(new, accepted)
        except (DeputyCycleError, DeputyChainTooLongError):
            continue
        accepted = sorted([*accepted, new], key=lambda each: each.from_on)
    assert LONGEST_CHAIN == 3
    for day in (DAY + timedelta(days=n) for n in range(-5, 16)):
        missing = {each.person for each in accepted if each.covers(day)}
        assert not {stand_in(person, accepted, day) for person in missing} & missing
