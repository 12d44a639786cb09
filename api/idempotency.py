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
from sqlalchemy import Engine, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from activities.persistence.record_tables import IdempotencyRow
from domain.errors import IdempotencyKeyReusedError

_CLAIM = text("""
    INSERT INTO idempotency_key (scope, key, request_hash, status, created_at)
    VALUES (:scope, :key, :request_hash, :status, :now) ON CONFLICT DO NOTHING RETURNING key
""")
_KEEP = text(
    "UPDATE idempotency_key SET status = :status, response = :response WHERE scope = :scope AND key = :key"
).bindparams(bindparam("response", type_=JSONB))

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
        if not _claim(session, scope, key, request_hash, now=now):
            return _replayed(session.get_one(IdempotencyRow, (scope, key)), request_hash)
        status, body = work(session)
        session.execute(_KEEP, {"scope": scope, "key": key, "status": status, "response": body})
    return Answer(status, body)


def _claim(
    session: Session, scope: str, key: str, request_hash: str, *, now: datetime, status: int | None = None
) -> bool:
    """Whether the key was free; a twin that holds it is waited for."""
    claim = {"scope": scope, "key": key, "request_hash": request_hash, "status": status, "now": now}
    return session.execute(_CLAIM, claim).first() is not None


def _replayed(row: IdempotencyRow, request_hash: str) -> Answer:
    if row.request_hash != request_hash:
        raise IdempotencyKeyReusedError
    return Answer(row.status or 200, row.response, replayed=True)


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

    def claim(self, session: Session, command: object) -> None:
        """For a command that Temporal keeps by its update id: when the session commits, the key belongs to this very
        command.

        Raises:
            IdempotencyKeyReusedError: it belongs to another one.
        """
        if self.key is None:
            return
        fingerprint = body_hash(repr(command).encode())
        if not _claim(session, self.scope, self.key, fingerprint, now=self.now, status=200):
            _replayed(session.get_one(IdempotencyRow, (self.scope, self.key)), fingerprint)

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
    return None if row is None else _replayed(row, request_hash)
