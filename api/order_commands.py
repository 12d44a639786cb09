"""Commands on an order: updates of its workflow, started first when it does not run yet."""

import asyncio
import contextlib
import functools
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.persistence import approvals, lives
from activities.persistence.order_tables import OrderRow
from api.errors import refused
from api.idempotency import Answer, Idempotency
from api.nudges import keep_trying
from domain.errors import DomainError, QuoteExpiredError, WrongStateError
from domain.orders import OrderInput, OrderStatus, unnamed
from workflows import ids
from workflows.order import OrderWorkflow

PATIENCE = timedelta(seconds=8)
"""How long a caller waits for the answer before it is told to look again."""


async def start_order(temporal: Client, task_queue: str, order: OrderInput) -> None:
    """Start the order's workflow; one that runs is left alone."""
    with contextlib.suppress(WorkflowAlreadyStartedError):
        await temporal.start_workflow(
            OrderWorkflow.run,
            order,
            id=ids.order_workflow_id(order.order_id),
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            static_summary=f"Заказ {order.number}",
            search_attributes=_attributes(order),
            rpc_timeout=timedelta(seconds=3),
        )


async def start_quote(temporal: Client, task_queue: str, quotes: Iterable[OrderInput]) -> None:
    """Start the workflow of a fresh quote, in the background while Temporal is silent."""
    for quote in quotes:
        start = functools.partial(start_order, temporal, task_queue, quote)
        await keep_trying(start, ids.order_workflow_id(quote.order_id))


async def written_before(once: Idempotency, answer: Answer) -> list[OrderInput]:
    """The quote of a repeated call, unless it has moved on: whoever wrote it may have been killed before starting its
    workflow."""

    def read() -> list[OrderInput]:
        with Session(once.engine) as session:
            order = session.get_one(OrderRow, UUID(answer.body["id"]))
            return [lives.order_input(order, now=once.now)] if order.status == OrderStatus.QUOTED else []

    return await run_in_threadpool(read)


async def command(
    temporal: Client, engine: Engine, task_queue: str, order: OrderInput, update: Any, argument: Any, *, update_id: str
) -> Any:
    """Send a command to the order's workflow and await its answer; the same `update_id` is the same command.

    Raises:
        WorkflowUpdateRPCTimeoutOrCancelledError: no answer yet; the command goes on.
        DomainError: the order has ended; the refusal says how.
        WorkflowUpdateFailedError: the workflow refused; its cause carries the code.
    """
    start = WithStartWorkflowOperation(
        OrderWorkflow.run,
        order,
        id=ids.order_workflow_id(order.order_id),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        static_summary=f"Заказ {order.number}",
        search_attributes=_attributes(order),
    )
    try:
        return await temporal.execute_update_with_start_workflow(
            update, unnamed(argument), start_workflow_operation=start, id=update_id, rpc_timeout=PATIENCE
        )
    except WorkflowAlreadyStartedError:
        return await _earlier_answer(temporal, engine, UUID(order.order_id), update, update_id)
    finally:
        with contextlib.suppress(Exception):
            # Reads the outcome of the start so that it is not reported as lost; a call that never reached the
            # server leaves it open for ever.
            await asyncio.wait_for(start.workflow_handle(), 0.05)


async def _earlier_answer(temporal: Client, engine: Engine, order_id: UUID, update: Any, update_id: str) -> Any:
    """What this very command was answered while the order lived: its caller never heard it, or asks once more.

    Raises:
        DomainError: it never came to the order; the refusal says how the order ended.
    """
    ended = temporal.get_workflow_handle(ids.order_workflow_id(str(order_id)))
    try:
        return await ended.get_update_handle_for(update, update_id).result(rpc_timeout=PATIENCE)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    raise await run_in_threadpool(_why_ended, engine, order_id, update.__name__)


def _why_ended(engine: Engine, order_id: UUID, command_name: str) -> DomainError:
    with Session(engine) as session:
        return why_ended(session, order_id, command_name)


def why_ended(session: Session, order_id: UUID, command_name: str) -> DomainError:
    """The refusal a command on an ended order deserves (D4-8, D4-9, D6-1)."""
    order = session.get_one(OrderRow, order_id)
    late = approvals.late_answer(session, order_id) if command_name == "answer_approval" else None
    if late is not None:
        return refused(*late)
    if order.status == OrderStatus.EXPIRED:
        return QuoteExpiredError(valid_until=order.quote_valid_until.isoformat())
    return WrongStateError(status=order.status, command=command_name)


def _attributes(order: OrderInput) -> TypedSearchAttributes:
    """Set at the start, so that lists can be filtered before the first step; no personal data."""
    pairs = [ids.CUSTOMER, ids.MANAGER, ids.STATUS]
    values = [order.customer_id, order.manager_id, order.state.status]
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in zip(pairs, values, strict=True)])
