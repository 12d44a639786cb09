"""Watching one schedule line until its money is in (D10)."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, update
from sqlmodel import Session, col
from temporalio import activity

from activities.dunning_effects import act
from activities.persistence import legal
from activities.persistence.dunning import (
    DunningContext,
    first_letter_on,
    lock_line,
    planned_messages,
    record_step,
    steps_of,
)
from activities.persistence.events import events_of, record_event
from activities.persistence.tables import OutboundRow
from activities.persistence.tasks import cancel_tasks
from domain.dunning import (
    DunningLook,
    DunningState,
    InvoiceStatus,
    Stage,
    Step,
    is_chased,
    letter_time,
    next_step,
)
from domain.orders import SYSTEM, OnExpiry, Wait, WaitReason
from domain.tasks import TaskKind

ABOUT_THE_DEBT = (TaskKind.CALL_OVERDUE, TaskKind.OVERDUE_REVIEW, TaskKind.NO_EMAIL)
SETTLED = "invoice_settled"


class DunningActivities:
    """Locks the credit account, then the schedule line (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def look_at_invoice(self, look: DunningLook) -> DunningState:
        """Read the residue under lock, do what is due by now, and say what comes next (D10-2).

        Safe to repeat: a rung once written is not acted on again, and what it planned stays planned until it is sent.
        """
        with Session(self._engine) as session, session.begin():
            return _look(session, look)


def _look(session: Session, look: DunningLook) -> DunningState:
    context, now = lock_line(session, look.schedule_line_id), look.as_of
    line, today = context.line, context.calendar.day_of(look.as_of)
    line.observed_on = max(line.observed_on or today, today)
    if line.residual == 0:
        return _settle(session, context, at=now)
    step = _next(session, context, now)
    if step is not None and step.at <= now:
        _take(session, context, step, at=now)
        session.flush()
        step = _next(session, context, now)
    letters = planned_messages(session, line.id, "customer")
    return DunningState(
        status=InvoiceStatus.OVERDUE if context.days(now) > 0 else InvoiceStatus.OPEN,
        stage=Stage(line.stage) if line.stage else None,
        wait=_wait(context, step, now),
        notices=planned_messages(session, line.id, "staff"),
        letters=letters,
        letters_at=letter_time(now, context.client_calendar, context.policy) if letters else None,
    )


def _next(session: Session, context: DunningContext, now: datetime) -> Step | None:
    """The next step by the facts; none for a residue nobody chases (D1-11)."""
    line = context.line
    if not is_chased(line.residual, line.amount, context.invoice.currency, context.policy):
        return None
    steps = steps_of(session, line)
    letter_on = first_letter_on(steps, context.calendar)
    return next_step(line.due_date, steps, now, context.calendar, context.policy, first_letter_on=letter_on)


def _take(session: Session, context: DunningContext, step: Step, *, at: datetime) -> None:
    """Act on one rung and write it down, with the rungs passed over (D10-5)."""
    for passed in step.skipped:
        record_step(session, context, passed, "skipped", at=at)
    act(session, context, step.stage, at=at)
    record_step(session, context, step.stage, "done", at=at)
    context.line.stage = step.stage


def _wait(context: DunningContext, step: Step | None, now: datetime) -> Wait:
    """What the line waits for: its due date, or money that is late."""
    overdue = context.days(now) > 0
    first_day = context.line.due_date + timedelta(days=1) if overdue else context.invoice.issued_on
    return Wait(
        WaitReason.OVERDUE if overdue else WaitReason.DUE_DATE,
        since=context.calendar.at(first_day, 0),
        until=step.at if step else None,
        who="customer",
        on_expiry=OnExpiry.ESCALATE if step else OnExpiry.NOTHING,
    )


def _settle(session: Session, context: DunningContext, *, at: datetime) -> DunningState:
    """The money is in: nothing more is sent, the tasks about it are withdrawn, the case is paid."""
    line = context.line
    line.settled_on = line.settled_on or context.calendar.day_of(at)
    session.execute(
        update(OutboundRow)
        .where(col(OutboundRow.schedule_line_id) == line.id, col(OutboundRow.state) == "planned")
        .values(state="cancelled", error="paid")
    )
    cancel_tasks(session, at=at, schedule_line_id=line.id, kinds=ABOUT_THE_DEBT)
    legal.mark_paid(session, line.id, at=at)
    if not any(event.event == SETTLED and event.data.get("schedule_line_id") == str(line.id)
               for event in events_of(session, "invoice", context.invoice.id)):  # fmt: skip
        record_event(session, "invoice", context.invoice.id, SETTLED, SYSTEM, at=at,
                     schedule_line_id=str(line.id), stage=line.stage)  # fmt: skip
    return DunningState(InvoiceStatus.SETTLED, Stage(line.stage) if line.stage else None, wait=None)
