"""The hourly round of the queues for goods, and the check of stock after it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.handoff import HandoffActivities
    from activities.sweeps import SweepActivities
    from domain.sweeps import StockCheck, StockChecked, StockSweep, SweepPage, Swept
    from workflows import ids, options


@workflow.defn
class StockSweepWorkflow:
    """One execution per hour, by its schedule (D8-5, D8-6, D3-10). Goods that move are handed out where they move;
    this brings what time alone changes."""

    @workflow.run
    async def run(self, sweep: StockSweep) -> StockChecked:
        """Serve all queues page by page, tell the orders whose goods moved, then check."""
        as_of = sweep.as_of or workflow.now()
        after, more = sweep.after, True
        while more:
            swept: Swept = await workflow.execute_activity_method(
                SweepActivities.sweep_shelves, SweepPage(as_of, after), **options.DATABASE
            )
            if swept.served:
                told = [ids.order_workflow_id(order) for order in swept.served]
                await workflow.execute_activity_method(
                    HandoffActivities.signal_workflows, args=[told, "stock_allocated"], **options.HANDOFF
                )
            after, more = swept.after, bool(swept.after)
            if more and workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(StockSweep(as_of, after))
        checked: StockChecked = await workflow.execute_activity_method(
            SweepActivities.check_stock, StockCheck(as_of), **options.BULK
        )
        return checked
