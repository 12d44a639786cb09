"""Processes that began under earlier code go on under today's: every recorded history replays."""

import re
import socket
from collections.abc import AsyncIterator

import pytest
from support.histories import read, recorded
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from workflows.converter import data_converter
from workflows.registry import WORKFLOWS
from workflows.sandbox import workflow_runner

KINDS = {"order", "invoice", "payment", "statement"}


@pytest.mark.anyio
async def test_every_recorded_history_replays() -> None:
    files = {read(path).run_id: path.name for path in recorded()}

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for path in recorded():
            yield read(path)

    replayer = Replayer(workflows=WORKFLOWS, data_converter=data_converter, workflow_runner=workflow_runner())
    results = await replayer.replay_workflows(histories(), raise_on_replay_failure=False)
    failed = {files[run_id]: str(error).partition("\n")[0] for run_id, error in results.replay_failures.items()}
    assert not failed, "running processes would break; see «A change of a workflow» in CONTRIBUTING.md"


def test_every_kind_of_process_is_recorded() -> None:
    assert {path.stem.partition("-")[0] for path in recorded()} >= KINDS


def test_they_tell_nothing_about_the_machine_they_were_recorded_on() -> None:
    for path in recorded():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'"(identity|stackTrace)":"[^"]', text), path.name
        assert socket.gethostname() not in text, path.name


@workflow.defn(name="OrderWorkflow")
class Reordered:
    """An order whose first command is another one than it used to be."""

    @workflow.run
    async def run(self, order: object) -> str:
        await workflow.sleep(60)
        return "closed"


@pytest.mark.anyio
async def test_a_change_of_commands_is_noticed() -> None:
    replayer = Replayer(
        workflows=[Reordered], data_converter=data_converter, workflow_runner=UnsandboxedWorkflowRunner()
    )
    path = next(path for path in recorded() if path.stem.startswith("order-"))
    result = await replayer.replay_workflow(read(path), raise_on_replay_failure=False)
    assert result.replay_failure is not None
