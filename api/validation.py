"""Bad input, field by field: pydantic's error types as sentences people understand."""

from collections.abc import Iterable, Mapping
from typing import Any

from api.i18n import Language, translate

SENTENCES: dict[str, str] = {
    "missing": "Поле обязательно.",
    "extra_forbidden": "Такого поля нет: уберите его или проверьте написание.",
    "json_invalid": "Тело запроса — не JSON.",
    "string_type": "Нужна строка.",
    "string_too_short": "Слишком коротко: нужно знаков не меньше {min_length}.",
    "string_too_long": "Слишком длинно: допустимо знаков не больше {max_length}.",
    "string_pattern_mismatch": "Неверный вид значения.",
    "literal_error": "Недопустимое значение. Допустимы: {expected}.",
    "enum": "Недопустимое значение. Допустимы: {expected}.",
    "bool_type": "Нужно true или false.",
    "bool_parsing": "Нужно true или false.",
    "int_type": "Нужно целое число.",
    "int_parsing": "Нужно целое число.",
    "int_from_float": "Нужно целое число.",
    "int_parsing_size": "Число слишком велико.",
    "greater_than": "Нужно значение больше {gt}.",
    "greater_than_equal": "Нужно значение не меньше {ge}.",
    "less_than": "Нужно значение меньше {lt}.",
    "less_than_equal": "Нужно значение не больше {le}.",
    "list_type": "Нужен список.",
    "too_short": "Нужно записей не меньше {min_length}.",
    "too_long": "Допустимо записей не больше {max_length}.",
    "dict_type": "Нужен объект JSON.",
    "model_type": "Нужен объект JSON.",
    "model_attributes_type": "Нужен объект JSON.",
    "uuid_type": "Нужен идентификатор UUID.",
    "uuid_parsing": "Нужен идентификатор UUID.",
    "date_type": "Нужна дата вида 2026-01-31.",
    "date_parsing": "Нужна дата вида 2026-01-31.",
    "date_from_datetime_parsing": "Нужна дата вида 2026-01-31.",
    "date_from_datetime_inexact": "Нужна дата вида 2026-01-31.",
    "datetime_parsing": "Нужно время вида 2026-01-31T09:00:00+05:00.",
    "timezone_aware": "Укажите часовой пояс, например 2026-01-31T09:00:00+05:00.",
    # our own kinds: api.schemas
    "not_a_number": 'Нужно число строкой, например "1250.50".',
    "too_many_decimals": "Слишком много знаков после запятой: допустимо не больше {places}.",
    "too_large": "Число слишком велико: допустимо не больше {limit}.",
    "not_positive": "Нужно число больше нуля.",
    "negative": "Число не может быть отрицательным.",
    "wrong_currency": "Валюта не поддерживается. Допустимы: RUB, KZT.",
    "empty": "Поле не может быть пустым.",
    "bad_text": "Недопустимые символы в тексте.",
    "bad_email": "Это не адрес электронной почты.",
    "bad_phone": "Это не номер телефона.",
    "bad_sku": "Недопустимые символы в артикуле.",
    "bad_period": "Окончание не может быть раньше начала.",
    "duplicate_sku": "Артикул {sku} повторяется: оставьте одну строку.",
    "nothing_to_change": "Укажите хотя бы одно поле, которое нужно изменить.",
    "bad_cursor": "Неверное место продолжения списка: возьмите его из предыдущего ответа.",
}
OTHER = "Недопустимое значение."


def field_errors(errors: Iterable[Mapping[str, Any]], language: Language) -> list[dict[str, str]]:
    """One entry per mistake: the field as the caller wrote it, the sentence and a stable code."""
    return [_entry(error, language) for error in errors]


def _entry(error: Mapping[str, Any], language: Language) -> dict[str, str]:
    kind = str(error["type"])
    facts = {name: str(value) for name, value in (error.get("ctx") or {}).items()}
    text = translate(SENTENCES.get(kind, OTHER), language)
    return {
        "field": _path(error.get("loc", ())),
        "text": text.format_map({name: facts.get(name, "…") for name in _NAMES} | facts),
        "code": kind,
    }


_NAMES = ("min_length", "max_length", "expected", "gt", "ge", "lt", "le", "places", "limit", "sku")


def _path(location: Iterable[Any]) -> str:
    """`body, lines, 0, quantity` -> `lines[0].quantity`; headers and query parameters keep their own name."""
    parts = list(location)
    if parts and parts[0] in {"body", "query", "path", "header"} and len(parts) > 1:
        parts = parts[1:]
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path
