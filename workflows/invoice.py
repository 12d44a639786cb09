"""One instalment of an invoice, watched until its money is in."""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.dunning import DunningActivities
    from domain.dunning import DunningLook, DunningState, InvoiceStatus
    from domain.invoicing import InvoiceInput
    from domain.wording import invoice_title
    from workflows import ids
    from workflows.clock import BusinessClock
    from workflows.own_steps import own_step, tell
    from workflows.post import Post
    from workflows.waiting import show


@workflow.defn
class InvoiceWorkflow:
    """One execution per schedule line (D10). It only keeps the place: what is due is computed from the facts each time.

    After the lawyer has taken over it stays open until the money is in.
    """

    @workflow.init
    def __init__(self, invoice: InvoiceInput) -> None:
        self._invoice = invoice
        self._clock = BusinessClock(invoice.as_of)
        self._state: DunningState | None = None
        self._news = 0
        self._news_seen = 0
        self._post = Post(self._clock)

    @workflow.run
    async def run(self, invoice: InvoiceInput) -> str:  # noqa: ARG002 - read by __init__
        """Look, act when something is due, wait for the next step or for money; until nothing is owed."""
        self._introduce()
        state = await self._look()
        while state.status is not InvoiceStatus.SETTLED:
            self._post.send(state.notices)
            if state.letters_at is None or not await self._news_by(state.letters_at):
                self._post.send(state.letters)
                await self._news_by(state.wait.until if state.wait else None)
            state = await self._look()
        await self._tell_order()
        await self._post.delivered()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return state.status

    @workflow.signal(description="Поступила оплата: проверить остаток")
    def payment_applied(self) -> None:
        """Money was applied to this line, or taken back: look again."""
        self._news += 1

    @workflow.query
    def state(self) -> DunningState | None:
        """Where the line stands; None before the first look."""
        return self._state

    async def _look(self) -> DunningState:
        """Re-read the facts and do what is due by now (D10-2)."""
        self._news_seen = self._news
        look = DunningLook(self._invoice.schedule_line_id, self._clock.now())
        state: DunningState = await own_step(DunningActivities.look_at_invoice, look)
        self._state = state
        show(state.status, invoice_title(self._invoice.invoice_number, state.status, state.stage), state.wait,
             stage=state.stage or "none")  # fmt: skip
        return state

    async def _news_by(self, deadline: datetime | None) -> bool:
        """Wait for news; False when the deadline came first. Without a deadline only news ends the wait."""

        def news() -> bool:
            return self._news != self._news_seen

        left = self._clock.until(deadline) if deadline else None
        if news() or (left is not None and left <= timedelta(0)):
            return news()
        summary = f"{self._invoice.invoice_number}: {deadline:%d.%m.%Y %H:%M} UTC" if deadline else None
        try:
            await workflow.wait_condition(news, timeout=left, timeout_summary=summary)
        except TimeoutError:
            return news()  # payment and timer in one task: payment wins
        return True

    async def _tell_order(self) -> None:
        if self._invoice.order_id is not None:
            order = ids.order_workflow_id(self._invoice.order_id)
            await tell([order], "invoice_settled")

    def _introduce(self) -> None:
        """Make the line findable by its customer and manager."""
        updates = [ids.CUSTOMER.value_set(self._invoice.customer_id)]
        if self._invoice.manager_id is not None:
            updates.append(ids.MANAGER.value_set(self._invoice.manager_id))
        workflow.upsert_search_attributes(updates)
