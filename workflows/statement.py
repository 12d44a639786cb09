"""One upload of a bank file: its new money is registered at once, then each payment goes its own way."""

import asyncio
from dataclasses import replace

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from activities.payments import PaymentActivities
    from domain.payments import (
        PaymentInput,
        PaymentOutcome,
        PaymentState,
        PendingPayment,
        StatementInput,
        StatementSummary,
    )
    from workflows import ids, options
    from workflows.payment import PaymentWorkflow

PARALLEL = 8
PAGE = 200
"""Payments in one run; a longer file continues as new, so its history stays readable."""


@workflow.defn
class StatementWorkflow:
    """One execution per upload, under the hash of the file; uploads of one file run one after another."""

    @workflow.run
    async def run(self, upload: StatementInput) -> StatementSummary:
        """Register the file, then have each of its payments matched; a second upload finds nothing new."""
        summary = upload.progress
        if summary is None:
            summary = await workflow.execute_activity_method(
                PaymentActivities.register_statement, upload, summary="Прочесть выписку", **options.BULK
            )
        page = await workflow.execute_activity_method(
            PaymentActivities.pending_payments,
            args=[upload.sha256, PAGE],
            summary="Что ещё не сопоставлено",
            **options.DATABASE,
        )
        summary = await self._match(upload, summary, page)
        if len(page) == PAGE:
            workflow.continue_as_new(replace(upload, progress=summary))
        await workflow.execute_activity_method(
            PaymentActivities.close_statement, args=[upload.sha256, summary], **options.DATABASE
        )
        return summary

    async def _match(
        self, upload: StatementInput, summary: StatementSummary, page: list[PendingPayment]
    ) -> StatementSummary:
        gate = asyncio.Semaphore(PARALLEL)

        async def one(payment: PendingPayment) -> PaymentOutcome | None:
            async with gate:
                return await _follow(upload, payment)

        outcomes = await asyncio.gather(*map(one, page))
        matched = sum(each is not None and each.state is PaymentState.MATCHED for each in outcomes)
        unmatched = sum(each is not None and each.state is PaymentState.UNMATCHED for each in outcomes)
        return replace(summary, matched=summary.matched + matched, unmatched=summary.unmatched + unmatched)


async def _follow(upload: StatementInput, payment: PendingPayment) -> PaymentOutcome | None:
    """Run one payment to its end; None when an earlier, interrupted upload is running it still."""
    try:
        return await workflow.execute_child_workflow(
            PaymentWorkflow.run,
            PaymentInput(payment.identity, upload.actor, upload.as_of, payment_id=payment.payment_id),
            id=ids.payment_workflow_id(payment.identity),
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        )
    except WorkflowAlreadyStartedError:
        await workflow.sleep(1, summary="Платёж сопоставляет прежняя загрузка")
        return None
