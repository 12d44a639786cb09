"""Commands on money: each runs a short workflow and waits for its answer a little while."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.orders import unnamed
from domain.payments import AllocateCommand, PaymentInput, PaymentOutcome, StatementInput, StatementSummary
from workflows import ids
from workflows.payment import ManualAllocationWorkflow, PaymentWorkflow
from workflows.statement import StatementWorkflow

PATIENCE = timedelta(seconds=8)
"""How long a caller waits for a payment before it is told to look again."""
STATEMENT_PATIENCE = timedelta(seconds=25)
_RPC = timedelta(seconds=5)
_UPLOAD = "upload_id"
"""Memo of a statement's workflow: whose upload it is."""


async def take_payment(temporal: Client, task_queue: str, payment: PaymentInput) -> PaymentOutcome | None:
    """Record and apply a payment; None when there is no answer yet. The same identity runs once at a time."""
    handle = await temporal.start_workflow(
        PaymentWorkflow.run,
        unnamed(payment),
        id=ids.payment_workflow_id(payment.identity),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="Поступление денег",
        rpc_timeout=_RPC,
    )
    return await _answer(handle, PATIENCE)


async def allocate(temporal: Client, task_queue: str, command: AllocateCommand) -> PaymentOutcome | None:
    """Carry out the accountant's decision; None when there is no answer yet.

    Raises:
        WorkflowFailureError: a rule refused; its cause carries the code.
    """
    handle = await temporal.start_workflow(
        ManualAllocationWorkflow.run,
        unnamed(command),
        id=ids.manual_allocation_workflow_id(command.payment_id, command.key),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="Ручное разнесение платежа",
        rpc_timeout=_RPC,
    )
    return await _answer(handle, PATIENCE)


async def import_statement(temporal: Client, task_queue: str, upload: StatementInput) -> StatementSummary | None:
    """Run an upload after any other of the same file, so that each gets its own answer; None when none is there yet.

    A repeat of the upload that ran last, or runs, gets the same answer: callers who grow impatient must not queue up
    behind themselves.
    """
    try:
        async with asyncio.timeout(STATEMENT_PATIENCE.total_seconds()):
            while True:
                last: WorkflowHandle[Any, StatementSummary] = temporal.get_workflow_handle(
                    ids.statement_workflow_id(upload.sha256), result_type=StatementSummary
                )
                if await _is_of(last, upload):
                    return await last.result()
                try:
                    handle = await _start_statement(temporal, task_queue, upload)
                except WorkflowAlreadyStartedError:
                    if not await _is_of(last, upload):
                        await asyncio.gather(last.result(), return_exceptions=True)
                    continue
                return await handle.result()
    except TimeoutError:
        return None


async def _is_of(run: WorkflowHandle[Any, StatementSummary], upload: StatementInput) -> bool:
    """Whether the newest run of a file was begun for this very upload, and has an answer or will have one."""
    try:
        found = await run.describe(rpc_timeout=_RPC)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    answers = {WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED}
    return found.status in answers and await found.memo_value(_UPLOAD, None) == upload.upload_id


async def _start_statement(
    temporal: Client, task_queue: str, upload: StatementInput
) -> WorkflowHandle[StatementWorkflow, StatementSummary]:
    return await temporal.start_workflow(
        StatementWorkflow.run,
        unnamed(upload),
        id=ids.statement_workflow_id(upload.sha256),
        task_queue=task_queue,
        memo={_UPLOAD: upload.upload_id},
        static_summary="Банковская выписка",
        rpc_timeout=_RPC,
    )


async def _answer(handle: WorkflowHandle[Any, PaymentOutcome], patience: timedelta) -> PaymentOutcome | None:
    try:
        async with asyncio.timeout(patience.total_seconds()):
            return await handle.result()
    except TimeoutError:
        return None
