"""Changes of the order's process that nobody should make: what replaying must notice."""

from datetime import UTC, datetime

from temporalio import workflow


@workflow.defn(name="OrderWorkflow")
class Reordered:
    """An order whose first command is another one than it used to be."""

    @workflow.run
    async def run(self, order: object) -> str:
        await workflow.sleep(60)
        return "closed"


@workflow.defn(name="OrderWorkflow")
class Careless:
    """An order that looks at the clock on the wall."""

    @workflow.run
    async def run(self, order: object) -> str:
        return str(datetime.now(UTC))
