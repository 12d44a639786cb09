"""The one workflow runner of worker, tests and replay.

Our own modules pass through the sandbox: they hold no state, and importing them anew for each workflow would cost
a second per start and break the decoding of messages.
"""

from typing import Any

from temporalio.converter import SerializationContext, StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

PASSED_THROUGH: tuple[str, ...] = (
    "domain",
    "activities",
    "workflows",
    "pydantic",
    "pydantic_core",
    "sqlmodel",
    "sqlalchemy",
    "psycopg",
)


def workflow_runner() -> WorkflowRunner:
    """A sandboxed runner that imports our packages once."""
    return _PlainRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


class _PlainRunner(SandboxedWorkflowRunner):
    """Runs workflows whose messages are read and written the same, whoever they are of.

    The engine asks three or four times for each message which workflow and command it belongs to, for converters that
    want to know. Ours does not, and the sandbox compiles a piece of code for each answer: a fifth of a worker's Python.
    """

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _PlainInstance(super().create_instance(det))


class _PlainInstance(WorkflowInstance):
    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance = instance

    def activate(self, act: Any) -> Any:
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:  # noqa: ARG002
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:  # noqa: ARG002
        return StorageDriverStoreContext(target=None)

    def get_info(self) -> Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()
