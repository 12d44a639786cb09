"""What a policy version may say: every figure within a range that makes sense, and the figures fit each other (D14).

`changed_policy` takes the values as they come from people: JSON, or the words of a command line.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from domain.credit_errors import PolicyDateError, PolicyValueError
from domain.policy import Policy

_PLAIN = re.compile(r"[+-]?\d{1,18}(\.\d{1,6})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Range:
    """A number from `least` to `most`, both included, with at most so many decimal `places`."""

    least: Decimal | int
    most: Decimal | int
    places: int = 0


RANGES: Mapping[str, Range] = {
    "quote_days": Range(1, 365),
    "stop_ratio": Range(1, 100, places=4),
    "watch_ratio": Range(0, 1, places=4),
    "overdue_pass_days": Range(0, 365),
    "overdue_stop_days": Range(1, 365),
    "overdue_legal_days": Range(2, 365),
    "floor_rub": Range(0, 1_000_000_000, places=2),
    "floor_kzt": Range(0, 1_000_000_000, places=2),
    "floor_percent": Range(0, 100, places=4),
    "approval_working_days": Range(1, 90),
    "approval_reminder_hours": Range(1, 80),
    "stop_reminder_days": Range(1, 365),
    "stop_cancel_days": Range(2, 365),
    "deferral_reserve_working_days": Range(0, 90),
    "late_payment_days": Range(1, 365),
    "legal_after_letter_working_days": Range(0, 90),
    "internal_hour": Range(0, 23),
    "client_hour": Range(7, 21),
    "second_tier_excess_percent": Range(0, 10_000, places=2),
    "second_tier_overdue_days": Range(0, 365),
    "approval_deputy_days": Range(1, 90),
    "approval_next_level_days": Range(1, 90),
    "approval_valid_days": Range(0, 365),
    "gate_hold_working_days": Range(0, 90),
    "rate_days": Range(0, 90),
    "data_hours": Range(1, 720),
    "picking_working_days": Range(1, 90),
    "stock_working_days": Range(1, 90),
    "shipment_working_days": Range(1, 90),
    "free_discount_percent": Range(0, 100, places=2),
    "temporary_limit_days": Range(1, 90),
    "hold_back_percent": Range(0, 100, places=2),
    "starvation_days": Range(1, 365),
    "most_skips": Range(0, 100),
    "gathering_days": Range(1, 90),
    "choice_days": Range(1, 90),
    "proof_working_days": Range(1, 30),
    "part_payment_days": Range(1, 30),
    "silence_hours": Range(1, 24),
    "price_grace_days": Range(0, 90),
    "over_delivery_percent": Range(0, 100, places=2),
    "over_delivery_notice_percent": Range(0, 100, places=2),
}
RESERVATION_DAYS = (3, 7, 14)
"""D7-2"""
DUNNING_RANGE = Range(-90, 365)
CREDIT_FIELDS = frozenset(
    {
        "stop_ratio", "watch_ratio", "overdue_mode", "overdue_pass_days", "overdue_stop_days", "overdue_legal_days",
        "floor_rub", "floor_kzt", "floor_percent", "stop_basis", "rate_days",
    }
)  # fmt: skip
"""What `decide_credit` looks at; a change of anything else changes no outcome in a replay."""


def changed_policy(base: Policy, changes: Mapping[str, object]) -> Policy:
    """The base with some figures changed, each checked, then all against each other.

    Raises:
        PolicyValueError: names the field and what it may be.
    """
    if not changes:
        raise PolicyValueError(field="changes", kind="nothing")
    known = {each.name for each in fields(Policy)}
    for name in changes:
        if name not in known:
            raise PolicyValueError(field=name, kind="unknown")
    policy = replace(base, **{name: _value(name, value, base) for name, value in changes.items()})  # type: ignore[arg-type]
    if policy == base:
        raise PolicyValueError(field="changes", kind="nothing")
    check_policy(policy, changed=changes)
    return policy


def check_policy(policy: Policy, *, changed: Mapping[str, object] | None = None) -> None:
    """The figures fit each other. A refusal names a field that was `changed`, if one of the pair was.

    Raises:
        PolicyValueError
    """
    rising = (
        ("overdue_pass_days", "overdue_stop_days", True),
        ("overdue_stop_days", "overdue_legal_days", True),
        ("approval_deputy_days", "approval_next_level_days", False),
        ("approval_next_level_days", "approval_working_days", False),
        ("stop_reminder_days", "stop_cancel_days", True),
    )
    for lower, higher, strictly in rising:
        low, high = getattr(policy, lower), getattr(policy, higher)
        if high > low or (high == low and not strictly):
            continue
        if higher in (changed or {}) or lower not in (changed or {}):
            raise PolicyValueError(field=higher, kind="above" if strictly else "least", other=lower, than=low)
        raise PolicyValueError(field=lower, kind="below" if strictly else "most", other=higher, than=high)


def check_effective(effective_from: date, *, today: date, newest: date) -> None:
    """A version begins today or later, and not before the newest published one: nothing is retroactive (D14).

    Raises:
        PolicyDateError
    """
    if effective_from < max(today, newest):
        raise PolicyDateError(field="effective_from")


def value_from_text(name: str, text: str) -> object:
    """A value as a command line gives it, for `changed_policy`: `true`, `7`, `0.95`, `-3,3,7,14,30`, `strict`."""
    if name == "dunning_days":
        return [int(part) if _WHOLE.fullmatch(part.strip()) else part for part in text.split(",")]
    if isinstance(getattr(Policy(), name, None), bool):
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    return int(text) if _WHOLE.fullmatch(text.strip()) else text.strip()


def _value(name: str, value: object, base: Policy) -> object:
    """One value in its field's own type and range."""
    present = getattr(base, name)
    if isinstance(present, StrEnum):
        return _choice(name, value, type(present))
    if isinstance(present, bool):
        if not isinstance(value, bool):
            raise PolicyValueError(field=name, kind="flag")
        return value
    if name == "dunning_days":
        return _dunning(name, value)
    if name == "reservation_days":
        number = _number(name, value, Range(1, 365))
        if number not in RESERVATION_DAYS:
            raise PolicyValueError(field=name, kind="choice", choices=", ".join(map(str, RESERVATION_DAYS)))
        return int(number)
    number = _number(name, value, RANGES[name])
    return number if isinstance(present, Decimal) else int(number)


