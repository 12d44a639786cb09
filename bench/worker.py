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
from bench.course import CourseActivities, CourseInvoice, CourseOrder
from bench.reference import ReferenceActivities, ReferenceOrder, ReferencePlacing
from bench.waiting import WaitingWorkflow
from cli.local.data import ROOT
from workflows import registry, sandbox

_build = wiring.build_activities


def _with_reference(settings: Settings, engine: Engine, client: Client) -> list[Callable[..., Any]]:
    measures = (ReferenceActivities(engine), CourseActivities(client))
    return [*_build(settings, engine, client), *(each for one in measures for each in wiring.activities_of(one))]


if __name__ == "__main__":
    measured = (WaitingWorkflow, ReferenceOrder, ReferencePlacing, CourseOrder, CourseInvoice)
    registry.WORKFLOWS = (*registry.WORKFLOWS, *measured)
    setattr(wiring, "build_activities", _with_reference)  # noqa: B010 - another form of the same list
    sandbox.PASSED_THROUGH = (*sandbox.PASSED_THROUGH, "bench")
    runpy.run_path(str(ROOT / "worker.py"), run_name="__main__")
