"""Which figures a policy may have (D14), on both sides of each boundary."""

from dataclasses import fields, replace
from datetime import date
from decimal import Decimal

import pytest

from domain.credit import CreditFacts, OverdueItem, decide_credit
from domain.credit_errors import PolicyDateError, PolicyValueError
from domain.policy import OverdueMode, Policy, StopBasis, StopRelease
from domain.policy_rules import CREDIT_FIELDS, RANGES, changed_policy, check_effective, check_policy, value_from_text
from domain.rates import Rate
from domain.wording.refusals import POLICY_VALUES

FIELDS = {each.name for each in fields(Policy)}


def refused(name: str, value: object, base: Policy | None = None) -> str:
    with pytest.raises(PolicyValueError) as refusal:
        changed_policy(base or Policy(), {name: value})
    assert refusal.value.facts["field"] == name
    return str(refusal.value.facts["kind"])


def judged(name: str, value: object) -> str:
    """The value it becomes, or the kind of refusal: an edge of one figure may not fit another."""
    try:
        return str(accepted(name, value))
    except PolicyValueError as refusal:
        return str(refusal.facts["kind"])


def accepted(name: str, value: object) -> object:
    return getattr(changed_policy(Policy(), {name: value}), name)


def test_every_field_has_a_rule() -> None:
    beside = {"overdue_mode", "stop_basis", "stop_release", "second_tier", "dunning_days", "reservation_days"}
    assert FIELDS - set(RANGES) == beside
    assert not set(RANGES) & beside
    check_policy(Policy())


@pytest.mark.parametrize("name", sorted(FIELDS & set(RANGES)))
def test_every_range_is_held_on_both_sides(name: str) -> None:
    within = RANGES[name]
    step = Decimal(1).scaleb(-within.places)
    for edge, beyond in ((within.least, within.least - step), (within.most, within.most + step)):
        outside = int(beyond) if within.places == 0 else str(beyond)
        assert refused(name, outside) == "range"
        inside = int(edge) if within.places == 0 else str(edge)
        assert judged(name, inside) in {str(edge), "above", "below", "least", "most", "nothing"}


@pytest.mark.parametrize("value", [True, None, "7", "seven", 7.0, [7], {}, "", "1e3", float("nan")])
def test_a_whole_number_is_not_guessed(value: object) -> None:
    assert refused("quote_days", value) == "whole"


@pytest.mark.parametrize("value", [True, None, "", "много", "1e3", "NaN", float("inf"), [1], "1,5"])
def test_a_number_is_not_guessed(value: object) -> None:
    assert refused("stop_ratio", value) == "number"


def test_numbers_come_as_strings_or_exact_numbers() -> None:
    assert accepted("stop_ratio", "1.5") == accepted("stop_ratio", 1.5) == Decimal("1.5")
    assert isinstance(accepted("stop_ratio", 3), Decimal)
    assert isinstance(accepted("quote_days", 8), int)
    assert refused("stop_ratio", "1.00001") == "places"
    assert accepted("stop_ratio", "1.0001") == Decimal("1.0001")


def test_choices_and_flags() -> None:
    assert accepted("overdue_mode", "strict") is OverdueMode.STRICT
    assert accepted("stop_basis", "debt") is StopBasis.DEBT
    assert accepted("stop_release", "debt_zero") is StopRelease.DEBT_ZERO
    assert accepted("second_tier", True) is True
    assert refused("overdue_mode", "harsh") == "choice"
    assert refused("overdue_mode", []) == "choice"
    assert refused("second_tier", 1) == "flag"
    assert refused("second_tier", "true") == "flag"
    assert accepted("reservation_days", 14) == 14
    assert refused("reservation_days", 8) == "choice"


@pytest.mark.parametrize("days", [[-3, 3, 7, 14], [-3, 3, 7, 14, 14], [1, 3, 7, 14, 30], [-3, 0, 7, 14, 30], "x", None])
def test_dunning_days_rise(days: object) -> None:
    assert refused("dunning_days", days) == "stages"


