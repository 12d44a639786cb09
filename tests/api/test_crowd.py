"""More requests at once than can be worked on: the rest is told so at once; and requests that never become whole."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.types import Receive, Scope, Send
from support.api import app_settings

from api.app import create_app
from api.bodies import BodyGuard
from api.crowd import Crowd

pytestmark = pytest.mark.anyio


async def ask(app: Any, path: str = "/api/v1/orders") -> list[Any]:
    """Everything that is sent in answer to one request."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"",
             "headers": [(b"accept-language", b"en")]}  # fmt: skip
    await app(scope, receive, send)
    return sent


async def test_who_comes_while_all_places_are_taken_is_told_to_come_again() -> None:
    free, entered = asyncio.Event(), 0

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal entered
        entered += 1
        if scope["path"] != "/healthz":
            await free.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    crowd = Crowd(slow, limit=2)
    waiting = [asyncio.create_task(ask(crowd)) for _ in range(2)]
    await asyncio.sleep(0)
    start, body = await ask(crowd)
    assert (start["status"], entered) == (503, 2)
    headers = dict(start["headers"])
    assert headers[b"retry-after"] == b"2"
    assert headers[b"content-type"] == b"application/problem+json"
    assert b'"code":"overloaded"' in body["body"]
    assert b"Try again" in body["body"]
    assert (await ask(crowd, "/healthz"))[0]["status"] == 200, "a crowded process lives"

    free.set()
    assert [sent[0]["status"] for sent in await asyncio.gather(*waiting)] == [200, 200]
    assert (await ask(crowd))[0]["status"] == 200


async def test_a_place_is_free_again_after_a_bug() -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError

    crowd = Crowd(broken, limit=1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            await ask(crowd)


async def test_who_is_slow_to_send_takes_no_place(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers who announce a body and never send it must not keep the company out."""
    monkeypatch.setattr(Crowd.__init__, "__defaults__", (1,))
    app = create_app(app_settings(engine), engine=engine)
    never = asyncio.Event()

    async def stalls() -> Any:
        await never.wait()

    scope = {"type": "http", "method": "POST", "path": "/api/v1/orders", "query_string": b"",
             "headers": [(b"content-length", b"10"), (b"content-type", b"application/json")]}  # fmt: skip
    stalled = [asyncio.create_task(app(dict(scope), stalls, None)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in stalled)
    assert (await ask(app, "/version"))[0]["status"] == 200
    for task in stalled:
        task.cancel()


async def test_half_a_body_is_none() -> None:
    """Whoever is cut off amid an upload has uploaded nothing."""
    came: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        came.append(scope)

    parts = iter([{"type": "http.request", "body": b"%PDF-1.7 half", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(parts)

    scope = {"type": "http", "method": "POST", "path": "/api/v1/orders/1/proofs", "query_string": b"",
             "headers": [(b"content-type", b"application/octet-stream")]}  # fmt: skip
    await BodyGuard(app)(scope, receive, None)  # type: ignore[arg-type]
    assert came == []
