"""Watching one change of credit from its request to the end of its window (D5-1…D5-4)."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import credit
from activities.persistence.calendars import company_calendar
from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.events import events_of, record_event
from activities.persistence.grant_notices import planned_notices, tell_end
from activities.persistence.limit_changes import GIVEN, STEPS, SUBJECT, find_change, fold_due
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.policies import policy_in_force
from activities.persistence.reconsideration import orders_to_tell, reconsider_locked
from domain.grant_life import (
    GrantLook,
    GrantOutlook,
    GrantStep,
    GrantTimes,
    NextStep,
    grant_times,
    next_step,
    stage_of,
    wait_of,
)
from domain.orders import SYSTEM


class GrantActivities:
    """Locks the credit account, then the orders that move on (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def look_at_grant(self, look: GrantLook) -> GrantOutlook:
        """Do what is due by now and say what comes next. Safe to repeat: a step once in the journal is not done again,
        and what it planned or moved is named until it is delivered."""
        with Session(self._engine) as session, session.begin():
            return _look(session, look)


def _look(session: Session, look: GrantLook) -> GrantOutlook:
    row, now = find_change(session, UUID(look.grant_id)), look.as_of
    account = credit.lock_account(session, row.credit_account_id)
    session.refresh(row)
    calendar = company_calendar(session)
    today = calendar.day_of(now)
    times = grant_times(row.valid_from, row.valid_to, calendar, hour=policy_in_force(session, today)[1].internal_hour)
    step = _next(session, row, times)
    while step is not None and step.at <= now:
        _take(session, account, row, step, over=times.ends_at is not None and times.ends_at <= now, at=now)
        step = _next(session, row, times)
    return GrantOutlook(
        state=stage_of(row.state, row.valid_from, row.valid_to, today=today),
        wait=wait_of(step, row.state, since=row.decided_at or row.requested_at),
        notices=planned_notices(session, row),
        moved=tuple(orders_to_tell(session, account.id)),
    )


def _next(session: Session, row: CreditGrantRow, times: GrantTimes) -> NextStep | None:
    if row.decided_at is None or row.state not in GIVEN:
        return None
    session.flush()
    done = {STEPS[event.event] for event in events_of(session, SUBJECT, row.id) if event.event in STEPS}
    return next_step(times, decided_at=row.decided_at, done=done)


def _take(
    session: Session, account: CreditAccountRow, row: CreditGrantRow, step: NextStep, *, over: bool, at: datetime
) -> None:
    """One step of the change's life, written down with what it does."""
    customer = session.get_one(CustomerRow, row.customer_id)
    today = company_calendar(session).day_of(at)
    figures: dict[str, Any] = {}
    match step.step:
        case GrantStep.BEGIN:
            fold_due(session, account, today=today)
        case GrantStep.WARN if not over:
            tell_end(session, row, customer, account, at=at)
        case GrantStep.END:
            row.ended_at = at
            figures = _standing(session, account, today=today)
        case _:
            figures = {"skipped": True}
    event = next(name for name, each in STEPS.items() if each is step.step)
    record_event(session, SUBJECT, row.id, event, SYSTEM, at=at, **figures)
    if step.step is not GrantStep.WARN:
        reconsider_locked(session, account, at=at)


def _standing(session: Session, account: CreditAccountRow, *, today: date) -> dict[str, Any]:
    """What the account owes beside the limit that is left: more than it is shown, never undone (D5-2, D5-3)."""
    facts = credit.load_facts(session, account, today=today)
    over = not facts.unlimited and facts.exposure_before > facts.limit
    return {"exposure": str(facts.exposure_before), "limit": str(facts.limit), "over_limit": over}
