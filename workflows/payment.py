"""One bank receipt: recorded, matched, applied, and those it touches are told."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.payments import PaymentActivities
    from domain.orders import Actor
    from domain.payments import (
        AllocateCommand,
        ApplyRequest,
        PaymentDraft,
        PaymentInput,
        PaymentOutcome,
        RecordRequest,
    )
    from workflows import ids, options
    from workflows.clock import BusinessClock
    from workflows.own_steps import own_step, tell


@workflow.defn
class PaymentWorkflow:
    """One execution per payment identity; it ends as soon as the money has found its place or its queue."""

    @workflow.run
    async def run(self, payment: PaymentInput) -> PaymentOutcome:
        """Record the money, apply it, tell its neighbours."""
        clock = BusinessClock(payment.as_of)
        if payment.draft is not None:
            return await take_in(payment.draft, payment.actor, clock)
        if payment.payment_id is None:
            raise ApplicationError("neither a draft nor a payment is given", non_retryable=True)
        return await _apply(payment.payment_id, clock)


@workflow.defn
class ManualAllocationWorkflow:
    """One decision of the accountant on one payment."""

    @workflow.run
    async def run(self, command: AllocateCommand) -> PaymentOutcome:
        """Carry the decision out and tell those it touches; a refusal fails the workflow with its code."""
        try:
            outcome = await workflow.execute_activity_method(
                PaymentActivities.allocate_payment, command, summary="Разнести вручную", **options.DATABASE
            )
        except ActivityError as error:
            if isinstance(error.cause, ApplicationError):
                raise error.cause from error
            raise
        await tell_neighbours(outcome)
        return outcome


async def take_in(draft: PaymentDraft, actor: Actor, clock: BusinessClock) -> PaymentOutcome:
    """Record money, apply it, tell its neighbours; the same money is taken in once, by whichever process meets it."""
    request = RecordRequest(draft, actor, clock.now())
    payment_id = await own_step(PaymentActivities.record_payment, request)
    return await _apply(payment_id, clock)


async def _apply(payment_id: str, clock: BusinessClock) -> PaymentOutcome:
    request = ApplyRequest(payment_id, clock.now())
    outcome: PaymentOutcome = await own_step(PaymentActivities.apply_payment, request)
    await tell_neighbours(outcome)
    return outcome


async def tell_neighbours(outcome: PaymentOutcome) -> None:
    """Orders and invoices that got money look again; stopped orders of the account are decided again (D2-13)."""
    touched = [ids.order_workflow_id(order_id) for order_id in outcome.order_ids]
    touched += [ids.invoice_workflow_id(line_id) for line_id in outcome.schedule_line_ids]
    if touched:
        await tell(touched, "payment_applied")
    for order_id in outcome.stopped_order_ids:
        await tell([ids.order_workflow_id(order_id)], "exposure_lowered")
