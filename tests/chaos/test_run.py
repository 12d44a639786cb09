"""`./opora chaos` as a person runs it, in a small way; and that it sees what is broken on purpose."""

import asyncio
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from support.histories import CHAOS, RECORD, write
from support.patience import wait_until
from support.stack import LAUNCHER, opora
from temporalio.api.enums.v1 import WorkflowTaskFailedCause as Cause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent, WorkflowTaskFailedEventAttributes
from temporalio.client import WorkflowHistory

from cli.chaos import engine
from cli.chaos import run as chaos
from cli.chaos.engine import noting_failures
from cli.chaos.plan import make_plan
from cli.chaos.stack import ChaosStack
from cli.chaos.stories import Told
from cli.demo.door import Door
from workflows.client import connect

_RECORDED = 20
GATE = ("--seed", "11", "--orders", "15", "--kills", "4")


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_fifteen_orders_live_through_four_kills(tmp_path: Path) -> None:
    file = tmp_path / "chaos.json"
    ended = opora("chaos", *GATE, "--json", file, env={"COLUMNS": "200"}, timeout=400)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Хаос, зерно 11" in ended.stdout
    assert "Ничего не потеряно, не задвоено, не нарушено и не застряло." in ended.stdout
    report = json.loads(file.read_text())
    assert report["clean"]
    assert (report["seed"], report["orders"], report["kills"]) == (11, 15, 4)
    planned = [fault.target for fault in make_plan(11, 15, 4).faults if fault.verb == "kill"]
    assert [fault["target"] for fault in report["faults"] if fault["verb"] == "kill"] == planned
    assert report["snapshots"] > 10
    assert report["commands"] > 15
    assert report["recovery"], "every killed part answered again"
    assert report["settled"] is not None
    assert report["histories"] > 15, "told again, and each as it was"


@pytest.mark.matrix
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_lost_idempotency_rows_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys that callers repeat their commands under are forgotten at once: their orders come twice."""
    plan, over = make_plan(2, 12, 0), threading.Event()
    fill = chaos._fill

    def then_forget(plan: Any, stack: ChaosStack, data: Any) -> dict[str, str]:
        buyers = fill(plan, stack, data)
        threading.Thread(target=_forget_keys, args=[stack.database, over], daemon=True).start()
        return buyers

    monkeypatch.setattr(chaos, "_fill", then_forget)
    monkeypatch.setattr(chaos, "SETTLES_WITHIN", 10.0)
    said: list[str] = []
    try:
        outcome = chaos.run(plan, said.append)
    finally:
        over.set()
    assert not outcome.clean
    assert any(finding.startswith("заказ: chaos-") for finding in outcome.doubled), outcome
    assert any("при повторе" in finding for finding in outcome.violated), outcome


def _forget_keys(database: str, over: threading.Event) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        while not over.wait(0.002):
            try:
                connection.execute("DELETE FROM idempotency_key")
            except psycopg.OperationalError:
                return


@pytest.mark.skipif(RECORD not in os.environ, reason=f"writes files of the replay gate, with {RECORD} set")
@pytest.mark.timeout(600)
def test_the_longest_histories_of_a_run_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests/histories replays from then on: processes of killed workers and lost answers."""
    kept: list[WorkflowHistory] = []

    async def keeping(histories: AsyncIterator[WorkflowHistory], found: list[str]) -> AsyncIterator[WorkflowHistory]:
        async for history in noting_failures(histories, found):
            kept.append(history)
            yield history

    monkeypatch.setattr(engine, "noting_failures", keeping)
    outcome = chaos.run(make_plan(12, 100, 10), print)
    assert outcome.clean, outcome
    for history in sorted(kept, key=lambda each: len(each.events), reverse=True)[:_RECORDED]:
        started = history.events[0].workflow_execution_started_event_attributes
        write(started.workflow_type.name, history, mark=CHAOS)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    place = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    output = tmp_path / "out"
    with output.open("wb") as sink:
        process = subprocess.Popen([str(LAUNCHER), "chaos", *GATE], stdout=sink, stderr=sink, env=place,
                                   start_new_session=True)  # fmt: skip
    try:
        wait_until(lambda: "Зерно 11" in output.read_text(), 90, output.read_text)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
    finally:
        process.kill()
    assert not list(tmp_path.glob("opora-chaos-*"))
    wait_until(lambda: not _ours(tmp_path))


def _ours(place: Path) -> list[str]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(place) in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


