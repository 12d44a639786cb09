"""Sealed payloads at work: keys change under a living order, and Temporal's own file shows nothing to who greps it."""

import base64
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select
from support.company import a_customer, a_product
from support.house import House, a_house, a_mail_server, serving
from support.named import NAMES, TYPED, tell_of_named_people
from support.patience import end_of
from support.temporal import fast_forward
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from activities import stock
from activities.payload_keys import PayloadKeys, parse_keys
from activities.persistence.record_tables import JournalRow
from activities.settings import Settings
from cli.local.process import pick_port
from cli.local.temporal import Temporal
from domain.credit_steps import PlaceCommand
from domain.orders import CancelCommand
from workflows.client import connect
from workflows.converter import converter_with, sealed_with
from workflows.order import OrderWorkflow
from workflows.registry import WORKFLOWS
from workflows.sandbox import workflow_runner
from workflows.schedules import STOCK_SWEEP, ensure_schedules

pytestmark = pytest.mark.anyio
OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
FAILURE = "обрыв на Пелагее"


async def client_of(server: Temporal, keys: str) -> Client:
    return await connect(server.address, keys=parse_keys(keys))


async def test_keys_rotate_under_a_living_order(
    engine: Engine,
    database_url: str,
    temporal_server: Temporal,
    task_queue: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """M20: the first worker writes k1; the second writes k2, reads both, and brings the order to its end."""
    before, after = (
        await client_of(temporal_server, f"k1:{OLD}"),
        await client_of(temporal_server, f"k2:{NEW} k1:{OLD}"),
    )
    async with a_house(engine, database_url, before, task_queue, tmp_path) as house:
        customer = a_customer(engine, house.company, prepayment_percent=100)
        order = house.quote(customer, a_product(engine, on_hand="5"), quantity="5")
        await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
        await house.reaches(order, "awaiting_payment")

    with a_mail_server(tmp_path) as (_, mail):
        settings = Settings(
            database_url=database_url, task_queue=task_queue, smtp_port=mail.port, mailbox=str(tmp_path / "mail")
        )
        async with serving(settings, engine, after):
            house = House(engine, after, house.company, house.mailbox, mail, settings)
            assert await fast_forward(house.handle(order), timedelta(days=3))
            await house.command(order, OrderWorkflow.cancel, CancelCommand(house.company.manager, "не нужно"))
            await end_of(house.handle(order))

    history = await house.handle(order).fetch_history()
    keys = [sealed_with(payload) for payload in payloads_of(history)]
    assert set(keys) == {"k1", "k2"}
    assert keys == sorted(keys, key=str), "what the first worker wrote stands before what the second wrote"

    assert await replays(history, f"k2:{NEW} k1:{OLD}") is None
    assert await replays(history, f"k2:{NEW}") is not None
    assert "'k1' cannot be opened" in caplog.text


async def test_a_schedule_is_sealed_anew_so_that_its_key_can_go(temporal_server: Temporal, task_queue: str) -> None:
    """A schedule outlives every history: left under the first key, it would need that key for ever."""
    for keys, sealed in ((f"k1:{OLD}", "k1"), (f"k2:{NEW} k1:{OLD}", "k2"), (f"open k2:{NEW}", None)):
        client = await client_of(temporal_server, keys)
        await ensure_schedules(client, task_queue)
        action: Any = (await client.get_schedule_handle(STOCK_SWEEP).describe()).schedule.action
        assert [sealed_with(argument) for argument in action.args] == [sealed]
    await client.get_schedule_handle(STOCK_SWEEP).delete()


@pytest.mark.parametrize("keys", [f"k1:{OLD}", ""], ids=["sealed", "open"])
async def test_temporals_file_tells_nobody_who_the_people_are(
    keys: str, engine: Engine, database_url: str, task_queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed, it tells nothing. Open, it tells what people and banks wrote and what a failing step says of itself, and
    no other name: which also shows that this search can find something. Either way what is never sealed is clean."""
    monkeypatch.setattr(stock, "_reserve", fails_once(stock._reserve))
    server = Temporal(pick_port(0), log=tmp_path / "temporal.log", database=tmp_path / "temporal.db")
    server.start()
    try:
        client = await client_of(server, keys)
        async with a_house(engine, database_url, client, task_queue, tmp_path) as house:
            await tell_of_named_people(house)
        assert {execution.workflow_type async for execution in client.list_workflows()} == {
            workflow.__name__ for workflow in WORKFLOWS
        }
        bare = await never_sealed(client)
    finally:
        server.stop()
    assert who_cancelled(engine) == NAMES["manager"], "the journal knows who it was"
    stored = everything_in(tmp_path, "temporal.db")
    assert b"OrderWorkflow" in stored
    assert [name for name, text in NAMES.items() if text.encode() in stored] == ([] if keys else list(TYPED))
    assert b"\\u041f\\u0435\\u043b" not in stored, "escaped Cyrillic would hide names from the search"
    assert (FAILURE.encode() in stored) == (not keys)
    assert "RuntimeError" in bare
    assert [name for name, text in NAMES.items() if text in bare] == []


async def never_sealed(client: Client) -> str:
    """What lists show of processes: ids, attributes, memos and summaries; of their steps, ids, summaries and the types
    of failures."""
    told: list[Any] = []
    async for execution in client.list_workflows():
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        info = (await handle.describe()).raw_description
        told += [info.workflow_execution_info, info.execution_config.user_metadata]
        async for event in handle.fetch_history_events():
            told += [event.user_metadata, event.activity_task_scheduled_event_attributes.activity_id]
            failure = event.activity_task_failed_event_attributes.failure
            while failure.ByteSize():
                told.append(failure.application_failure_info.type)
                failure = failure.cause
            started = event.activity_task_started_event_attributes
            told.append(started.last_failure.application_failure_info.type)
    return "\n".join(map(text_of, told))


def text_of(message: Any) -> str:
    """A message of the engine with the letters of its payloads as they are read, not escaped."""
    if isinstance(message, Payload):
        return message.data.decode(errors="replace")
    if not hasattr(message, "ListFields"):
        return str(message)
    found = []
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            found += [f"{key}={text_of(each)}" for key, each in value.items()]
        else:
            found += map(text_of, value if field.is_repeated else [value])
    return "\n".join(found)


def who_cancelled(engine: Engine) -> str:
    with Session(engine) as session:
        return session.exec(select(JournalRow.actor_name).where(JournalRow.event == "cancelled")).one()


def fails_once(step: Callable[..., Any]) -> Callable[..., Any]:
    failed = []

    def fail_first(*arguments: Any) -> Any:
        if not failed:
            failed.append(True)
            raise RuntimeError(FAILURE)
        return step(*arguments)

    return fail_first


def everything_in(home: Path, name: str) -> bytes:
    """The file, its log and every value in it: a text may lie across two pages of the file."""
    found = [path.read_bytes() for path in home.glob(f"{name}*")]
    with closing(sqlite3.connect(home / name)) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                found += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"\0".join(found)


THE_ENGINES_OWN = {("details", "data"), ("details", "patch-data")}
"""What a mark of a step within a task, or of a patch, holds besides the step's result."""


def payloads_of(history: WorkflowHistory) -> list[Payload]:
    """Every payload of the events, in their order, but for what the engine itself notes in its marks."""
    found: list[Payload] = []

    def walk(message: Any) -> None:
        if isinstance(message, Payload):
            found.append(message)
            return
        for field, value in message.ListFields():
            if field.message_type is None or field.name == "search_attributes":
                continue
            several = value
            if field.message_type.GetOptions().map_entry:
                several = [each for name, each in value.items() if (field.name, name) not in THE_ENGINES_OWN]
            for each in several if field.is_repeated else [value]:
                if hasattr(each, "ListFields"):
                    walk(each)

    for event in history.events:
        walk(event)
    return found


async def replays(history: WorkflowHistory, keys: str) -> Exception | None:
    """What stops a replay under these keys."""
    converter = converter_with(parse_keys(keys) if keys else PayloadKeys(), "default")
    replayer = Replayer(workflows=WORKFLOWS, data_converter=converter, workflow_runner=workflow_runner())
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    return result.replay_failure
