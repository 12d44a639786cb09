"""Processes that began under earlier code go on under today's: every recorded history replays."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.changed_orders import Careless, Reordered
from support.company import a_customer, a_product
from support.histories import CHAOS, read, recorded
from support.house import a_house
from support.patience import PATIENCE
from support.registry import activities_offered
from support.stack import opora
from temporalio import workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.settings import Settings
from cli.local.temporal import Temporal
from domain.credit_steps import PlaceCommand
from workflows import ids, replaying
from workflows.order import OrderWorkflow
from workflows.registry import WORKFLOWS
from workflows.replaying import histories_of, replay, replayer


@pytest.mark.anyio
async def test_every_recorded_history_replays() -> None:
    replayed = await replay(told(*recorded()))

    assert not replayed.failures, "running processes would break; see «A change of a workflow» in CONTRIBUTING.md"
    assert replayed.count == len(recorded())


async def told(*paths: Path) -> AsyncIterator[WorkflowHistory]:
    for path in paths:
        yield read(path)


def test_every_kind_of_process_is_recorded() -> None:
    kinds = {_kind_of(process) for process in WORKFLOWS}
    assert {path.stem.partition("-")[0] for path in recorded()} >= kinds


def _kind_of(process: type) -> str:
    """How the files of its histories begin."""
    return process.__name__.removesuffix("Workflow").lower()


def test_a_run_of_chaos_is_recorded() -> None:
    """Processes whose workers were killed and whose answers were lost, orders and instalments both."""
    kinds = {path.stem.partition("-")[0] for path in recorded() if f"-{CHAOS}" in path.stem}
    assert kinds >= {"order", "invoice"}, "record one: OPORA_RECORD_HISTORIES=1 ./opora test tests/chaos -k recorded"


def test_every_activity_is_recorded(client: Client) -> None:
    """What no history has done is guarded by none."""
    left_out = [
        name
        for name in sorted(activities_offered(client))
        if not any(f'"name":"{name}"' in path.read_text(encoding="utf-8") for path in recorded())
    ]
    assert left_out == [], "record a story of it: OPORA_RECORD_HISTORIES=1 ./opora test tests/workflows"


def test_every_command_and_signal_is_recorded() -> None:
    left_out = []
    for process in WORKFLOWS:
        kind, doors = _kind_of(process), workflow._Definition.must_from_class(process)
        texts = [path.read_text(encoding="utf-8") for path in recorded() if path.stem.startswith(f"{kind}-")]
        words = [f'"signalName":"{name}"' for name in doors.signals]
        words += [f'"name":"{name}"}},"meta":' for name in doors.updates]
        left_out += [(kind, word) for word in words if not any(word in text for text in texts)]
    assert left_out == [], "record a story of it: OPORA_RECORD_HISTORIES=1 ./opora test tests/workflows"


def test_every_patch_is_recorded() -> None:
    """What today's code does behind a patch, some history has done: the old files guard the other branch."""
    behind = {
        getattr(import_module(f"workflows.{file.stem}"), name)
        for file in Path(replaying.__file__).parent.glob("*.py")
        for name in re.findall(r"workflow\.patched\((\w+)\)", file.read_text(encoding="utf-8"))
    }
    taken = {patch for path in recorded() for patch in patches_of(path)}
    assert behind - taken == set(), "record a story of it: OPORA_RECORD_HISTORIES=1 ./opora test tests/workflows"


def patches_of(path: Path) -> Iterator[str]:
    for event in read(path).events:
        marker = event.marker_recorded_event_attributes
        if marker.marker_name == "core_patch":
            yield json.loads(marker.details["patch-data"].payloads[0].data)["id"]


def test_they_tell_nothing_about_the_machine_they_were_recorded_on() -> None:
    for path in recorded():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'"(identity|stackTrace)":"[^"]', text), path.name
        assert socket.gethostname() not in text, path.name


@pytest.mark.anyio
@pytest.mark.parametrize(("changed", "why"), [(Reordered, "Nondeterminism"), (Careless, "datetime.datetime.now")])
async def test_a_change_of_commands_is_noticed_and_so_is_what_the_sandbox_forbids(
    changed: type[Any], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "WORKFLOWS", [changed])
    path = next(path for path in recorded() if path.stem.startswith("order-"))
    replayed = await replay(told(path))
    [failure] = replayed.failures.values()
    assert why in failure


@pytest.mark.anyio
async def test_it_replays_as_the_worker_runs(client: Client) -> None:
    """Runner, sandbox and converter are those of production."""
    from worker import make_worker  # noqa: TID251 - it is what is compared with

    settings = Settings(database_url="postgresql+psycopg://", pool_size=1)
    with ThreadPoolExecutor(1) as executor:
        worker = make_worker(client, settings, executor).config()
    ours = replayer().config()
    assert type(ours["workflow_runner"]) is type(worker["workflow_runner"])
    assert isinstance(ours["workflow_runner"], SandboxedWorkflowRunner)
    assert ours["workflow_runner"].restrictions == worker["workflow_runner"].restrictions
    assert list(ours["workflows"]) == list(worker["workflows"])
    assert ours["data_converter"] is worker["client"].data_converter


# -- histories of a running server ------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_running_server_is_replayed(
    engine: Engine, database_url: str, client: Client, temporal_server: Temporal, task_queue: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async with a_house(engine, database_url, client, task_queue, tmp_path) as house:
        order = house.quote(a_customer(engine, house.company), a_product(engine, on_hand="5"))
        await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
        await house.reaches(order, "ready")
    query = f"TaskQueue = '{task_queue}'"

    async with asyncio.timeout(PATIENCE):
        while (replayed := await replay(histories_of(client, query))).count == 0:
            await asyncio.sleep(0.1)  # lists of the server lag behind by a moment
    assert (replayed.count, replayed.failures) == (1, {})

    told = await asyncio.to_thread(opora, "replay", "--temporal", temporal_server.address, "--query", query)
    assert (told.returncode, told.stdout.partition(",")[0]) == (0, "Историй: 1"), told.stderr

    kept = [history async for history in histories_of(client, query)]

    async def again() -> AsyncIterator[WorkflowHistory]:
        for history in kept:
            yield history

    monkeypatch.setattr(replaying, "WORKFLOWS", [Reordered])
    replayed = await replay(again())
    assert [name.split()[0] for name in replayed.failures] == [ids.order_workflow_id(order)]


def test_a_server_that_is_not_there_is_no_success() -> None:
    assert opora("replay", "--temporal", "127.0.0.1:1").returncode == 1
