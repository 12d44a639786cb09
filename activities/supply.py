"""Watching one expected receipt until it is in or cancelled."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence.calendars import company_calendar
from activities.persistence.events import events_of, record_event
from activities.persistence.expected_receipts import SUBJECT, controls_of, find_receipt, lines_of, owed_shelves
from activities.persistence.policies import policy_today
from activities.persistence.stock_tables import ControlDateRow, ExpectedReceiptRow
from activities.persistence.supply import load_prospect
from activities.persistence.supply_notices import ask_buyer, planned_notices, tell_late
from domain.orders import SYSTEM
from domain.supply import Arrival, Prospect, days_of, promises
from domain.supply_life import (
    NextStep,
    SupplyLook,
    SupplyOutlook,
    SupplyState,
    SupplyStep,
    SupplyTimes,
    next_step,
    wait_of,
)
from domain.tasks import TaskKind


class SupplyActivities:
    """Locks the expected receipt."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def look_at_supply(self, look: SupplyLook) -> SupplyOutlook:
        """Do what is due by now and say what comes next. Safe to repeat: a question once asked is not asked again, and
        the notices it planned are named until they are delivered."""
        with Session(self._engine) as session, session.begin():
            row = find_receipt(session, UUID(look.receipt_id), lock=True)
            if row.state != SupplyState.EXPECTED:
                return SupplyOutlook(row.state, None, planned_notices(session, row))
            calendar = company_calendar(session)
            _, policy = policy_today(session, look.as_of)
            times = SupplyTimes(calendar, policy.internal_hour, policy.stock_working_days)
            while (step := _next(session, row, times)).at <= look.as_of:
                _take(session, row, step, at=look.as_of)
            return SupplyOutlook(row.state, wait_of(step, since=row.created_at), planned_notices(session, row))


def _next(session: Session, row: ExpectedReceiptRow, times: SupplyTimes) -> NextStep:
    session.flush()
    controls = [control.day for control in controls_of(session, [row.id])[row.id] if control.asked_at is None]
    return next_step(row.expected_on, controls, times, asked_late_at=_asked_late_at(session, row))


def _asked_late_at(session: Session, row: ExpectedReceiptRow) -> datetime | None:
    """When the buyer was last asked why nothing came on the day it is expected on now."""
    day = row.expected_on.isoformat()
    told = [event for event in events_of(session, SUBJECT, row.id) if event.event == "supply_late"]
    return max((event.at for event in told if event.data["expected_on"] == day), default=None)


def _take(session: Session, row: ExpectedReceiptRow, step: NextStep, *, at: datetime) -> None:
    if step.step is SupplyStep.CONTROL:
        control = session.get_one(ControlDateRow, (row.id, step.day))
        control.asked_at = at
        session.add(control)
        ask_buyer(session, row, TaskKind.SUPPLY_CONTROL, f"control:{step.day}:{row.version}", at=at, note=control.note)
        record_event(session, SUBJECT, row.id, "supply_controlled", SYSTEM, at=at, day=step.day.isoformat(),
                     note=control.note)  # fmt: skip
        return
    ask_buyer(session, row, TaskKind.SUPPLY_LATE, f"late:{row.expected_on}:{at.date()}", at=at)
    record_event(session, SUBJECT, row.id, "supply_late", SYSTEM, at=at, expected_on=row.expected_on.isoformat())
    now = load_prospect(session, owed_shelves(session, row), at=at)
    in_time, late = days_of(promises(_as_if_in_time(session, row, now))), days_of(promises(now))
    tell_late(session, row, in_time, late, at=at)


def _as_if_in_time(session: Session, row: ExpectedReceiptRow, prospect: Prospect) -> Prospect:
    """What could be promised if the goods came today after all: the orders that wait for them lose by the delay."""
    owed = [
        Arrival(row.warehouse, line.sku, prospect.today, line.quantity - line.received)
        for line in lines_of(session, [row.id])[row.id]
        if line.received < line.quantity
    ]
    return replace(prospect, arrivals=[*prospect.arrivals, *owed])
