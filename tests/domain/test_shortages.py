"""D7-12: what a customer may choose when goods are short, and what becomes of the order."""

from decimal import Decimal

import pytest

from domain.allocation import Shelf, free_for
from domain.errors import DomainError, DuplicateLineError, InvalidInputError
from domain.orders import LineQuantity
from domain.revisions import RevisedLine
from domain.shortages import (
    Asked,
    Choice,
    ShortageState,
    Substitution,
    choices,
    is_to_be_asked,
    taking_part,
    with_alternatives,
)
from domain.stock_errors import NoSubstitutesError, NotASubstituteError, NothingSetAsideError, NotMissingError

ORDER = [LineQuantity("A", Decimal(10)), LineQuantity("B", Decimal(4)), LineQuantity("C", Decimal("2.5"))]
MISSING = {"A": Decimal(7), "B": Decimal(4)}
KEPT = {"A": ["A2", "A3"], "B": ["C"]}


def revised(**lines: str) -> tuple[RevisedLine, ...]:
    return tuple(RevisedLine(sku, Decimal(quantity)) for sku, quantity in lines.items())


def test_d7_12_a_part_is_what_is_there_and_lines_with_nothing_are_dropped() -> None:
    assert taking_part(ORDER, {"A": Decimal(3), "B": Decimal(0), "C": Decimal("2.5")}) == revised(A="3", C="2.5")
    assert taking_part(ORDER, {"A": Decimal(30)}) == revised(A="10")  # never more than was ordered


@pytest.mark.parametrize("there", [{}, {"A": Decimal(0)}, {"D": Decimal(1)}])
def test_d7_12_a_part_of_nothing_is_refused(there: dict[str, Decimal]) -> None:
    with pytest.raises(NothingSetAsideError):
        taking_part(ORDER, there)


def test_d7_12_what_is_missing_is_replaced_and_the_rest_stays() -> None:
    chosen = [Substitution("A", "A3")]
    assert with_alternatives(ORDER, MISSING, chosen, KEPT) == revised(A="3", B="4", C="2.5", A3="7")
    chosen = [Substitution("A", "A2", Decimal("6.5"))]
    assert with_alternatives(ORDER, MISSING, chosen, KEPT) == revised(A="3", B="4", C="2.5", A2="6.5")


def test_d7_12_a_line_that_is_missing_whole_goes_and_a_substitute_joins_its_own_line() -> None:
    chosen = [Substitution("B", "C")]
    assert with_alternatives(ORDER, MISSING, chosen, KEPT) == revised(A="10", C="6.5")


@pytest.mark.parametrize(
    ("chosen", "error"),
    [
        ([], InvalidInputError),
        ([Substitution("A", "A2"), Substitution("A", "A3")], DuplicateLineError),
        ([Substitution("C", "A2")], NotMissingError),
        ([Substitution("D", "A2")], NotMissingError),
        ([Substitution("A", "C")], NotASubstituteError),
        ([Substitution("A", "A")], NotASubstituteError),
    ],
)
def test_d7_12_a_substitution_that_makes_no_sense_is_refused(
    chosen: list[Substitution], error: type[DomainError]
) -> None:
    with pytest.raises(error):
        with_alternatives(ORDER, MISSING, chosen, KEPT)


def test_d7_12_without_substitutes_kept_the_refusal_says_so() -> None:
    with pytest.raises(NoSubstitutesError) as caught:
        with_alternatives(ORDER, MISSING, [Substitution("A", "A2")], {})
    assert caught.value.facts == {"sku": "A", "substitute": "A2"}
    with pytest.raises(NotASubstituteError) as other:
        with_alternatives(ORDER, MISSING, [Substitution("A", "C")], KEPT)
    assert other.value.facts["offered"] == "A2, A3"


@pytest.mark.parametrize(
    ("last", "asked"),
    [
        (None, True),
        (Asked(ShortageState.OPEN, None, MISSING), False),
        (Asked(ShortageState.LAPSED, Choice.WAIT, MISSING), False),
        (Asked(ShortageState.CHOSEN, Choice.WAIT, MISSING), False),
        (Asked(ShortageState.CHOSEN, Choice.ALTERNATIVE, MISSING), False),
        (Asked(ShortageState.CHOSEN, Choice.PART, MISSING), True),
        (Asked(ShortageState.CHOSEN, Choice.CANCEL, MISSING), True),
        (Asked(ShortageState.VOID, None, MISSING), True),
    ],
)
def test_d7_12_nobody_is_asked_twice_about_what_they_let_wait(last: Asked | None, asked: bool) -> None:
    assert is_to_be_asked(MISSING, last) is asked
    assert is_to_be_asked({"A": Decimal("7.001")}, last)  # more is missing than they were asked about
    assert is_to_be_asked({"C": Decimal(1)}, last)


def test_d7_12_only_what_there_is_can_be_chosen() -> None:
    assert choices(part=True, alternative=True) == tuple(Choice)
    assert choices(part=False, alternative=True) == (Choice.WAIT, Choice.ALTERNATIVE, Choice.CANCEL)
    assert choices(part=True, alternative=False) == (Choice.WAIT, Choice.PART, Choice.CANCEL)


@pytest.mark.parametrize(
    ("free", "vip", "asked", "found"),
    [("12", True, "5", "12"), ("12", False, "5", "2"), ("12", False, "0.5", "2"), ("10", False, "5", "0"),
     ("12.5", False, "5", "2"), ("12.5", False, "0.5", "2.5"), ("-1", True, "5", "0")],
)  # fmt: skip
def test_d8_2_what_is_free_depends_on_the_class_of_who_asks(free: str, vip: bool, asked: str, found: str) -> None:
    shelf = Shelf("main", "A", Decimal(100), Decimal(free), Decimal(10))
    assert free_for(shelf, Decimal(asked), key_customer=vip) == Decimal(found)
