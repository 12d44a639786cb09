"""The sentence of a problem: what is wrong and what to do, in the caller's language."""

from collections.abc import Mapping
from typing import Any

from api.i18n import Language, speech
from domain import wording
from domain.wording import names


def sentence(code: str, facts: Mapping[str, Any], language: Language) -> str:
    """The sentence for a problem's `code` with its facts filled in."""
    voice = speech(language)
    known = {name: value for name, value in facts.items() if name not in {"code", "speech"}}
    if known.get("status") in names.ORDER_STATUSES:
        known["status"] = wording.status_name(str(known["status"]), voice)
    return wording.request_text(code, voice, **known) or wording.refusal_text(code, voice, **known)