def test_a_run_in_which_nothing_came_about_is_not_clean() -> None:
    plan = make_plan(3, 40, 0)
    shipping = sum("ship" in {step.do for step in story.steps} for story in plan.stories)
    enough = Told(left=Counter({"credit: closed": shipping // 8, "prepaid: shipped": shipping // 8 + 2}))
    assert list(chaos._too_little(plan, enough, looks=30, seconds=90)) == []
    refused = Told(left=Counter({"credit: checking": shipping, "credit: closed": shipping // 4 - 1}))
    assert list(chaos._too_little(plan, refused, looks=30, seconds=90)) == [
        f"мало отгружено: заказов {shipping // 4 - 1} из {shipping}"
    ]
    assert list(chaos._too_little(plan, enough, looks=29, seconds=90)) == ["мало снимков: 29 за 90 с"]


@pytest.mark.anyio
async def test_a_workflow_task_that_failed_is_told_even_if_it_healed() -> None:
    broken = Cause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE

    def failed(cause: "Cause.ValueType", message: str = "KeyError") -> HistoryEvent:
        failure = Failure(message=message)
        return HistoryEvent(workflow_task_failed_event_attributes=WorkflowTaskFailedEventAttributes(
            cause=cause, failure=failure))  # fmt: skip

    async def some() -> AsyncIterator[WorkflowHistory]:
        yield WorkflowHistory("order/1", [HistoryEvent(), failed(Cause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND)])
        yield WorkflowHistory("order/2", [failed(broken)])
        for name, times in (("order/3", 2), ("order/4", 3)):
            yield WorkflowHistory(name, [failed(broken, "[TMPRL1101] Potential deadlock detected")] * times)

    found: list[str] = []
    told = [each.workflow_id async for each in noting_failures(some(), found)]
    assert told == ["order/1", "order/2", "order/3", "order/4"]
    assert [each.partition(":")[0] for each in found] == ["order/2", *["order/4"] * 3]
    assert found[0] == "order/2: WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE KeyError"


@pytest.mark.matrix
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_clock_that_nobody_followed_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders that nobody pays for are told that their clocks were moved, and are not: the reserve never ends."""
    plan = make_plan(5, 200, 0)
    unpaid = [replace(story, number=number, at=number / 10) for number, story in enumerate(
        story for story in plan.stories if story.kind == "unpaid")][:2]  # fmt: skip
    assert unpaid
    monkeypatch.setattr(Door, "move_to", lambda _, __, target: target)
    monkeypatch.setattr(chaos, "SETTLES_WITHIN", 8.0)
    outcome = chaos.run(replace(plan, stories=tuple(unpaid), trucks=(), span=6.0), lambda _: None)
    assert any(finding.startswith("срок ожидания вышел, а ничего не случилось") for finding in outcome.stuck), outcome


@pytest.mark.matrix
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_the_watchdog_has_to_mend_at_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """When all has settled, the process of an order is terminated."""
    plan, settle = make_plan(5, 30, 0), chaos._settle
    quotes = [replace(story, number=number, at=0.0, steps=story.steps[:1]) for number, story in enumerate(
        story for story in plan.stories if story.kind == "credit")][:2]  # fmt: skip

    def then_terminate(stack: ChaosStack, *others: Any) -> float | None:
        settled = settle(stack, *others)
        asyncio.run(_terminate_an_order(stack))
        return settled

    monkeypatch.setattr(chaos, "_settle", then_terminate)
    outcome = chaos.run(replace(plan, stories=tuple(quotes), trucks=(), span=6.0), lambda _: None)
    assert "сверка исправила: 1" in outcome.violated, outcome


async def _terminate_an_order(stack: ChaosStack) -> None:
    client = await connect(stack.temporal)
    running = [each async for each in client.list_workflows("ExecutionStatus = 'Running'")]
    order = next(each.id for each in running if each.id.startswith("order/"))
    await client.get_workflow_handle(order).terminate()


def test_it_says_what_it_does() -> None:
    said = opora("chaos", "--help", env={"COLUMNS": "120"}).stdout
    for word in ("--seed", "--orders", "--kills", "--json", "kill -9", "зерно"):
        assert word in said


def test_a_directory_that_is_not_empty_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    refused = opora("chaos", "--orders", "1", "--kills", "0", "--data", tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.strip() == f"Каталог {tmp_path} не пуст: укажите новый."


def test_the_passing_directory_is_a_temporary_one() -> None:
    with chaos._directory(None) as data:
        assert str(data.path).startswith(tempfile.gettempdir())
        home = data.path.parent
        assert home.exists()
    assert not home.exists()
