"""What a customer's contract may change in the policy (D5-6)."""

from dataclasses import fields
from typing import Any

import pytest

from domain.errors import InvalidInputError
from domain.policy import Policy
from domain.policy_override import OVERRIDABLE, check_changes


def test_what_may_be_changed_is_a_part_of_the_policy() -> None:
    assert {each.name for each in fields(Policy)} >= OVERRIDABLE
    assert len(OVERRIDABLE) == 13


@pytest.mark.parametrize(
    ("changes", "stored"),
    [
        ({"stop_ratio": "3"}, {"stop_ratio": "3"}),
        ({"stop_ratio": 1.5}, {"stop_ratio": "1.5"}),
        ({"stop_ratio": "1"}, {"stop_ratio": "1"}),
        ({"watch_ratio": "1"}, {"watch_ratio": "1"}),
        ({"overdue_mode": "strict"}, {"overdue_mode": "strict"}),
        ({"overdue_pass_days": 13}, {"overdue_pass_days": 13}),
        ({"overdue_pass_days": 20, "overdue_stop_days": 21}, {"overdue_pass_days": 20, "overdue_stop_days": 21}),
        ({"reservation_days": 14}, {"reservation_days": 14}),
        ({"floor_kzt": 5000}, {"floor_kzt": "5000"}),
        ({"stop_basis": "debt", "stop_release": "debt_zero"}, {"stop_basis": "debt", "stop_release": "debt_zero"}),
        ({"free_discount_percent": "0"}, {"free_discount_percent": "0"}),
    ],
)
def test_a_good_override(changes: dict[str, object], stored: dict[str, object]) -> None:
    assert check_changes(changes, Policy()) == stored


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "changes"),
        ({"second_tier": True}, "changes.second_tier"),
        ({"internal_hour": 9}, "changes.internal_hour"),
        ({"stop_ratio": "0.99"}, "changes.stop_ratio"),
        ({"stop_ratio": "100.01"}, "changes.stop_ratio"),
        ({"stop_ratio": "NaN"}, "changes.stop_ratio"),
        ({"stop_ratio": "Infinity"}, "changes.stop_ratio"),
        ({"stop_ratio": True}, "changes.stop_ratio"),
        ({"stop_ratio": None}, "changes.stop_ratio"),
        ({"stop_ratio": "1.555"}, "changes.stop_ratio"),
        ({"watch_ratio": "0"}, "changes.watch_ratio"),
        ({"overdue_mode": "soft"}, "changes.overdue_mode"),
        ({"overdue_pass_days": 14}, "changes.overdue_stop_days"),
        ({"overdue_stop_days": 30}, "changes.overdue_legal_days"),
        ({"overdue_pass_days": "3"}, "changes.overdue_pass_days"),
        ({"overdue_pass_days": -1}, "changes.overdue_pass_days"),
        ({"reservation_days": 8}, "changes.reservation_days"),
        ({"reservation_days": "7"}, "changes.reservation_days"),
        ({"reservation_days": []}, "changes.reservation_days"),
        ({"free_discount_percent": "100.01"}, "changes.free_discount_percent"),
    ],
)
def test_a_bad_override_names_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_changes(changes, Policy())
    assert refused.value.facts["field"] == field
