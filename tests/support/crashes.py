"""Workers that die at a chosen moment of an activity, and what they met on their way.

The fast form of a crash: the attempt ends where it stands, its open transaction is lost, its answer is never heard,
and another attempt follows at once. `tests/crashes/test_killed_workers.py` holds it against real processes.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import temporalio.client
import temporalio.worker
from sqlalchemy import event
from sqlmodel import Session
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

BEFORE, ANSWER = "before", "answer"
"""Nothing is done yet; all is done and the engine has not heard of it."""
COMMIT, COMMITTED = "commit", "committed"
"""A transaction is about to be committed, or has just been."""
CALL, WRITING, TAKEN, CALLED = "call", "writing", "taken", "called"
"""Another system is about to be called, or has just answered. Between them, for a mail server: half of a letter is on
its way; the server has the letter and its answer is not read."""
MOMENTS = (BEFORE, COMMIT, COMMITTED, CALL, WRITING, TAKEN, CALLED, ANSWER)


class CrashError(BaseException):
    """The worker is gone: nothing that tidies up after errors may run."""


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """Where a worker can die: the n-th execution of an activity in a story, and a moment of it."""

    activity: str
    execution: int
    moment: str

    def __str__(self) -> str:
        return f"{self.activity}#{self.execution}@{self.moment}"


@dataclass
class Attempt:
    """One attempt of one execution, as it goes."""

    crashes: "Crashes"
    activity: str
    execution: int
    number: int
    most: int | None
    reached: Counter[str] = field(default_factory=Counter)

    def reach(self, moment: str, *, counted: bool = False) -> None:
        """Come to a moment, and live through it or not; counted ones come more than once: `commit 2`."""
        self.reached[moment] += 1
        name = f"{moment} {self.reached[moment]}" if counted else moment
        self.crashes.meet(self, Point(self.activity, self.execution, name))


Strikes = Callable[[Attempt, Point], bool]
_attempt: ContextVar[Attempt | None] = ContextVar("attempt", default=None)


def never(attempt: Attempt, point: Point) -> bool:
    return False


def once_at(wanted: Point) -> Strikes:
    """One crash in the whole story."""
    return lambda attempt, point: attempt.number == 1 and point == wanted


def everywhere() -> Strikes:
    """Every execution is lost at every moment it comes to, one attempt after another; the last attempt it has lives."""
    struck: set[Point] = set()

    def strikes(attempt: Attempt, point: Point) -> bool:
        if point in struck or attempt.number == attempt.most:
            return False
        struck.add(point)
        return True

    return strikes


class Crashes(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    """Belongs to a client and so to its workers.

    Attributes:
        points: every moment that a first attempt came to, in order.
        struck: where workers died.
        workflows: ids of the processes that did anything.
    """

    def __init__(self, strikes: Strikes = never, die: Callable[[], None] | None = None) -> None:
        self._strikes = strikes
        self._die = die
        self._executions: Counter[str] = Counter()
        self._known: dict[tuple[str | None, str], int] = {}
        self.points: list[Point] = []
        self.struck: list[Point] = []
        self.workflows: set[str] = set()

    def on(self, client: Client) -> Client:
        """The same connection, with crashes."""
        return Client(**{**client.config(), "interceptors": [*client.config()["interceptors"], self]})

    @property
    def driven(self) -> set[str]:
        return {point.activity for point in self.points}

    def begin(self, info: activity.Info) -> Attempt:
        key = info.workflow_run_id, info.activity_id
        if key not in self._known:
            self._executions[info.activity_type] += 1
            self._known[key] = self._executions[info.activity_type]
        self.workflows.add(info.workflow_id or "")
        most = info.retry_policy.maximum_attempts if info.retry_policy else 0
        return Attempt(self, info.activity_type, self._known[key], info.attempt, most or None)

    def meet(self, attempt: Attempt, point: Point) -> None:
        if attempt.number == 1:
            self.points.append(point)
        if self._strikes(attempt, point):
            self.struck.append(point)
            if self._die:
                self._die()
            raise CrashError(str(point))

    def intercept_activity(
        self, next: temporalio.worker.ActivityInboundInterceptor
    ) -> temporalio.worker.ActivityInboundInterceptor:
        return _Mortal(next, self)

    def intercept_client(self, next: temporalio.client.OutboundInterceptor) -> temporalio.client.OutboundInterceptor:
        return _Calls(next)


class _Mortal(temporalio.worker.ActivityInboundInterceptor):
    def __init__(self, next: temporalio.worker.ActivityInboundInterceptor, crashes: Crashes) -> None:
        super().__init__(next)
        self._crashes = crashes

    async def execute_activity(self, input: temporalio.worker.ExecuteActivityInput) -> Any:
        attempt = self._crashes.begin(activity.info())
        try:
            with dying(attempt):
                attempt.reach(BEFORE)
                answer = await super().execute_activity(input)
                attempt.reach(ANSWER)
        except CrashError as crash:
            raise ApplicationError(
                str(crash),
                type="Crash",
                next_retry_delay=timedelta(milliseconds=5),
                category=ApplicationErrorCategory.BENIGN,
            ) from None
        return answer


class _Calls(temporalio.client.OutboundInterceptor):
    """Calls of Temporal that an activity makes."""

    async def signal_workflow(self, input: temporalio.client.SignalWorkflowInput) -> None:
        reach(CALL)
        await super().signal_workflow(input)
        reach(CALLED)

    async def start_workflow(self, input: temporalio.client.StartWorkflowInput) -> Any:
        reach(CALL)
        handle = await super().start_workflow(input)
        reach(CALLED)
        return handle


@contextmanager
def dying(attempt: Attempt) -> Iterator[None]:
    """What runs here belongs to an attempt."""
    token = _attempt.set(attempt)
    try:
        yield
    finally:
        _attempt.reset(token)


def reach(moment: str) -> None:
    """Come to a moment of the attempt that runs here, if any does."""
    attempt = _attempt.get()
    if attempt is not None:
        attempt.reach(moment, counted=True)


event.listen(Session, "before_commit", lambda session: reach(COMMIT))
event.listen(Session, "after_commit", lambda session: reach(COMMITTED))
