"""Where processes let go of their worker: the places in the source, and what of them a story came to.

Whatever a workflow awaits of the engine stands there as `await workflow.…(…)`, and the turn of one of its own steps,
while another has it, as `await ….acquire()`; the turns of commands (`async with`) are not told apart. Those functions
are wrapped: they write down who awaits, of which kind of process, and with which reason to wait on show.
"""

import ast
import asyncio
import functools
import sys
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from temporalio import workflow

from workflows import ids

WORKFLOWS = Path(ids.__file__).parent
_TURN = "acquire"
OLDER_COURSES = {"own_steps.own_step: execute_activity_method"}
"""Only processes that began before a patch come there; `tests/histories` reads those back from recorded histories."""


@dataclass(frozen=True, slots=True)
class Site:
    """An `await` of the engine or of a turn: its name, for people, its lines, and what it calls."""

    name: str
    file: str
    lines: range
    calls: str


@functools.cache
def sites() -> tuple[Site, ...]:
    """Every one in the source of the workflows."""
    return tuple(site for path in sorted(WORKFLOWS.glob("*.py")) for site in sites_in(path.stem, path.read_text()))


def sites_in(file: str, source: str) -> list[Site]:
    """Every one in a text; a function that awaits the same twice has them numbered."""
    found: list[Site] = []
    seen: dict[str, int] = {}

    def walk(node: ast.AST, function: str) -> None:
        for child in ast.iter_child_nodes(node):
            called = _called(child)
            if called is not None:
                name = f"{file}.{function}: {called.func.attr}"  # type: ignore[attr-defined]
                seen[name] = seen.get(name, 0) + 1
                number = f" {seen[name]}" if seen[name] > 1 else ""
                lines = range(called.lineno, (called.end_lineno or called.lineno) + 1)
                found.append(Site(name + number, file, lines, called.func.attr))  # type: ignore[attr-defined]
            inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
            walk(child, inner)

    walk(ast.parse(source), "")
    return found


def _called(node: ast.AST) -> ast.Call | None:
    """The call of the engine, or of a turn, that is awaited here, if one is."""
    match node:
        case ast.Await(value=ast.Call(func=ast.Attribute(value=ast.Name(id="workflow"))) as call):
            return call
        case ast.Await(value=ast.Call(func=ast.Attribute(attr=called)) as call) if called == _TURN:
            return call
    return None


@dataclass
class Met:
    """What the processes of a story came to.

    Attributes:
        sites: what they awaited.
        left: what they awaited in some task and went on from in a later one, by the run of the process.
        read_back: what they awaited while a worker that had forgotten them read their history, likewise.
        kinds: names of the workflows.
        reasons: what they showed as the reason of a wait that did not end at once.
    """

    sites: set[str] = field(default_factory=set)
    left: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    read_back: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    kinds: set[str] = field(default_factory=set)
    reasons: set[str] = field(default_factory=set)
    _on_show: dict[str, str] = field(default_factory=dict)
    _task: dict[str, tuple[int, set[str]]] = field(default_factory=dict)

    @property
    def not_read_back(self) -> set[str]:
        """Where a process was left by its worker, and went on without being read back. What its last task awaits, too,
        does not count: the task may have been given out twice, and nothing came after it."""
        return {site for run, left in self.left.items() for site in left - self.read_back[run] - self._task[run][1]}

    def awaits(self, caller: FrameType, condition: Callable[[], bool] | None) -> None:
        """A process awaits something; a condition, or an event of the engine."""
        info, file = workflow.info(), Path(caller.f_code.co_filename).stem
        here = {site.name for site in sites() if site.file == file and caller.f_lineno in site.lines}
        self.kinds.add(info.workflow_type)
        self.sites |= here
        if workflow.unsafe.is_replaying():
            self.read_back[info.run_id] |= here
        else:
            self._in_task(info.run_id, info.get_current_history_length(), here)
        if condition is not None and not condition():
            self.reasons |= {self._on_show[info.run_id]} if info.run_id in self._on_show else set()

    def _in_task(self, run: str, begins: int, here: set[str]) -> None:
        """A task is known by the event that its process has seen last."""
        began, awaited = self._task.setdefault(run, (begins, set()))
        if begins != began:
            self.left[run] |= awaited
            self._task[run] = (begins, here)
        else:
            awaited |= here

    def shows(self, updates: Any) -> None:
        """A process is listed anew."""
        for each in updates:
            if each.key == ids.WAITING:
                self._on_show[workflow.info().run_id] = each.value


_met: dict[str, Met] = {}


@contextmanager
def noted(task_queue: str) -> Iterator[Met]:
    """Write down what the processes of a task queue come to."""
    met = _met[task_queue] = Met()
    try:
        yield met
    finally:
        del _met[task_queue]


def _noting(called: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def noting(*args: Any, **kwargs: Any) -> Any:
        met = _met.get(workflow.info().task_queue)
        if met is not None and called == "upsert_search_attributes":
            met.shows(*args)
        elif met is not None:
            met.awaits(sys._getframe(1), args[0] if called == "wait_condition" else None)
        return function(*args, **kwargs)

    return noting


def _noting_a_turn(lock: asyncio.Lock) -> Coroutine[Any, Any, Literal[True]]:
    met = _met.get(workflow.info().task_queue) if lock.locked() and workflow.in_workflow() else None
    if met is not None:
        met.awaits(sys._getframe(1), None)
    return _acquire(lock)


_acquire = asyncio.Lock.acquire
setattr(asyncio.Lock, _TURN, _noting_a_turn)
for _name in {site.calls for site in sites()} - {_TURN} | {"upsert_search_attributes"}:
    setattr(workflow, _name, _noting(_name, getattr(workflow, _name)))
