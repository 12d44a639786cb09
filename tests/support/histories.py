"""Recorded histories of workflows: kept in tests/data/histories, replayed against today's code.

One file per course of events: the same sequence of commands and facts is kept once, under a name made from it.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory

HISTORIES = Path(__file__).resolve().parents[1] / "data" / "histories"
CHAOS = "chaos-"
"""Marks the histories of a chaos run."""
RECORD = "OPORA_RECORD_HISTORIES"
"""When this variable is set, tests of workflows write the histories they made."""


async def record(client: Client, task_queue: str) -> None:
    """Write down every workflow of a task queue."""
    async for execution in client.list_workflows(f"TaskQueue = '{task_queue}'"):
        history = await client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history()
        write(execution.workflow_type, history)


def write(workflow_type: str, history: WorkflowHistory, *, mark: str = "") -> None:
    """Keep one history, unless its course of events is known. `mark`: where it comes from, a part of its name."""
    content = json.loads(history.to_json())
    _forget_this_machine(content)
    kind = workflow_type.removesuffix("Workflow").lower()
    course = hashlib.sha256("\n".join(_course(content)).encode()).hexdigest()[:12]
    named = {"workflow_id": history.workflow_id, "history": content}
    text = json.dumps(named, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    HISTORIES.mkdir(parents=True, exist_ok=True)
    if not list(HISTORIES.glob(f"{kind}-*{course}.json")):  # an old recording stands for the processes of its time
        (HISTORIES / f"{kind}-{mark}{course}.json").write_text(text + "\n", encoding="utf-8")


def recorded() -> list[Path]:
    return sorted(HISTORIES.glob("*.json"))


def read(path: Path) -> WorkflowHistory:
    content = json.loads(path.read_text(encoding="utf-8"))
    return WorkflowHistory.from_json(content["workflow_id"], content["history"])


def _course(content: dict[str, Any]) -> Iterator[str]:
    """What happened, without who, when and how much."""
    for event in content["events"]:
        name = event["eventType"]
        if "WORKFLOW_TASK" in name:
            continue
        details = next((value for key, value in event.items() if key.endswith("EventAttributes")), {})
        kind = details.get("activityType", {}).get("name") or details.get("signalName")
        update = details.get("acceptedRequest", {}).get("input", {}).get("name")
        yield f"{name} {kind or update or ''}"


def _forget_this_machine(node: Any) -> None:
    """Workers and clients sign with process and host names."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in {"identity", "binaryChecksum", "stackTrace"}:
                node[key] = ""
            elif key == "taskQueue":
                node[key] = {"name": "opora", "kind": "TASK_QUEUE_KIND_NORMAL"}
            else:
                _forget_this_machine(value)
    elif isinstance(node, list):
        for each in node:
            _forget_this_machine(each)
