"""More requests at once than can be worked on: the rest is told so at once."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.types import Receive, Scope, Send
from support.api import app_settings

from api.app import create_app
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


def test_the_api_has_its_places(engine: Engine) -> None:
    """They are counted before anything of a request is read."""
    app = create_app(app_settings(engine), engine=engine)
    names = [layer.cls.__name__ for layer in app.user_middleware]
    assert names.index("Crowd") < names.index("BodyGuard")
