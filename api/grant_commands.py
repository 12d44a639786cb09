"""The process of a change of credit: started after the commit, told of decisions, caught up with at the next start."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.lives import unfinished_grants
from api.nudges import keep_trying
from domain.grant_life import GrantInput
from domain.limits import GrantKind
from workflows import ids
from workflows.grant import CreditGrantWorkflow

logger = logging.getLogger("opora.api")

_AT_ONCE = timedelta(seconds=2)


def grant_input(row: CreditGrantRow, *, now: datetime) -> GrantInput:
    return GrantInput(str(row.id), GrantKind(row.kind), str(row.customer_id), now)


def unfinished(session: Session, *, now: datetime) -> list[GrantInput]:
    """What starts each change that has something left to happen."""
    return [grant_input(each, now=now) for each in session.exec(unfinished_grants())]


async def watch_grants(temporal: Client, task_queue: str, grants: Iterable[GrantInput]) -> None:
    """Start the process of each change, or tell the one that runs to look again; a silent Temporal is tried again in
    the background."""
    for grant in grants:
        await keep_trying(_start(temporal, task_queue, grant), ids.grant_workflow_id(grant.grant_id))


async def catch_up_grants(engine: Engine, temporal: Client, task_queue: str) -> None:
    """Start what a process that was killed after its commit left unstarted; once, at the start of the API."""
    try:
        grants = await run_in_threadpool(_unfinished, engine)
    except SQLAlchemyError as error:
        logger.warning("no catching up with limits: %s", type(error).__name__)
        return
    await watch_grants(temporal, task_queue, grants)


def _unfinished(engine: Engine) -> list[GrantInput]:
    with Session(engine) as session:
        return unfinished(session, now=datetime.now(UTC))


def _start(temporal: Client, task_queue: str, grant: GrantInput) -> Callable[[], Awaitable[object]]:
    async def start() -> object:
        try:
            return await temporal.start_workflow(
                CreditGrantWorkflow.run,
                grant,
                id=ids.grant_workflow_id(grant.grant_id),
                task_queue=task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                start_signal="changed",
                static_summary="Изменение лимита",
                rpc_timeout=_AT_ONCE,
            )
        except WorkflowAlreadyStartedError:
            return None

    return start
