"""`Idempotency-Key`: the answer is stored in the same transaction as the command it answers.

Semantics of the IETF draft: the same key with the same body gets the stored answer and `Idempotent-Replayed: true`,
with another body a 422; a twin that runs at the same moment waits on the row and gets the first one's answer.
A refused command stores nothing, so it may be corrected and sent again under the same key.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from activities.persistence.tables import IdempotencyRow
from domain.errors import IdempotencyKeyReusedError

Work = Callable[[Session], tuple[int, Any]]
"""Does the command and returns HTTP status and JSON-ready answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answers. `replayed`: it was done earlier under the same key."""

    status: int
    body: Any
    replayed: bool = False

    def response(self, headers: dict[str, str] | None = None) -> JSONResponse:
        extra = {"Idempotent-Replayed": "true"} if self.replayed else {}
        return JSONResponse(self.body, self.status, headers={**(headers or {}), **extra})


def body_hash(body: BaseModel | bytes | None) -> str:
    """A fingerprint of a request body; key order and spacing do not matter."""
    if body is None:
        return hashlib.sha256(b"").hexdigest()
    if isinstance(body, bytes):
        return hashlib.sha256(body).hexdigest()
    canonical = json.dumps(body.model_dump(mode="json", exclude_unset=True), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def run_idempotent(
    engine: Engine, scope: str, key: str | None, request_hash: str, work: Work, *, now: datetime
) -> Answer:
    """Do `work` in one transaction, once per scope and key.

    Raises:
        IdempotencyKeyReusedError: the key is known with another body.
    """
    with Session(engine) as session, session.begin():
        if key is None:
            status, body = work(session)
            return Answer(status, body)
        claim = (
            insert(IdempotencyRow)
            .values(scope=scope, key=key, request_hash=request_hash, created_at=now)
            .on_conflict_do_nothing()
            .returning(IdempotencyRow.key)  # type: ignore[call-overload]
        )
        claimed = session.execute(claim).first() is not None
        row = session.get_one(IdempotencyRow, (scope, key))
        if not claimed:
            if row.request_hash != request_hash:
                raise IdempotencyKeyReusedError
            return Answer(row.status or 200, row.response, replayed=True)
        status, body = work(session)
        row.status, row.response = status, body
        session.add(row)
    return Answer(status, body)


@dataclass(frozen=True, slots=True)
class Idempotency:
    """`run_idempotent` bound to one request: the dependency `api.deps.Once`."""

    engine: Engine
    scope: str
    key: str | None
    now: datetime

    def run(self, body: BaseModel | bytes | None, work: Work) -> Answer:
        """Do `work` once; for `def` routes."""
        return run_idempotent(self.engine, self.scope, self.key, body_hash(body), work, now=self.now)

    def claim(self, command: object) -> None:
        """For a command that Temporal keeps by its update id: the key belongs to this very command from now on.

        Raises:
            IdempotencyKeyReusedError: it belongs to another one.
        """
        if self.key is not None:
            fingerprint = body_hash(repr(command).encode())
            run_idempotent(self.engine, self.scope, self.key, fingerprint, lambda _: (200, None), now=self.now)

    async def run_async(self, body: BaseModel | bytes | None, work: Work) -> Answer:
        """Do `work` once, in a thread; for `async def` routes that go on to Temporal."""
        return await run_in_threadpool(self.run, body, work)

    async def recall(self, body: BaseModel | bytes | None) -> Answer | None:
        """The answer kept under this key, for commands whose answer is known only after Temporal's; None at first.

        Raises:
            IdempotencyKeyReusedError: the key is known with another body.
        """
        if self.key is None:
            return None
        return await run_in_threadpool(_recall, self.engine, self.scope, self.key, body_hash(body))


def _recall(engine: Engine, scope: str, key: str, request_hash: str) -> Answer | None:
    with Session(engine) as session:
        row = session.get(IdempotencyRow, (scope, key))
    if row is None:
        return None
    if row.request_hash != request_hash:
        raise IdempotencyKeyReusedError
    return Answer(row.status or 200, row.response, replayed=True)
