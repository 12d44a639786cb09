"""Watching one schedule line until its money is in (D10)."""

from datetime import datetime

from sqlalchemy import Engine, update
from sqlmodel import Session, col
from temporalio import activity

from activities.dunning_effects import act
from activities.persistence import credit_notes, disputes, legal
from activities.persistence.dunning import (
    DunningContext,
    lock_line,
    next_step_of,
    planned_messages,
    record_step,
    wait_of,
)
from activities.persistence.events import events_of, record_event
from activities.persistence.money_tables import ScheduleLineRow
from activities.persistence.record_tables import OutboundRow
from activities.persistence.tasks import cancel_tasks
from domain.dunning import (
    DunningLook,
    DunningState,
    InvoiceStatus,
    Stage,
    Step,
    letter_time,
)
from domain.orders import SYSTEM
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
    if context.rests(now):
        _withdraw_letters(session, line, "disputed")
    step = next_step_of(session, context, now)
    if step is not None and step.at <= now:
        _take(session, context, step, at=now)
        session.flush()
        step = next_step_of(session, context, now)
    planned = planned_messages(session, line.id)
    return DunningState(
        status=InvoiceStatus.OVERDUE if context.days(now) > 0 else InvoiceStatus.OPEN,
        stage=Stage(line.stage) if line.stage else None,
        wait=wait_of(context, step, now),
        notices=planned["staff"],
        letters=planned["customer"],
        letters_at=letter_time(now, context.client_calendar, context.policy) if planned["customer"] else None,
    )


def _take(session: Session, context: DunningContext, step: Step, *, at: datetime) -> None:
    """Act on one rung and write it down, with the rungs passed over (D10-5)."""
    for passed in step.skipped:
        record_step(session, context, passed, "skipped", at=at)
    act(session, context, step.stage, at=at)
    record_step(session, context, step.stage, "done", at=at)
    context.line.stage = step.stage


def _settle(session: Session, context: DunningContext, *, at: datetime) -> DunningState:
    """Nothing is owed: nothing more is sent, dispute and tasks are over, the case is paid (D10-7)."""
    line = context.line
    line.settled_on = line.settled_on or context.calendar.day_of(at)
    _withdraw_letters(session, line, "paid", audiences=("customer", "staff"))
    disputes.close_settled(session, context, at=at)
    cancel_tasks(session, at=at, schedule_line_id=line.id, kinds=ABOUT_THE_DEBT)
    legal.mark_paid(session, line.id, at=at)
    if not any(event.event == SETTLED and event.data.get("schedule_line_id") == str(line.id)
               for event in events_of(session, "invoice", context.invoice.id)):  # fmt: skip
        record_event(session, "invoice", context.invoice.id, SETTLED, SYSTEM, at=at,
                     schedule_line_id=str(line.id), stage=line.stage,
                     result="credited" if credit_notes.of_invoice(session, context.invoice.id) else "paid")  # fmt: skip
    return DunningState(InvoiceStatus.SETTLED, Stage(line.stage) if line.stage else None, wait=None)


def _withdraw_letters(
    session: Session, line: ScheduleLineRow, reason: str, *, audiences: tuple[str, ...] = ("customer",)
) -> None:
    """What waits to be sent about a line is not sent."""
    session.execute(
        update(OutboundRow)
        .where(col(OutboundRow.schedule_line_id) == line.id, col(OutboundRow.state) == "planned")
        .where(col(OutboundRow.audience).in_(audiences))
        .values(state="cancelled", error=reason)
    )
