"""Fixtures shared by all tests: real PostgreSQL, real Temporal, one event loop for the session.

Mark async tests with `@pytest.mark.anyio`. Nothing here starts before a test asks for it.
"""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import settings
from sqlalchemy import Engine
from support import postgres, temporal
from temporalio.client import Client

from activities.persistence.engine import make_engine
from cli.local.postgres import Postgres
from cli.local.temporal import Temporal

settings.register_profile("opora", deadline=None)  # a crowded machine makes no example wrong
settings.load_profile("opora")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """PostgreSQL for the session, with the template of all test databases in it."""
    with postgres.running_server() as server:
        postgres.make_template(server)
        yield server


@pytest.fixture
def database_url(postgres_server: Postgres) -> Iterator[str]:
    """The address of this test's own migrated database."""
    with postgres.fresh_database(postgres_server) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """This test's own migrated database: empty but for policy version 1."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def temporal_server() -> Iterator[Temporal]:
    """Temporal for the session; workflows keep apart by their ids and task queues."""
    with temporal.running_server() as server:
        yield server


@pytest.fixture(scope="session")
async def client(temporal_server: Temporal, anyio_backend: str) -> Client:
    """A plain Temporal client with our data converter."""
    return await temporal.connected(temporal_server)


@pytest.fixture
def task_queue() -> str:
    """A task queue of this test's own."""
    return f"test-{uuid4()}"
