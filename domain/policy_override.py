"""What a customer's own contract may change in the policy, checked figure by figure (D5-6)."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from domain.errors import InvalidInputError
from domain.policy import OverdueMode, Policy, StopBasis, StopRelease

_FIELD = "changes"


def check_changes(changes: Mapping[str, object], policy: Policy) -> dict[str, object]:
    """The override as it is stored, JSON-ready: sums as strings, days as numbers (D5-6).

    Args:
        policy: in force now; the days of the overdue ladder must stay in order on top of it.

    Raises:
        InvalidInputError: nothing is changed, a field may not be overridden, or its value is out of range.
    """
    if not changes:
        raise InvalidInputError(field=_FIELD, reason="nothing_to_change")
    checked: dict[str, object] = {}
    for name, value in changes.items():
        if name not in _FIELDS:
            raise InvalidInputError(field=f"{_FIELD}.{name}", reason="unknown")
        checked[name] = _FIELDS[name](f"{_FIELD}.{name}", value)
    days = [int(str(checked.get(name, getattr(policy, name)))) for name in _LADDER]
    for name, earlier, later in zip(_LADDER[1:], days, days[1:], strict=False):
        if not earlier < later:
            raise InvalidInputError(field=f"{_FIELD}.{name}", reason="order")
    return checked


_LADDER = ("overdue_pass_days", "overdue_stop_days", "overdue_legal_days")

_Check = Callable[[str, object], object]


def _number(least: str, most: str, places: int = 2) -> _Check:
    low, high = Decimal(least), Decimal(most)

    def check(field: str, value: object) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise InvalidInputError(field=field, reason="not_a_number")
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise InvalidInputError(field=field, reason="not_a_number") from None
        if not number.is_finite() or not low <= number <= high:
            raise InvalidInputError(field=field, reason="range", least=least, most=most)
        if number != round(number, places):
            raise InvalidInputError(field=field, reason="too_many_decimals", places=places)
        return format(number, "f")

    return check


def _days(least: int, most: int) -> _Check:
    def check(field: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidInputError(field=field, reason="not_a_number")
        if not least <= value <= most:
            raise InvalidInputError(field=field, reason="range", least=least, most=most)
        return value

    return check


def _lifetime(field: str, value: object) -> int:
    """D7-2"""
    if isinstance(value, bool) or not isinstance(value, int) or value not in {3, 7, 14}:
        raise InvalidInputError(field=field, reason="range", allowed="3, 7, 14")
    return value


def _word(words: type[StrEnum]) -> _Check:
    def check(field: str, value: object) -> str:
        if not isinstance(value, str) or value not in set(words):
            raise InvalidInputError(field=field, reason="range", allowed=", ".join(words))
        return str(value)

    return check


_FIELDS: Mapping[str, _Check] = {
    "stop_ratio": _number("1", "100"),
    "watch_ratio": _number("0.01", "1"),
    "overdue_mode": _word(OverdueMode),
    "overdue_pass_days": _days(0, 365),
    "overdue_stop_days": _days(1, 365),
    "overdue_legal_days": _days(2, 365),
    "floor_rub": _number("0", "1000000"),
    "floor_kzt": _number("0", "1000000"),
    "floor_percent": _number("0", "100"),
    "reservation_days": _lifetime,
    "stop_basis": _word(StopBasis),
    "stop_release": _word(StopRelease),
    "free_discount_percent": _number("0", "100"),
}
"""Fields that a contract may change, with their checks."""
OVERRIDABLE = frozenset(_FIELDS)
