"""How a process says no."""

from collections.abc import Awaitable
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError


async def refusal(call: Awaitable[Any]) -> str:
    """The code with which an update was refused."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await call
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause.type or ""
