"""Real processes, really killed: they leave behind what the crashes of the other tests do, and what peace does."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from uuid import uuid4

import pytest
from support.crashes import ANSWER, BEFORE, CALLED, COMMIT, COMMITTED, TAKEN, WRITING, Crashes, Point
from support.facts import difference, facts
from support.house import House, a_house
from support.stories import Story, Told, a_place, settled, tell, told_at_once
from temporalio.client import Client

from activities.settings import Settings
from cli.local.data import ROOT
from cli.local.postgres import Postgres
from cli.local.temporal import Temporal

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(900)]
STORY = Story("order_workflow", "an_order_on_credit_lives_from_quote_to_its_invoice")
SAMPLE = [
    Point("reserve_order", 1, f"{COMMITTED} 1"),
    Point("start_invoices", 1, f"{CALLED} 1"),
]
"""Tried again as soon as the engine misses the answer: after 12 and 15 seconds."""
MORE = [
    Point("decide_order_credit", 1, ANSWER),
    Point("reserve_order", 1, BEFORE),
    Point("reserve_order", 1, f"{COMMIT} 1"),
    Point("ship_order", 1, ANSWER),
    Point("invoice_shipment", 1, f"{COMMITTED} 1"),
    Point("look_at_invoice", 1, f"{COMMIT} 1"),
    Point("deliver", 1, f"{COMMITTED} 1"),
    Point("deliver", 1, f"{COMMIT} 2"),
    Point("deliver", 1, ANSWER),
]
AMID_A_LETTER = [Point("deliver", 1, f"{WRITING} 1"), Point("deliver", 1, f"{TAKEN} 1")]


async def test_a_killed_worker_does_not_show(
    postgres_server: Postgres, temporal_server: Temporal, client: Client
) -> None:
    await compare(SAMPLE, postgres_server, temporal_server, client)


@pytest.mark.matrix
async def test_no_more_than_elsewhere(postgres_server: Postgres, temporal_server: Temporal, client: Client) -> None:
    await compare(MORE, postgres_server, temporal_server, client)


@pytest.mark.matrix
async def test_nor_amid_a_letter(postgres_server: Postgres, temporal_server: Temporal, client: Client) -> None:
    await compare(AMID_A_LETTER, postgres_server, temporal_server, client)


async def compare(points: list[Point], server: Postgres, temporal: Temporal, client: Client) -> None:
    runs = [killed_at(point, server, temporal, client) for point in points]
    peace, *killed = await told_at_once([tell(STORY, server, client, Crashes()), *runs], most=len(points) + 1)
    differing = {str(at): difference(peace.facts, run.facts) for at, run in zip(points, killed, strict=True)}
    assert differing == dict.fromkeys(map(str, points), "")


async def killed_at(point: Point, server: Postgres, temporal: Temporal, client: Client) -> Told:
    """The story with a worker in a process of its own, killed once and started anew."""
    with a_place(server) as (engine, url, home):
        async with (
            a_house(engine, url, client, f"crash-{uuid4()}", home, staffed=False) as house,
            a_worker(house, point, temporal, home) as deaths,
        ):
            house.patience = 90
            await STORY.told_in(house)
            processes: list[tuple[str, str]] = []
            async with asyncio.timeout(house.patience):  # a place to which the story never comes kills nobody
                while processes != (now := await all_settled(house)) or not deaths:
                    processes = now
            assert deaths == [-signal.SIGKILL]
            return Told(facts(engine, house.letters(), processes), Crashes())


async def all_settled(house: House) -> list[tuple[str, str]]:
    await asyncio.sleep(1)  # lists of the server lag behind by a moment
    known = [each.id async for each in house.client.list_workflows(f"TaskQueue = '{house.task_queue}'")]
    return await settled(house, known)


@asynccontextmanager
async def a_worker(house: House, point: Point, temporal: Temporal, home: Path) -> AsyncIterator[list[int]]:
    """A worker that is started again when it dies; how it died, each time."""
    deaths: list[int] = []
    argv = [sys.executable, "-m", "support.doomed_worker"]
    env = environment(house.settings) | {
        "TEMPORAL_ADDRESS": temporal.address,
        "POINT": str(point),
        "MARK": str(home / "dead"),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
    }
    with (home / "worker.log").open("wb") as log:
        process = subprocess.Popen(argv, env=os.environ | env, cwd=ROOT, stdout=log, stderr=log)

        async def keep() -> None:
            nonlocal process
            while True:
                await asyncio.sleep(0.1)
                if process.poll() is not None:
                    deaths.append(process.returncode)
                    process = subprocess.Popen(argv, env=os.environ | env, cwd=ROOT, stdout=log, stderr=log)

        keeper = asyncio.create_task(keep())
        try:
            yield deaths
        finally:
            keeper.cancel()
            process.kill()
            process.wait()


def environment(settings: Settings) -> dict[str, str]:
    """The settings as a process reads them."""
    named = {f"OPORA_{each.name.upper()}": getattr(settings, each.name) for each in fields(settings)}
    return {name: str(value) for name, value in named.items() if value not in {None, ""}}
