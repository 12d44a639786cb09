"""The one workflow runner of worker, tests and replay.

Our own modules pass through the sandbox: they hold no state, and importing them anew for each workflow would cost
a second per start and break the decoding of messages.
"""

from temporalio.worker import WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

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
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
