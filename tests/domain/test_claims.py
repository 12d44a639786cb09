"""Credit notes (D1-3, D12-6) and disputes (D11-1), at both sides of every boundary."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.credit_notes import Instalment, Lowered, spread_note
from domain.disputes import check_dispute, disputed_part
from domain.errors import InvalidInputError
from domain.money import ZERO
from domain.money_errors import CreditNoteTooLargeError, DisputeTooLongError

TODAY = date(2026, 4, 6)


def instalment(name: str, due: int, residual: str, paid: str = "0") -> Instalment:
    return Instalment(name, TODAY + timedelta(days=due), Decimal(residual), Decimal(paid))


def lowered(amount: str, *instalments: Instalment, left: str = "1000") -> dict[str, tuple[Decimal, Decimal]]:
    parts = spread_note(Decimal(amount), instalments, left=Decimal(left), currency="KZT")
    return {part.id: (part.owed, part.freed) for part in parts}


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("50", {"late": (50, 0)}),
        ("100", {"late": (100, 0)}),
        ("100.01", {"late": (100, 0), "early": (Decimal("0.01"), 0)}),
        ("150", {"late": (100, 0), "early": (50, 0)}),
        ("180", {"late": (100, 30), "early": (50, 0)}),
        ("230", {"late": (100, 30), "early": (50, 50)}),
    ],
)
def test_d1_3_a_note_lowers_the_latest_due_first_then_gives_money_back(amount: str, expected: object) -> None:
    assert lowered(amount, instalment("early", 5, "50", "70"), instalment("late", 9, "100", "30")) == expected


def test_a_note_is_at_most_what_the_invoice_has_left() -> None:
    """D1-3: the gross less earlier notes, and never more than is owed and was paid."""
    line = instalment("one", 1, "60", "40")
    assert lowered("100", line, left="100") == {"one": (60, 40)}
    for amount, left, room in (("100.01", "1000", "100"), ("80.01", "80", "80")):
        with pytest.raises(CreditNoteTooLargeError) as refused:
            lowered(amount, line, left=left)
        assert Decimal(str(refused.value.facts["room"])) == Decimal(room)


LINES = st.lists(
    st.tuples(st.integers(0, 3), st.decimals(0, 500, places=2), st.decimals(0, 500, places=2)), min_size=1, max_size=4
).map(
    lambda rows: [
        Instalment(str(n), TODAY + timedelta(days=due), owed, paid) for n, (due, owed, paid) in enumerate(rows)
    ]
)


@given(LINES, st.decimals("0.01", 2000, places=2))
def test_a_note_is_conserved(lines: list[Instalment], amount: Decimal) -> None:
    """What it lowers and what it frees are together the note; nothing is freed while something is owed."""
    room = sum((each.residual + each.paid for each in lines), ZERO)
    if amount > room:
        with pytest.raises(CreditNoteTooLargeError):
            spread_note(amount, lines, left=Decimal(10_000), currency="KZT")
        return
    parts: tuple[Lowered, ...] = spread_note(amount, lines, left=Decimal(10_000), currency="KZT")
    assert sum((part.owed + part.freed for part in parts), ZERO) == amount
    by_id = {each.id: each for each in lines}
    assert all(part.owed <= by_id[part.id].residual and part.freed <= by_id[part.id].paid for part in parts)
    owed = sum((part.owed for part in parts), ZERO)
    assert owed == min(amount, sum((each.residual for each in lines), ZERO))


@pytest.mark.parametrize(
    ("days", "refusal"), [(-1, InvalidInputError), (0, None), (14, None), (15, DisputeTooLongError)]
)
def test_d11_1_a_dispute_ends_within_14_days(days: int, refusal: type[Exception] | None) -> None:
    until = TODAY + timedelta(days=days)
    if refusal is None:
        check_dispute(Decimal(1), Decimal(1), until, today=TODAY)
        return
    with pytest.raises(refusal):
        check_dispute(Decimal(1), Decimal(1), until, today=TODAY)


@pytest.mark.parametrize(("amount", "fits"), [("0", False), ("0.01", True), ("100", True), ("100.01", False)])
def test_d11_1_no_more_is_disputed_than_is_owed(amount: str, fits: bool) -> None:
    if fits:
        check_dispute(Decimal(amount), Decimal(100), TODAY, today=TODAY)
        return
    with pytest.raises(InvalidInputError):
        check_dispute(Decimal(amount), Decimal(100), TODAY, today=TODAY)


@pytest.mark.parametrize(
    ("amount", "residual", "ends", "counts"),
    [("60", "100", 0, "60"), ("60", "100", -1, "0"), ("60", "40", 5, "40"), ("60", "0", 5, "0")],
)
def test_d11_1_the_last_day_of_a_dispute_counts(amount: str, residual: str, ends: int, counts: str) -> None:
    ends_on = TODAY + timedelta(days=ends)
    assert disputed_part(Decimal(amount), ends_on, Decimal(residual), today=TODAY) == Decimal(counts)
