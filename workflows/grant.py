"""One change of a customer's credit, from its request to the end of its window."""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.grants import GrantActivities
    from activities.handoff import HandoffActivities
    from domain.grant_life import GrantInput, GrantLook, GrantOutlook
    from domain.wording import grant_title
    from workflows import ids, options
    from workflows.clock import BusinessClock
    from workflows.post import Post
    from workflows.waiting import show


@workflow.defn
class CreditGrantWorkflow:
    """One execution per change (D5-1…D5-4). What a day brings is computed from the facts each time; the limit itself
    follows the calendar without it, so a late look costs a notice its hour and nothing else."""

    @workflow.init
    def __init__(self, grant: GrantInput) -> None:
        self._grant = grant
        self._clock = BusinessClock(grant.as_of)
        self._outlook: GrantOutlook | None = None
        self._news = 0
        self._news_seen = 0
        self._post = Post(self._clock)

    @workflow.run
    async def run(self, grant: GrantInput) -> str:
        """Look, act when something is due, wait for the next day that matters or for a decision; until it is over."""
        workflow.upsert_search_attributes([ids.CUSTOMER.value_set(grant.customer_id)])
        outlook = await self._look()
        while outlook.wait is not None:
            await self._news_by(outlook.wait.until)
            outlook = await self._look()
        await self._post.delivered()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return outlook.state

    @workflow.signal(description="Решение принято или отозвано: проверить")
    def changed(self) -> None:
        """Somebody decided on the change or revoked it: look again."""
        self._news += 1

    @workflow.query
    def outlook(self) -> GrantOutlook | None:
        """Where the change stands; None before the first look."""
        return self._outlook

    async def _look(self) -> GrantOutlook:
        """Re-read the facts, do what is due by now, tell those it moved."""
        self._news_seen = self._news
        look = GrantLook(self._grant.grant_id, self._clock.now())
        outlook = await workflow.execute_activity_method(GrantActivities.look_at_grant, look, **options.DATABASE)
        self._outlook = outlook
        self._post.send(outlook.notices)
        show(outlook.state, grant_title(self._grant.kind, outlook.state), outlook.wait)
        if outlook.moved:
            moved = [ids.order_workflow_id(order) for order in outlook.moved]
            await workflow.execute_activity_method(
                HandoffActivities.signal_workflows, args=[moved, "exposure_lowered"], **options.HANDOFF
            )
        return outlook

    async def _news_by(self, deadline: datetime | None) -> None:
        """Wait for news, or for the deadline where there is one."""
        left = self._clock.until(deadline) if deadline else None
        if left is not None and left <= timedelta(0):
            return
        summary = f"{deadline:%d.%m.%Y %H:%M} UTC" if deadline else None
        try:
            await workflow.wait_condition(lambda: self._news != self._news_seen, timeout=left, timeout_summary=summary)
        except TimeoutError:
            return
