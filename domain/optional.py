"""What was given, or what stands instead of it."""

from typing import TypeVar

Value = TypeVar("Value")


def given_or(value: Value | None, otherwise: Value) -> Value:
    """The value where one was given; nought and the empty text are values."""
    return otherwise if value is None else value
