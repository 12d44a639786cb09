"""Disputes: the part of an instalment that the customer contests (D11-1)."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.errors import InvalidInputError
from domain.money import ZERO
from domain.money_errors import DisputeAgainError, DisputeTooLongError
from domain.orders import Role

LONGEST_DISPUTE = 14
"""Calendar days."""


class DisputeResult(StrEnum):
    """Who turned out to be right (D11-2, D11-3)."""

    OURS = "ours"
    CLIENT = "client"


def check_dispute(amount: Decimal, residual: Decimal, until: date, *, today: date) -> None:
    """A dispute is about something still owed, and ends within 14 days (D11-1, D11-10).

    Raises:
        DisputeTooLongError, InvalidInputError
    """
    if not 0 < amount <= residual:
        raise InvalidInputError(field="amount", reason="residual")
    if until < today:
        raise InvalidInputError(field="until", reason="past")
    if until > today + timedelta(days=LONGEST_DISPUTE):
        raise DisputeTooLongError(field="until", days=LONGEST_DISPUTE)


def check_again(role: Role, earlier: int) -> None:
    """A dispute is not renewed without end: after the first the head alone opens one more (D11-1, D11-10).

    Raises:
        DisputeAgainError
    """
    if earlier > 1 or (earlier == 1 and role is not Role.HEAD):
        raise DisputeAgainError(earlier=earlier)


def disputed_part(amount: Decimal, ends_on: date, residual: Decimal, *, today: date) -> Decimal:
    """What of an open dispute still counts: its last day included, never more than is owed (D11-1)."""
    return min(amount, residual) if today <= ends_on else ZERO
