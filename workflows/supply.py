"""Goods expected from a supplier, until they are in or will not come."""

from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.supply import SupplyActivities
    from domain.supply_life import SupplyInput, SupplyLook, SupplyOutlook
    from domain.wording import supply_title
    from workflows import options
    from workflows.clock import BusinessClock
    from workflows.post import Post
    from workflows.waiting import show


@workflow.defn
class SupplyWorkflow:
    """One execution per expected receipt. What a day brings is computed from the facts each time: the buyer is asked on
    control dates and, when the day has passed, why nothing came."""

    @workflow.init
    def __init__(self, supply: SupplyInput) -> None:
        self._supply = supply
        self._clock = BusinessClock(supply.as_of)
        self._outlook: SupplyOutlook | None = None
        self._news = 0
        self._news_seen = 0
        self._post = Post(self._clock)

    @workflow.run
    async def run(self, supply: SupplyInput) -> str:  # noqa: ARG002
        """Look, ask when it is time, wait for the next such day or for news; until nothing is expected any more."""
        outlook = await self._look()
        while outlook.wait is not None:
            await self._news_by(outlook.wait.until)
            outlook = await self._look()
        await self._post.delivered()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return outlook.state

    @workflow.signal(description="Поставка изменена, принята или отменена: проверить")
    def changed(self) -> None:
        """Somebody changed, received or cancelled it: look again."""
        self._news += 1

    @workflow.query
    def outlook(self) -> SupplyOutlook | None:
        """Where the receipt stands; None before the first look."""
        return self._outlook

    async def _look(self) -> SupplyOutlook:
        """Re-read the facts, do what is due by now, send what was planned."""
        self._news_seen = self._news
        look = SupplyLook(self._supply.receipt_id, self._clock.now())
        outlook = await workflow.execute_activity_method(SupplyActivities.look_at_supply, look, **options.DATABASE)
        self._outlook = outlook
        self._post.send(outlook.notices)
        show(outlook.state, supply_title(outlook.state), outlook.wait)
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
