"""Languages of the doors: Russian first, English through the gettext catalogue (architecture, section 6).

Russian texts are the message ids, so Russian needs no catalogue and a missing translation shows Russian.
"""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from domain.wording import Speech

Language = Literal["ru", "en"]

LOCALE = Path(__file__).resolve().parent.parent / "locale"


@lru_cache
def catalogue(language: Language) -> Catalog | None:
    """The translations of `language`, read once; None for Russian, the language of the sources."""
    if language == "ru":
        return None
    path = LOCALE / language / "LC_MESSAGES" / "opora.po"
    if not path.exists():
        return None
    with path.open("rb") as file:
        return read_po(file, locale=language, domain="opora")


def translate(text: str, language: Language) -> str:
    """`text` (Russian) in `language`; the Russian itself where nobody translated it."""
    messages = catalogue(language)
    message = messages.get(text) if messages is not None else None
    if message is None or not isinstance(message.string, str) or not message.string:
        return text
    return message.string


@lru_cache
def speech(language: Language) -> Speech:
    """How `domain.wording` speaks `language`."""
    return Speech(language, lambda text: translate(text, language))


def preferred_language(accept_language: str | None) -> Language:
    """The caller's language by `Accept-Language` (RFC 9110 section 12.5.4); Russian when neither is named."""
    best: Language = "ru"
    best_weight = 0.0
    for part in (accept_language or "").split(","):
        tag, _, parameters = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        weight = _weight(parameters)
        if primary == "en" and weight > best_weight:
            best, best_weight = "en", weight
        elif primary == "ru" and weight > best_weight:
            best, best_weight = "ru", weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