def _choice(name: str, value: object, choices: type[StrEnum]) -> StrEnum:
    if not isinstance(value, str) or value not in {choice.value for choice in choices}:
        raise PolicyValueError(field=name, kind="choice", choices=", ".join(choices))
    return choices(value)


def _number(name: str, value: object, within: Range) -> Decimal:
    """A number in its range; a whole one where there are no decimal places. Binary floats count as they print."""
    plain = str(value) if isinstance(value, int | float | Decimal | str) and not isinstance(value, bool) else ""
    if within.places == 0 and not isinstance(value, int):
        plain = ""
    if not _PLAIN.fullmatch(plain):
        raise PolicyValueError(field=name, kind="number" if within.places else "whole")
    number = Decimal(plain)
    if number != round(number, within.places):
        raise PolicyValueError(field=name, kind="places", places=within.places)
    if not within.least <= number <= within.most:
        raise PolicyValueError(field=name, kind="range", least=str(within.least), most=str(within.most))
    return number


def _dunning(name: str, value: object) -> tuple[int, ...]:
    """D10: a notice before the date, then four stages after it, each later than the one before."""
    if not isinstance(value, list | tuple) or len(value) != len(Policy().dunning_days):
        raise PolicyValueError(field=name, kind="stages")
    days = tuple(int(_number(name, day, DUNNING_RANGE)) for day in value)
    rising = all(earlier < later for earlier, later in pairwise(days))
    if not rising or days[0] > 0 or days[1] < 1:
        raise PolicyValueError(field=name, kind="stages")
    return days