def test_d10_dunning_days_begin_no_later_than_the_due_date() -> None:
    assert accepted("dunning_days", [0, 1, 2, 3, 4]) == (0, 1, 2, 3, 4)
    assert refused("dunning_days", [-3, 3, "7", 14, 30]) == "whole"


def test_d2_5_pass_is_before_stop_is_before_legal() -> None:
    assert refused("overdue_stop_days", 3) == "above"
    assert accepted("overdue_stop_days", 4) == 4
    assert refused("overdue_stop_days", 30) == "below"
    assert accepted("overdue_stop_days", 29) == 29
    assert refused("overdue_pass_days", 14) == "below"
    assert accepted("overdue_pass_days", 13) == 13
    assert refused("overdue_legal_days", 14) == "above"


def test_d4_3_the_ladder_rises() -> None:
    assert refused("approval_deputy_days", 3) == "most"
    assert accepted("approval_deputy_days", 2) == 2
    assert refused("approval_working_days", 1) == "least"
    assert accepted("approval_working_days", 2) == 2


def test_a_pair_may_change_together() -> None:
    assert changed_policy(Policy(), {"overdue_stop_days": 40, "overdue_legal_days": 60}).overdue_legal_days == 60


def test_nothing_and_unknown_are_refused() -> None:
    with pytest.raises(PolicyValueError, match="nothing"):
        changed_policy(Policy(), {})
    with pytest.raises(PolicyValueError, match="nothing"):
        changed_policy(Policy(), {"quote_days": 7})
    assert refused("floor", 7) == "unknown"
    assert refused("__class__", 7) == "unknown"


def test_every_kind_of_refusal_has_a_sentence() -> None:
    kinds = {"nothing", "unknown", "whole", "number", "places", "range", "flag", "choice", "stages"}
    assert set(POLICY_VALUES) == kinds | {"above", "below", "least", "most"}


def test_d14_a_version_begins_today_or_later_and_after_the_newest() -> None:
    today, newest = date(2026, 4, 6), date(2026, 4, 10)
    check_effective(newest, today=today, newest=newest)
    check_effective(today, today=today, newest=date(2026, 1, 1))
    for day, latest in ((date(2026, 4, 9), newest), (date(2026, 4, 5), date(2026, 1, 1))):
        with pytest.raises(PolicyDateError):
            check_effective(day, today=today, newest=latest)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("quote_days", "9", 9),
        ("stop_ratio", "1.5", "1.5"),
        ("stop_ratio", " 3 ", 3),
        ("overdue_mode", "strict", "strict"),
        ("second_tier", "true", True),
        ("second_tier", "False", False),
        ("second_tier", "1", "1"),
        ("dunning_days", "-5,5,10,20,30", [-5, 5, 10, 20, 30]),
        ("dunning_days", "-5,x", [-5, "x"]),
    ],
)
def test_words_of_a_command_line(name: str, text: str, value: object) -> None:
    assert value_from_text(name, text) == value


def test_what_credit_looks_at_is_what_changes_its_outcome() -> None:
    """`CREDIT_FIELDS` names every figure that can change a decision, and nothing else is read by it."""
    late = OverdueItem("1", "A", date(2026, 1, 1), 10, Decimal(50_000), Decimal(50_000))
    facts = CreditFacts(
        "KZT", Decimal(1_500_000), Decimal(0), Decimal(0), Decimal(100_000), Decimal(1_000_000), (late,)
    )
    read: set[str] = set()

    class Watched(Policy):
        def __getattribute__(self, name: str) -> object:
            read.add(name)
            return super().__getattribute__(name)

    far = replace(facts, receivables=Decimal(2_500_000))
    near = replace(facts, receivables=Decimal(850_000))
    old = replace(facts, rates=(Rate("RUB", "KZT", date(2026, 1, 1), Decimal(5), age=9),))
    for each in (facts, far, near, old, replace(far, receivables=Decimal(1_950_000), currency="RUB")):
        decide_credit(each, Watched())
        decide_credit(replace(each, overdue=(replace(late, days=2),)), Watched())
    assert read & FIELDS == CREDIT_FIELDS
