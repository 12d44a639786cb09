"""The sentence of a problem: what is wrong and what to do, in the caller's language."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from api.i18n import Language, speech
from domain import wording

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*(Z|[+-]\d\d:\d\d)")


def sentence(code: str, facts: Mapping[str, Any], language: Language, zone: tzinfo = UTC) -> str:
    """The sentence for a problem's `code` with its facts filled in; instants are told on the clock of `zone`."""
    voice = speech(language)
    known = {name: _local(value, zone) for name, value in facts.items() if name not in {"code", "speech"}}
    return wording.request_text(code, voice, **known) or wording.refusal_text(code, voice, **known)


def _local(value: Any, zone: tzinfo) -> Any:
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        return datetime.fromisoformat(value).astimezone(zone)
    return value
