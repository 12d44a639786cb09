"""One round of the watchdog: look, look again after the grace, repair what is safe."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.notifications import NotificationActivities
    from activities.watchdog import WatchActivities
    from domain.watch import Look, Looked, Repaired, RepairPage, Watch, Watched
    from workflows import ids, options

SETTLING = timedelta(seconds=3)
"""The engine's lists show a process that was just started after a moment."""


@workflow.defn
class WatchWorkflow:
    """One execution per round, by its schedule or on demand (W1, W2, W3). What it finds is `discrepancy` rows."""

    @workflow.run
    async def run(self, watch: Watch) -> Watched:
        """Hold the database against its processes; what is still found after the grace is believed."""
        if watch.doubtful:
            await workflow.execute_activity_method(
                NotificationActivities.settle_doubtful,
                workflow.now(),
                task_queue=ids.mail_queue(workflow.info().task_queue),
                **options.BULK,
            )
        looked = await self._look(watch)
        if looked.suspected:
            await workflow.sleep(watch.grace, summary="Посмотреть ещё раз")
            looked = await self._look(watch)
        repaired = await self._repair() if looked.repairable else 0
        if repaired:
            await workflow.sleep(SETTLING, summary="Дать процессам начаться")
            looked = await self._look(watch)
        return Watched(looked.open, repaired)

    async def _look(self, watch: Watch) -> Looked:
        queue, within = ids.mail_queue(workflow.info().task_queue), options.longest_silence(options.OWN)
        look = Look(workflow.now(), queue, watch.grace, within)
        looked: Looked = await workflow.execute_activity_method(
            WatchActivities.hold_against_processes, look, summary="Сверить базу и процессы", **options.BULK
        )
        return looked

    async def _repair(self) -> int:
        done, mail, page = 0, True, RepairPage(workflow.now())
        while True:
            repaired: Repaired = await workflow.execute_activity_method(
                WatchActivities.repair_discrepancies, page, summary="Исправить безопасное", **options.BULK
            )
            done += repaired.done
            for key in repaired.effects:
                mail = mail and await self._deliver(key)  # when one cannot go, the others need not be tried
                done += mail
            if repaired.after is None:
                return done
            page = RepairPage(workflow.now(), repaired.after)

    async def _deliver(self, key: str) -> bool:
        """Send a message that nobody sends, or learn what became of it (D10-15)."""
        queue = ids.mail_queue(workflow.info().task_queue)
        try:
            await workflow.execute_activity_method(
                NotificationActivities.deliver, args=[[key], workflow.now()], task_queue=queue, **options.POLL
            )
        except ActivityError:
            return False  # the next round tries again
        return True
