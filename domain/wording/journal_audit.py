"""What an audit of the journal says: damaged places, the anchor, the sum."""

from typing import Any

from domain.wording.speech import RUSSIAN, Speech

LINES = {
    "changed": "{chain}: запись {seq} от {at:moment} изменена.",
    "missing": "{chain}: записи {seq} нет на её месте.",
    "outside": "{chain}: запись от {at:moment} стоит вне цепочки.",
    "cut": "{chain}: якорь помнит запись {seq}, а её нет: конец истории отрезан.",
    "rewritten": "{chain}: запись {seq} не та, что помнит якорь: история переписана.",
    "spoiled": "Файл якоря испорчен в строке {line}: дальше ему верить нельзя.",
    "more": "… всего нарушений: {count}",
    "sum": "Записей журнала: {links}, объектов: {chains}, нарушений: {count}.",
    "anchored": "Якорь записан в {file}, новых концов цепочек: {heads}. "
    "Отпечаток для хранения в другом месте: {digest}",
    "not_anchored": "Якорь не записан: сначала разберитесь с нарушениями.",
}


def journal_line(key: str, speech: Speech = RUSSIAN, **figures: Any) -> str:
    """One line of the audit."""
    return speech.say(LINES[key], **figures)
