"""What routes ask for, as annotated dependencies.

Those that wait for nothing are `async`: FastAPI would take each of the others to a thread and back.
"""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy import Engine as SqlEngine
from sqlmodel import Session
from temporalio.client import Client

from activities.settings import Settings as EnvironmentSettings
from api import clock
from api.auth import authenticate
from api.i18n import Language as LanguageCode
from api.i18n import preferred_language
from api.idempotency import Idempotency
from domain.orders import Actor


async def _engine(request: Request) -> SqlEngine:
    engine: SqlEngine = request.app.state.engine
    return engine


async def _settings(request: Request) -> EnvironmentSettings:
    settings: EnvironmentSettings = request.app.state.settings
    return settings


async def _temporal(request: Request) -> Client:
    client: Client = request.app.state.temporal
    return client


def _session(engine: Annotated[SqlEngine, Depends(_engine)]) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


async def _language(accept_language: Annotated[str | None, Header()] = None) -> LanguageCode:
    return preferred_language(accept_language)


async def _idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=8,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="Повтор с тем же ключом и телом получает прежний ответ. / "
            "A repeat with the same key and body gets the same answer.",
            examples=["5f0c9a6e-order-1"],
        ),
    ] = None,
) -> str | None:
    return idempotency_key


Engine = Annotated[SqlEngine, Depends(_engine)]
"""The connection pool: commands open their own transaction on it."""
Db = Annotated[Session, Depends(_session)]
"""A session for questions; nothing is committed."""
Temporal = Annotated[Client, Depends(_temporal)]
"""The Temporal client: always there, connects at its first call; a silent server becomes a 503 problem."""
Settings = Annotated[EnvironmentSettings, Depends(_settings)]
Caller = Annotated[Actor, Depends(authenticate)]
"""The authenticated person of any role; for some roles only see `api.auth.require`."""
Now = clock.Now
Language = Annotated[LanguageCode, Depends(_language)]
IdempotencyKey = Annotated[str | None, Depends(_idempotency_key)]
"""The caller's `Idempotency-Key`, or None."""


async def _idempotency(request: Request, caller: Caller, key: IdempotencyKey, now: Now) -> Idempotency:
    scope = f"{caller.id} {request.method} {request.url.path}"
    return Idempotency(engine=request.app.state.engine, scope=scope, key=key, now=now)


Once = Annotated[Idempotency, Depends(_idempotency)]
"""`once.run(body, work)`: one transaction whose answer is kept under the caller's key, path and person."""
