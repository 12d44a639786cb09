"""The product as its people meet it: HTTP with each one's key, mail, and the clock of a process.

Every call survives a restart of any part: commands carry an `Idempotency-Key`, so asking again does nothing twice.
"""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from cli.local.keys import keys_of
from cli.local.timemachine import OVERSHOOT, clock_of, fast_forward, settle
from workflows.client import connect

PATIENCE = 100.0
"""Seconds until a part that was killed must answer again."""
_PAUSE = 0.25
_COMES_BACK = {500, 502, 503, 504}

Process = WorkflowHandle[Any, Any]
T = TypeVar("T")


class StoryError(Exception):
    """Something the story needs did not happen."""


class _EndedError(Exception):
    """The process has ended: its clock moves no more."""


class Door:
    """One running stack, as `run.json` names it."""

    def __init__(self, running: dict[str, Any]) -> None:
        self.api: str = running["api"]
        self._temporal: str = running["temporal"]
        self._payload_keys = keys_of(running)
        self._mail: str = running["mail"]
        self._keys: dict[str, str] = running["keys"]
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def get(self, who: str, path: str) -> Any:
        """Ask a question on behalf of a person."""
        return self._call(who, "GET", path, None, {})

    def post(self, who: str, path: str, body: dict[str, Any] | bytes | None = None) -> Any:
        """Give a command on behalf of a person, once."""
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        headers = {"Idempotency-Key": f"demo-{uuid4()}", "Content-Type": kind}
        return self._call(who, "POST", path, data, headers if data else {"Idempotency-Key": headers["Idempotency-Key"]})

    def mail(self) -> list[dict[str, Any]]:
        """Letters the local mail server took, oldest first."""
        answer = self._until_up(lambda: self._request(self._mail, "GET", None, {}))
        letters: list[dict[str, Any]] = answer["items"] if isinstance(answer, dict) else answer
        return sorted(letters, key=lambda letter: str(letter["received_at"]))

    def move(self, workflow_id: str, ahead: timedelta) -> datetime:
        """Move one process's clock by so much; what time it is there afterwards."""
        return self.move_to(workflow_id, self.now(workflow_id) + ahead)

    def move_to(self, workflow_id: str, target: datetime) -> datetime:
        """Move one process's clock to an instant, unless it is there already; what time it is there afterwards: less
        when the process ended on the way. A move that broke half way is finished by the next to the same instant.

        Raises:
            StoryError: the clock does not move.
        """
        return asyncio.run(self._move(workflow_id, target))

    def now(self, workflow_id: str) -> datetime:
        """What time it is for one process.

        Raises:
            StoryError: nobody tells.
        """
        return asyncio.run(self._patiently(workflow_id, clock_of))

    def _call(self, who: str, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Any:
        signed = headers | {"Authorization": f"Bearer {self._keys[who]}", "Accept-Language": "ru"}
        return self._until_up(lambda: self._request(f"{self.api}/api/v1{path}", method, data, signed))

    def _request(self, url: str, method: str, data: bytes | None, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(url, data=data, method=method, headers=headers)
        with self._open(request, timeout=30) as response:
            return json.loads(response.read())

    def _until_up(self, call: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return call()
            except urllib.error.HTTPError as error:
                told = error.read().decode(errors="replace")
                if error.code not in _COMES_BACK or time.monotonic() > deadline:
                    raise StoryError(f"{error.code} {told}") from None
            except (OSError, ValueError) as error:
                if time.monotonic() > deadline:
                    raise StoryError(f"{self.api}: {error}") from None
            time.sleep(_PAUSE)

    async def _move(self, workflow_id: str, target: datetime) -> datetime:
        async def go_on(handle: Process) -> bool:
            now = await clock_of(handle)
            if now < target:
                return await fast_forward(handle, target - now, timeout=30)
            return now - target >= OVERSHOOT or await settle(handle, timeout=30)

        alive = False
        with suppress(_EndedError):
            alive = await self._patiently(workflow_id, go_on)
        reached = await self._patiently(workflow_id, clock_of)
        if alive and reached < target:
            raise StoryError(f"{workflow_id}: {reached.isoformat()} < {target.isoformat()}")
        return reached

    async def _patiently(self, workflow_id: str, step: Callable[[Process], Awaitable[T]]) -> T:
        """One step with a process, tried until Temporal is there to take it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                client = await connect(self._temporal, keys=self._payload_keys)
                return await step(client.get_workflow_handle(workflow_id))
            except (RPCError, RuntimeError, TimeoutError) as error:
                if getattr(error, "status", None) is RPCStatusCode.NOT_FOUND and "completed" in str(error):
                    raise _EndedError from None
                if time.monotonic() > deadline:
                    raise StoryError(f"{workflow_id}: {error}") from None
            await asyncio.sleep(_PAUSE)
