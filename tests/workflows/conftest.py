"""Stories of workflows can be written down as histories: `OPORA_RECORD_HISTORIES=1 ./opora test tests/workflows`."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support import histories
from support.house import House, a_house
from temporalio.client import Client

from activities.fresh_payments import PaymentSource


@pytest.fixture
def cached_workflows() -> int:
    """How many processes the workers of `house` remember; `BOTH_LANES` tells a story with many and with few."""
    return 500


@pytest.fixture
def payments() -> PaymentSource | None:
    """The system of record for payments that `house` asks; our own books unless a story has another."""
    return None


@pytest.fixture
async def house(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path,
    cached_workflows: int, payments: PaymentSource | None,
) -> AsyncIterator[House]:  # fmt: skip
    """Workers and a mail server around the test's own database."""
    async with a_house(
        engine, database_url, client, task_queue, tmp_path, cached_workflows=cached_workflows, payments=payments
    ) as open_house:
        yield open_house


@pytest.fixture(autouse=True)
async def recorded_story(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """After the story and its worker have ended, keep its histories; off unless asked for.

    A story told with a changed constant is no course that production takes.
    """
    names = request.fixturenames
    wanted = os.environ.get(histories.RECORD) and "house" in names and "monkeypatch" not in names
    if not wanted:
        yield
        return
    client: Client = request.getfixturevalue("client")
    task_queue: str = request.getfixturevalue("task_queue")
    yield
    await asyncio.sleep(1)  # lists of the server lag behind by a moment
    await histories.record(client, task_queue)
