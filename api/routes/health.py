"""Is the process alive, is it ready, which version is it. No key is needed and nothing private is said."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from alembic.script import ScriptDirectory
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from temporalio.client import Client
from temporalio.service import RPCError

from activities import persistence
from activities.temporal_view import last_asked
from api.deps import Engine, Settings, Temporal
from api.openapi import problems
from api.schemas import Out
from api.version import VERSION
from domain.watch import silent_queues

router = APIRouter(tags=["service"])

_PATIENCE = timedelta(seconds=3)


class HealthOut(Out):
    status: str


class ReadyOut(Out):
    """`database`, `migrations`, `temporal`: `ok`, or what is wrong. `worker`: `ok`, or `none` when nobody takes work:
    questions are answered all the same, commands wait."""

    status: str
    database: str
    migrations: str
    temporal: str
    worker: str


class VersionOut(Out):
    version: str


@router.get("/healthz", summary="Процесс жив / The process is alive")
async def get_health() -> HealthOut:
    """Отвечает, пока процесс работает. / Answers while the process runs."""
    return HealthOut(status="ok")


@router.get("/readyz", response_model=ReadyOut, summary="Всё готово к работе / Everything is ready",
            responses=problems(503))  # fmt: skip
async def get_readiness(engine: Engine, temporal: Temporal, settings: Settings) -> JSONResponse:
    """База отвечает, миграции применены, Temporal доступен. / Database, migrations and Temporal are there."""
    (database, migrations), workflows = await asyncio.gather(run_in_threadpool(_database, engine), _temporal(temporal))
    ready = database == migrations == workflows == "ok"
    found = ReadyOut(
        status="ok" if ready else "unavailable",
        database=database,
        migrations=migrations,
        temporal=workflows,
        worker=await _worker(temporal, settings.task_queue) if workflows == "ok" else "unknown",
    )
    return JSONResponse(found.model_dump(), 200 if ready else 503)


@router.get("/version", summary="Версия / The version")
def get_version() -> VersionOut:
    """Версия службы. / The version of the service."""
    return VersionOut(version=VERSION)


def _database(engine: SqlEngine) -> tuple[str, str]:
    try:
        with engine.connect() as connection:
            has_table = connection.execute(text("SELECT to_regclass('alembic_version') IS NOT NULL")).scalar_one()
            applied = (
                set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
                if has_table
                else set()
            )
    except SQLAlchemyError:
        return "unreachable", "unknown"
    return "ok", "ok" if applied == _heads() else "behind"


@lru_cache
def _heads() -> set[str]:
    return set(ScriptDirectory(str(Path(persistence.__file__).parent / "migrations")).get_heads())


async def _temporal(client: Client) -> str:
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()):
            healthy = await client.service_client.check_health(timeout=_PATIENCE)
    except (RPCError, RuntimeError, TimeoutError):
        return "unreachable"
    return "ok" if healthy else "not serving"


async def _worker(client: Client, task_queue: str) -> str:
    try:
        async with asyncio.timeout(_PATIENCE.total_seconds()):
            asked = await last_asked(client, task_queue)
    except (RPCError, RuntimeError, TimeoutError):
        return "unknown"
    return "none" if list(silent_queues({task_queue: asked}, datetime.now(UTC))) else "ok"
