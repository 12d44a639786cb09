"""An API on this test's own database, and a person of every role with a key."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support import postgres
from support.api import NO_TEMPORAL, Company, doors, seed_company

from activities.persistence.engine import make_engine
from api.app import create_app
from cli.local.postgres import Postgres


@pytest.fixture(autouse=True)
def no_temporal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API of these tests finds no Temporal server unless a test hands it a client."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", NO_TEMPORAL)


@pytest.fixture
def company(engine: Engine) -> Company:
    """A selling company with one person per role, and a second manager."""
    return seed_company(engine)


@pytest.fixture
def api(engine: Engine, company: Company) -> Iterator[TestClient]:
    """The API without a Temporal server behind it: questions and commands on PostgreSQL alone."""
    with doors(create_app, engine) as client:
        yield client


@pytest.fixture(scope="module")
def still_engine(postgres_server: Postgres) -> Iterator[Engine]:
    """One seeded database for all tests of a module that change nothing."""
    with postgres.fresh_database(postgres_server) as url:
        engine = make_engine(url)
        seed_company(engine)
        yield engine
        engine.dispose()


@pytest.fixture(scope="module")
def still_api(still_engine: Engine) -> Iterator[TestClient]:
    """The API for tests that change nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_ADDRESS", NO_TEMPORAL)
        with doors(create_app, still_engine) as client:
            yield client
