"""The product's own worker process, which serves the engine's measure beside the product's workflows.

Both sides of a comparison run in it, so that caches, slots, sandbox and loaded modules are the same. The measure passes
through the sandbox as our own modules do.
"""

import runpy
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine
from temporalio.client import Client

from activities import wiring
from activities.settings import Settings
from bench.reference import ReferenceActivities, ReferenceOrder, ReferencePlacing
from bench.waiting import WaitingWorkflow
from cli.local.data import ROOT
from workflows import registry, sandbox

_build = wiring.build_activities


def _with_reference(settings: Settings, engine: Engine, client: Client) -> list[Callable[..., Any]]:
    return [*_build(settings, engine, client), *wiring.activities_of(ReferenceActivities(engine))]


if __name__ == "__main__":
    registry.WORKFLOWS = (*registry.WORKFLOWS, WaitingWorkflow, ReferenceOrder, ReferencePlacing)
    setattr(wiring, "build_activities", _with_reference)  # noqa: B010 - another form of the same list
    sandbox.PASSED_THROUGH = (*sandbox.PASSED_THROUGH, "bench")
    runpy.run_path(str(ROOT / "worker.py"), run_name="__main__")
