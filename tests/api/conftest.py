"""An API on this test's own database, and a person of every role with a key."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import Company, doors, seed_company

from api.app import create_app


@pytest.fixture
def company(engine: Engine) -> Company:
    """A selling company with one person per role, and a second manager."""
    return seed_company(engine)


@pytest.fixture
def api(engine: Engine, company: Company) -> Iterator[TestClient]:
    """The API without a Temporal server behind it: questions and commands on PostgreSQL alone."""
    with doors(create_app, engine) as client:
        yield client
