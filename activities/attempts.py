"""A step that was tried too often is written down for the watchdog: the engine's lists do not tell of it (W3)."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.persistence.discrepancies import get_on, suspect
from domain.watch import MOST_ATTEMPTS, Finding, Kind


class AttemptWatch(Interceptor):
    """Notes every activity at each tenth attempt from `MOST_ATTEMPTS` on, whether it fails or hangs; a step within a
    workflow task at each one, and when it is over: whether it is still tried shows nowhere else."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Noting(next, self._engine)


class _Noting(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, engine: Engine) -> None:
        super().__init__(next)
        self._engine = engine

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        if info.attempt < MOST_ATTEMPTS or not (info.is_local or info.attempt % 10 == 0):
            return await super().execute_activity(input)
        kind = Kind.OWN_STEP if info.is_local else Kind.MANY_ATTEMPTS
        tried = f"{info.workflow_id}#{info.activity_type}"
        finding = Finding(kind, tried, f"fewer than {MOST_ATTEMPTS}", str(info.attempt))
        await asyncio.to_thread(self._note, finding, suspect, info.started_time)
        try:
            result = await super().execute_activity(input)
        except ApplicationError as error:
            if info.is_local and error.non_retryable:  # an answer, too: the process goes on with it
                await asyncio.to_thread(self._note, finding, get_on, info.started_time)
            raise
        if info.is_local:
            await asyncio.to_thread(self._note, finding, get_on, info.started_time)
        return result

    def _note(self, finding: Finding, write: Callable[..., None], at: datetime) -> None:
        try:
            with Session(self._engine) as session, session.begin():
                write(session, finding, at=at)
        except SQLAlchemyError:
            activity.logger.warning("not written down: %s, attempt %s", finding.object, finding.found)
