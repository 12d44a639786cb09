"""Stories of workflows can be written down as histories: `OPORA_RECORD_HISTORIES=1 ./opora test tests/workflows`."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from support import histories
from temporalio.client import Client


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
