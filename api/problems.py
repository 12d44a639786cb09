"""Problem details (RFC 9457): one shape for every refusal, in the caller's language."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

from fastapi.responses import JSONResponse

from api.i18n import Language
from api.sentences import sentence

RENAMED = {"status": "order_status", "type": "kind", "code": "reason_code", "title": "name", "detail": "details"}
RETRY_AFTER = {"Retry-After": "2"}
MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: ("Запрос не прочитан", "The request cannot be read"),
    401: ("Нужен ключ", "A key is needed"),
    403: ("Нет прав", "Not permitted"),
    404: ("Не найдено", "Not found"),
    405: ("Так сюда не обращаются", "Method not allowed"),
    409: ("Сейчас это невозможно", "Not possible now"),
    412: ("Данные изменились", "The data have changed"),
    413: ("Слишком большой запрос", "The request is too large"),
    415: ("Не тот вид данных", "Wrong kind of data"),
    422: ("Ошибка в данных", "Invalid data"),
    428: ("Нужна версия", "A version is needed"),
    429: ("Слишком часто", "Too often"),
    500: ("Внутренняя ошибка", "Internal error"),
    503: ("Временно недоступно", "Temporarily unavailable"),
}


class ProblemResponse(JSONResponse):
    media_type = MEDIA_TYPE


def problem(
    http_status: int,
    code: str,
    language: Language,
    facts: Mapping[str, Any] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    zone: tzinfo = UTC,
) -> ProblemResponse:
    """The answer to a refused request: stable `code`, a sentence that says what to do, and the figures.

    A fact named like a member of the problem is told apart: an order's `status` becomes `order_status`.
    """
    russian, english = TITLES.get(http_status, TITLES[409])
    known = facts or {}
    body = {
        **{RENAMED.get(name, name): value for name, value in known.items()},
        "type": f"urn:opora:problem:{code}",
        "title": russian if language == "ru" else english,
        "status": http_status,
        "detail": sentence(code, known, language, zone),
        "code": code,
    }
    extra = {"Content-Language": language, "Cache-Control": "no-store", **(headers or {})}
    if http_status == 401:
        extra.setdefault("WWW-Authenticate", "Bearer")
    return ProblemResponse(body, http_status, headers=extra)
