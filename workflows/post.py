"""Letters and notices of a workflow, delivered in the background: a silent mail server holds nothing up."""

import asyncio
from collections.abc import Iterable

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.notifications import NotificationActivities
    from workflows import ids, options
    from workflows.clock import BusinessClock


class Post:
    """The outgoing post of one workflow; each key of the effect ledger is sent once."""

    def __init__(self, clock: BusinessClock) -> None:
        self._clock = clock
        self._keys: set[str] = set()
        self._deliveries: list[asyncio.Task[None]] = []

    def send(self, keys: Iterable[str]) -> None:
        """Deliver what was not handed over before."""
        for key in keys:
            if key not in self._keys:
                self._keys.add(key)
                self._deliveries.append(asyncio.create_task(self._deliver(key)))

    async def delivered(self) -> None:
        """Wait until everything was delivered or given up."""
        await asyncio.gather(*self._deliveries)

    async def _deliver(self, key: str) -> None:
        """One message by itself, on the queue of mail: one that cannot go takes no time from any other."""
        queue = ids.mail_queue(workflow.info().task_queue)
        held = True
        while held:
            try:
                await workflow.execute_activity_method(
                    NotificationActivities.deliver, args=[[key], self._clock.now()], task_queue=queue, **options.MAIL
                )
                return
            except ActivityError:  # a day without an answer: a person is told, unless letters are held on purpose
                held = await workflow.execute_activity_method(
                    NotificationActivities.give_up,
                    args=[[key], self._clock.now()],
                    task_queue=queue,
                    **options.DATABASE,
                )
