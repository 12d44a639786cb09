"""What a preview of a policy says about itself."""

from collections.abc import Collection

from domain.wording.speech import RUSSIAN, Speech

NOTES = {
    "first_order": "Расчёт идёт по записанным данным: при новой политике часть долга в них могла бы и не возникнуть.",
    "not_weighed": "Не влияют на кредитное решение и в расчёте не участвуют: {fields}.",
}


def note_texts(not_weighed: Collection[str], speech: Speech = RUSSIAN) -> list[str]:
    """How far the figures can be trusted, and which changes took no part in them."""
    notes = [speech.say(NOTES["first_order"])]
    if not_weighed:
        notes.append(speech.say(NOTES["not_weighed"], fields=", ".join(not_weighed)))
    return notes
