"""The API process: `uvicorn --factory api.app:create_app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy import Engine
from temporalio.client import Client

from activities.persistence.engine import make_engine
from activities.settings import Settings
from api import errors
from api.bodies import BodyGuard
from api.crowd import Crowd
from api.grant_commands import catch_up_grants
from api.nudges import catch_up
from api.openapi import declare_problems, describe
from api.routes import routers
from api.routes.codec import CodecCors
from api.security import GuardedApi
from api.supply_commands import catch_up_supplies
from api.version import VERSION
from workflows.client import connect


def create_app(
    settings: Settings | None = None, *, engine: Engine | None = None, temporal: Client | None = None
) -> FastAPI:
    """Build the API.

    Args:
        settings: read from the environment when omitted.
        engine, temporal: given by tests; otherwise opened here. The Temporal client connects at its first call, so
            the API starts and answers questions while Temporal is away.
    """
    known = settings or Settings.from_env()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.engine = engine or make_engine(known.database_url, known.pool_size)
        app.state.temporal = temporal or await connect(lazy=True)
        catching_up = [
            asyncio.create_task(catch_up(app.state.engine, app.state.temporal)),
            asyncio.create_task(catch_up_grants(app.state.engine, app.state.temporal, known.task_queue)),
            asyncio.create_task(catch_up_supplies(app.state.engine, app.state.temporal, known.task_queue)),
        ]
        yield
        for task in catching_up:
            task.cancel()
        if engine is None:
            app.state.engine.dispose()

    app = GuardedApi(
        title="Opora API",
        version=VERSION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        **describe(),
    )
    app.https = known.public_url.startswith("https://")
    app.state.settings = known
    app.add_middleware(Crowd)
    app.add_middleware(BodyGuard)  # outside it: who is slow to send takes no place
    app.add_middleware(CodecCors, origin=known.temporal_ui)
    errors.install(app)
    for router in routers():
        declare_problems(router)
        app.include_router(router)
    return app
