"""What is refused before any route sees it: bodies that are too large, and JSON that means different things to
different readers (NUL and lone surrogates, NaN, duplicate keys, numbers a float would bend)."""

import json
import re
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import clock
from api.auth import PASSWORD_CHALLENGE, admit
from api.errors import refusal_to
from api.i18n import preferred_language
from api.problems import problem
from domain.errors import DomainError

UNASKED = 64 * 1024
"""What is read of a body before it is asked whether anybody of the company sends it."""
JSON_LIMIT = 256 * 1024
FILE_LIMIT = 20_000_000
"""Of the doors that take files; each has its own, smaller limit and sentence."""
PAYLOADS_LIMIT = 4_000_000
"""Of the codec: the Temporal UI sends a page of a history at once."""
_CODEC_DOORS = re.compile(r"/codec/(decode|encode)")
_FILE_DOORS = re.compile(r"/api/v1/(bank-statements|orders/[^/]+/reservation/proof-of-payment)")
_DIGITS = 100


class _BadJsonError(ValueError):
    """facts: code of the problem."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class _GoneError(Exception):
    """Nobody waits for an answer any more."""


Admit = Callable[[], Awaitable[None]]


class BodyGuard:
    """ASGI middleware: reads the body once, of a stranger only its beginning, checks it, hands it on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if b"%00" in scope.get("query_string", b"") or "\x00" in scope["path"]:
            await problem(400, "bad_text", "ru")(scope, receive, send)
            return
        if scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        # Of headers that come twice the first counts, as it does for the routes.
        headers = {name: value.decode("latin-1") for name, value in reversed(scope["headers"])}
        is_json = _is_json(headers.get(b"content-type", ""))
        limit = _limit(scope["path"], is_json=is_json)
        request = Request(scope)

        async def known() -> None:
            await run_in_threadpool(admit, request, now=await clock.now())

        try:
            body = await _read(receive, headers.get(b"content-length"), limit, known)
        except _GoneError:
            return
        except (DomainError, SQLAlchemyError) as error:
            answer = await run_in_threadpool(refusal_to, request, error)
            if answer.status_code == 401 and _CODEC_DOORS.fullmatch(scope["path"]):
                answer.headers["WWW-Authenticate"] = PASSWORD_CHALLENGE
            await answer(scope, receive, send)
            return
        code = "body_too_large" if body is None else check_json(body) if is_json and body else None
        if body is None or code is not None:
            language = preferred_language(headers.get(b"accept-language"))
            status = 413 if body is None else 400
            await problem(status, code or "body_too_large", language, {"limit": limit})(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)


def _limit(path: str, *, is_json: bool) -> int:
    if _CODEC_DOORS.fullmatch(path):
        return PAYLOADS_LIMIT
    return FILE_LIMIT if _FILE_DOORS.fullmatch(path) and not is_json else JSON_LIMIT


def check_json(body: bytes) -> str | None:
    """The code of what is wrong with the JSON, or None."""
    try:
        json.loads(
            body.decode("utf-8"),
            parse_float=_exact_float,
            parse_int=_bounded_int,
            parse_constant=_no_constant,
            object_pairs_hook=_unique_keys,
        )
    except _BadJsonError as error:
        return error.code
    except (ValueError, RecursionError):
        return "malformed_json"
    return "bad_text" if _has_bad_text(body) else None


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


async def _read(receive: Receive, declared: str | None, limit: int, known: Admit) -> bytes | None:
    """The body, or None when it is larger than the limit. `known` is asked once, when more than `UNASKED` is announced
    or has come.

    Raises:
        _GoneError: the sender was gone before the end: half a body is none.
    """
    announced = 0
    if declared is not None and declared.isdigit():
        announced = limit + 1 if len(declared) > 15 else int(declared)
    if announced > limit:
        return None
    asked = announced > UNASKED
    if asked:
        await known()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _GoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            return None
        if size > UNASKED and not asked:
            await known()
            asked = True
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _exact_float(text: str) -> float:
    """A number whose binary form prints back as the same decimal; anything else must come as a string."""
    if len(text) > _DIGITS:
        raise _BadJsonError("number_not_exact")
    number = float(text)
    try:
        exact = isfinite(number) and Decimal(repr(number)) == Decimal(text)
    except InvalidOperation:  # an exponent beyond any decimal
        exact = False
    if not exact:
        raise _BadJsonError("number_not_exact")
    return number


def _bounded_int(text: str) -> int:
    if len(text) > _DIGITS:
        raise _BadJsonError("number_not_exact")
    return int(text)


def _no_constant(_text: str) -> float:
    raise _BadJsonError("number_not_exact")


def _unique_keys(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        _refuse_bad_text(key)
        if key in found:
            raise _BadJsonError("duplicate_key")
        found[key] = value
    return found


def _refuse_bad_text(text: str) -> None:
    if "\x00" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        raise _BadJsonError("bad_text")


def _has_bad_text(body: bytes) -> bool:
    """NUL or a lone surrogate in any string of the document; such escapes are rare, so parse only if one is there."""
    if b"\\u0000" not in body and b"\\ud" not in body.lower():
        return False
    try:
        _walk(json.loads(body))
    except _BadJsonError:
        return True
    return False


def _walk(value: Any) -> None:
    if isinstance(value, str):
        _refuse_bad_text(value)
    elif isinstance(value, list):
        for item in value:
            _walk(item)
    elif isinstance(value, dict):
        for item in value.values():
            _walk(item)
