"""Keyset pages: `limit` and `after` in, `items` and `next` out; stable while rows come and go."""

import base64
import binascii
import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from fastapi.exceptions import RequestValidationError

Limit = Annotated[int, Query(ge=1, le=200, description="Сколько записей. / How many entries.")]
After = Annotated[
    str | None,
    Query(max_length=2000, description="Поле `next` предыдущей страницы. / `next` of the previous page."),
]


def invalid(field: str, kind: str, place: str = "query", **facts: Any) -> RequestValidationError:
    """A 422 about one field, for checks that pydantic does not make; `kind` is of `domain.wording.doors.FIELDS`."""
    return RequestValidationError([{"type": kind, "loc": (place, field), "msg": kind, "input": None, "ctx": facts}])


def cursor(*key: object) -> str:
    """The place after a row, from the columns the list is sorted by."""
    return base64.urlsafe_b64encode(json.dumps([str(part) for part in key]).encode()).decode().rstrip("=")


def read_id(after: str | None) -> UUID | None:
    """The id that a cursor of one column packed.

    Raises:
        RequestValidationError: it was not made by `cursor`.
    """
    key = read_cursor(after, 1)
    try:
        return UUID(key[0]) if key else None
    except ValueError:
        raise invalid("after", "bad_cursor") from None


def read_number(after: str | None) -> int | None:
    """The row number that a cursor of one column packed.

    Raises:
        RequestValidationError: it was not made by `cursor`.
    """
    key = read_cursor(after, 1)
    if key is None:
        return None
    if not (key[0].isascii() and key[0].isdigit() and len(key[0]) < 19):
        raise invalid("after", "bad_cursor")
    return int(key[0])


def read_cursor(after: str | None, parts: int) -> list[str] | None:
    """The columns that `cursor` packed.

    Raises:
        RequestValidationError: it was not made by `cursor`.
    """
    if not after:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except (binascii.Error, ValueError):
        raise invalid("after", "bad_cursor") from None
    if not isinstance(key, list) or len(key) != parts or not all(isinstance(part, str) for part in key):
        raise invalid("after", "bad_cursor")
    if any("\x00" in part or not part.isprintable() for part in key):
        raise invalid("after", "bad_cursor")
    return key
