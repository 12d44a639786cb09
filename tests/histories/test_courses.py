"""Which commands each workflow gives, and in which order, is kept: whoever changes it is led through a patch."""

import os
from typing import Any

import pytest
from support.courses import course_of
from support.courses_kept import COURSES, RECORD, file_of, is_guarded, objection, record
from temporalio import workflow

from activities.orders import OrderActivities
from activities.stock import StockActivities
from workflows.registry import WORKFLOWS


@pytest.mark.parametrize("process", WORKFLOWS)
def test_a_workflow_gives_the_commands_it_gave(process: type[Any]) -> None:
    if how := os.environ.get(RECORD):
        record(process, how)
    kept = file_of(process)
    assert kept.exists(), f"a new workflow: write its commands down by {RECORD}=1 ./opora test tests/histories"
    objected = objection(process, kept.read_text(encoding="utf-8"))
    assert objected is None, objected


def test_no_course_is_kept_of_a_workflow_that_is_gone() -> None:
    assert {path.stem for path in COURSES.iterdir()} == {process.__name__ for process in WORKFLOWS}


# -- what is noticed --------------------------------------------------------------------------------------------------

NEW = "new-course"


class Process:
    """Reserves, then reminds; the changes below are what people do to it."""

    @workflow.run
    async def run(self) -> None:
        await self._first(StockActivities.reserve_order)
        if self._asked():
            await workflow.wait_condition(self._asked, timeout=5)
        await workflow.execute_activity_method(OrderActivities.remind)

    async def _first(self, step: Any) -> None:
        await workflow.execute_activity_method(step)

    def _asked(self) -> bool:
        return False


KEPT = course_of(Process)


class Renamed(Process):
    """The same commands, from other places."""

    @workflow.run
    async def run(self) -> None:
        await do(StockActivities.reserve_order)
        await self._rest()

    async def _rest(self) -> None:
        if self._asked():
            await self._wait()
        await do(OrderActivities.remind)

    async def _wait(self) -> None:
        await workflow.wait_condition(self._asked, timeout=5)


async def do(step: Any) -> None:
    await workflow.execute_activity_method(step)


class Local(Process):
    """Steps in the worker itself, for everybody."""

    async def _first(self, step: Any) -> None:
        await workflow.execute_local_activity_method(step)


class LocalWhereNew(Process):
    """Steps in the worker itself, for those who begin now."""

    async def _first(self, step: Any) -> None:
        if workflow.patched(NEW):
            await workflow.execute_local_activity_method(step)
            return
        await workflow.execute_activity_method(step)


class Longer(Process):
    async def _first(self, step: Any) -> None:
        await super()._first(step)
        await super()._first(StockActivities.fit_reserve)


class LongerWhereNew(Process):
    async def _first(self, step: Any) -> None:
        await super()._first(step)
        if self._asked() and workflow.patched(NEW):
            await super()._first(StockActivities.fit_reserve)


class Swapped(Process):
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity_method(OrderActivities.remind)
        if self._asked():
            await workflow.wait_condition(self._asked, timeout=5)
        await self._first(StockActivities.reserve_order)


class WithoutTimer(Process):
    @workflow.run
    async def run(self) -> None:
        await self._first(StockActivities.reserve_order)
        if self._asked():
            await workflow.wait_condition(self._asked)
        await workflow.execute_activity_method(OrderActivities.remind)


class PatchedTooLate(Process):
    """The patch is asked for, and the new course is taken without it."""

    async def _first(self, step: Any) -> None:
        workflow.patched(NEW)
        await workflow.execute_local_activity_method(step)


class WithoutOldCourse(Process):
    """Whoever began before has nothing to do at all."""

    async def _first(self, step: Any) -> None:
        if workflow.patched(NEW):
            await workflow.execute_activity_method(step)


class Naming(Process):
    async def _first(self, step: Any) -> None:
        local = workflow.patched(NEW)
        if local:
            await workflow.execute_local_activity_method(step)
        else:
            await workflow.execute_activity_method(step)


class Remembering(Process):
    """The patch is asked for once, when the process begins."""

    def __init__(self) -> None:
        self._local = workflow.patched(NEW)

    async def _first(self, step: Any) -> None:
        if not self._local:
            await workflow.execute_activity_method(step)
        else:
            await workflow.execute_local_activity_method(step)


class Asking(Process):
    async def _first(self, step: Any) -> None:
        if self._is_local():
            await workflow.execute_local_activity_method(step)
        else:
            await workflow.execute_activity_method(step)

    def _is_local(self) -> bool:
        """Whether it began lately."""
        return workflow.patched(NEW)


def test_moving_code_about_changes_nothing() -> None:
    assert KEPT == "run run\n  activity reserve_order\n  if\n    timer\n  activity remind\n"
    assert objection(Renamed, KEPT) is None


@pytest.mark.parametrize("process", [Local, Longer, Swapped, WithoutTimer, PatchedTooLate, WithoutOldCourse])
def test_a_change_that_running_processes_meet_leads_to_a_patch(process: type[Any]) -> None:
    objected = objection(process, KEPT)
    assert objected is not None
    assert process.__name__ in objected
    assert "workflow.patched(" in objected
    assert any(line.startswith(("+", "-")) and "activity" in line for line in objected.splitlines()) or (
        "-    timer" in objected
    )
    assert not is_guarded(process, KEPT)


@pytest.mark.parametrize("process", [LocalWhereNew, LongerWhereNew, Naming, Remembering, Asking])
def test_a_guarded_change_is_only_to_be_written_down(process: type[Any]) -> None:
    objected = objection(process, KEPT)
    assert objected is not None
    assert f"`workflow.patched` ({NEW})" in objected
    assert "would meet" not in objected


def test_what_is_written_down_must_be_guarded(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("support.courses_kept.COURSES", tmp_path)
    path = tmp_path / "Process.txt"
    record(Process, "1")
    assert path.read_text(encoding="utf-8") == KEPT
    for changed in (Local, LocalWhereNew):
        (tmp_path / f"{changed.__name__}.txt").write_text(KEPT, encoding="utf-8")
        record(changed, "1")
    assert (tmp_path / "Local.txt").read_text(encoding="utf-8") == KEPT
    assert (tmp_path / "LocalWhereNew.txt").read_text(encoding="utf-8") == course_of(LocalWhereNew)
    record(Local, "anyway")
    assert (tmp_path / "Local.txt").read_text(encoding="utf-8") == course_of(Local)
