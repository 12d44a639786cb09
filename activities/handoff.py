"""Starting and signalling neighbouring workflows, idempotently by their ids."""

from functools import partial

from temporalio import activity
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from activities.temporal_view import few_at_once, tell
from domain.invoicing import InvoiceInput


class HandoffActivities:
    """Activities of the business that speak to Temporal itself."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client = client
        self._task_queue = task_queue

    @activity.defn
    async def signal_workflows(self, workflow_ids: list[str], signal: str) -> None:
        """Tell workflows that something changed and they should look again; one that has ended needs no telling."""
        await few_at_once(partial(tell, self._client, workflow_id, signal) for workflow_id in workflow_ids)

    @activity.defn
    async def start_invoices(self, invoices: list[InvoiceInput]) -> None:
        """Start the process that watches each schedule line; one that runs or has ended is left alone."""
        await few_at_once(partial(self._start_invoice, invoice) for invoice in invoices)

    async def _start_invoice(self, invoice: InvoiceInput) -> None:
        try:
            await self._client.start_workflow(
                "InvoiceWorkflow",
                invoice,
                id=f"invoice/{invoice.schedule_line_id}",
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                static_summary=f"Счёт {invoice.invoice_number}",
            )
        except WorkflowAlreadyStartedError:
            return
