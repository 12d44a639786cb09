"""Bad input, field by field: pydantic's kinds of mistakes as sentences people understand."""

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from api.i18n import Language, speech
from domain import wording

MOST_ERRORS = 50
LONGEST_FIELD = 200
"""Signs of the name of a field: an answer is no echo, however many mistakes somebody sends."""


def field_errors(errors: Iterable[Mapping[str, Any]], language: Language) -> list[dict[str, str]]:
    """One entry per mistake: the field as the caller wrote it, the sentence and a stable code."""
    first = islice(errors, MOST_ERRORS)
    return [field_error(_path(e.get("loc", ())), str(e["type"]), language, **(e.get("ctx") or {})) for e in first]


def field_error(field: str, kind: str, language: Language, **facts: Any) -> dict[str, str]:
    """The entry of one field in the member `errors` of a problem."""
    known = {name: str(value) for name, value in facts.items() if name not in {"kind", "speech"}}
    if "expected" in known:
        choices = [choice.strip("'") for choice in re.split(r", | or ", known["expected"])]
        known["expected"] = wording.either(choices, speech(language))
    return {"field": field, "text": wording.field_text(kind, speech(language), **known), "code": kind}


def _path(location: Iterable[Any]) -> str:
    """`body, lines, 0, quantity` -> `lines[0].quantity`; headers and query parameters keep their own name."""
    parts = list(location)
    if parts and parts[0] in {"body", "query", "path", "header"} and len(parts) > 1:
        parts = parts[1:]
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path[:LONGEST_FIELD]
