"""Business time inside a workflow."""

from datetime import datetime, timedelta

from temporalio import workflow


class BusinessClock:
    """The workflow's clock, never behind the moment it was started for.

    An order whose clock was moved ahead on a local stack hands its own time to the invoice it starts; the invoice's
    clock begins there instead of at the real time of its start. In production that moment is never ahead of the
    server, so business time is the workflow's time.
    """

    def __init__(self, as_of: datetime) -> None:
        self._ahead = max(timedelta(0), as_of - workflow.now())

    def now(self) -> datetime:
        """The business instant, aware UTC."""
        return workflow.now() + self._ahead

    def until(self, instant: datetime) -> timedelta:
        """How long from now until a business instant; negative when it has passed."""
        return instant - self.now()
