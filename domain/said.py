"""A sentence before it is spoken: its key in the wording, its figures, the people it names."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Can(StrEnum):
    """What a person can do for a waiting order."""

    DECIDE = "decide"
    LIFT_BAN = "lift_ban"
    CLEAR_CASE = "clear_case"
    SET_LIMIT = "set_limit"
    RESTORE_LIMIT = "restore_limit"
    COLLECT = "collect"
    HANDLE = "handle"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by name and role; a deputy with the name of the one they answer for (D4-4)."""

    name: str
    role: str
    instead_of: str | None = None
    can: Can | None = None

    def doing(self, can: Can) -> "Person":
        return replace(self, can=can)


@dataclass(frozen=True, slots=True)
class Goods:
    """So much of a product."""

    name: str
    quantity: Decimal
    unit: str


@dataclass(frozen=True, eq=False)
class Said:
    """One sentence: its key in `domain.wording.why.SENTENCES`, and the figures it shows."""

    key: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Said) and (self.key, dict(self.figures)) == (other.key, dict(other.figures))

    def __hash__(self) -> int:
        return hash(self.key)
