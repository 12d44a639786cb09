"""Sending what the effect ledger holds, each message at most once (D10-15)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import Engine, text
from sqlmodel import Session
from temporalio import activity

from activities.adapters.errors import HeldError, OutcomeUnknownError, PermanentError, TransientError
from activities.dunning_effects import LETTER_TEMPLATES, merged_letter, why_withdrawn
from activities.persistence import credit, orders
from activities.persistence.calendars import load_calendar
from activities.persistence.events import record_event
from activities.persistence.freezing import frozen_since, pass_gate, restored_midway
from activities.persistence.order_tables import OrderRow
from activities.persistence.outbound import Claim, claim, lock_letters, mark, reword
from activities.persistence.party_tables import CustomerRow
from activities.persistence.record_tables import OutboundRow
from activities.persistence.tasks import open_task
from domain.messages import RESERVATION_REMINDER, Delivery, Message, MessageState
from domain.orders import SYSTEM, Role
from domain.tasks import TaskKind
from domain.waits import awaits_payment
from domain.wording import task_subject

FINISHED = {MessageState.DONE, MessageState.FAILED, MessageState.UNKNOWN, MessageState.CANCELLED}


class Mailer(Protocol):
    """Hands a letter to a mail server; fails as `activities.adapters.errors` say."""

    def send(self, message: Message, date: datetime) -> None: ...


class SentLetters(Protocol):
    """Where a letter can be looked up by its Message-ID."""

    def find(self, message_id: str) -> bool: ...


class NotificationActivities:
    """Claims in one transaction, sends outside any, marks in another.

    Args:
        mailbox: where letters can be looked up after a crash; None where the receiver cannot be asked.
    """

    def __init__(self, engine: Engine, mailer: Mailer, mailbox: SentLetters | None = None) -> None:
        self._engine = engine
        self._mailer = mailer
        self._mailbox = mailbox

    @activity.defn(no_thread_cancel_exception=True)
    def deliver(self, keys: list[str], as_of: datetime) -> list[Delivery]:
        """Send the planned messages under `keys`. One that cannot go now does not hold up the others.

        Raises:
            HeldError: nothing may leave the house now.
            TransientError: some message could not be handed over yet; a repeat tries only those again.
        """
        sent, waiting = [], []
        for key in keys:
            try:
                sent.append(Delivery(key, self._deliver(key, as_of)))
            except HeldError:
                raise
            except TransientError as error:
                waiting.append(f"{key}: {error}")
        if waiting:
            raise TransientError("; ".join(waiting))
        return sent

    @activity.defn(no_thread_cancel_exception=True)
    def give_up(self, keys: list[str], as_of: datetime) -> bool:
        """After a day of failures: what still waits is marked failed and handed to a person.

        Returns:
            True when nothing may leave the house now: nothing was given up, it has to be tried for another day.
        """
        for key in keys:
            with _alone(self._engine, key), Session(self._engine) as session, session.begin():
                if frozen_since(session) is not None:
                    return True
                row = session.get(OutboundRow, key)
                if row is not None and row.state == MessageState.PLANNED:
                    _conclude(session, key, MessageState.FAILED, row.error or "mail server out of reach", as_of)
        return False

    @activity.defn(no_thread_cancel_exception=True)
    def settle_doubtful(self, as_of: datetime) -> int:
        """After a restore: what was waiting at the backup may have gone since. It counts as sent where the receiver has
        it, and where nobody can be asked; then a person is told (D10-15). What surely did not go is planned anew.

        Returns:
            How many count as sent.
        """
        with Session(self._engine) as session:
            doubtful = restored_midway(session)
        settled = 0
        for message, stood in doubtful:
            with _alone(self._engine, message.key):
                if self._mailbox is None or self._mailbox.find(message.message_id):
                    self._conclude_interrupted(message, as_of, "perhaps sent before the restore")
                    settled += 1
                elif stood is MessageState.SENDING:
                    self._mark(message.key, MessageState.PLANNED, "not sent before the restore", as_of)
        return settled

    def _deliver(self, key: str, as_of: datetime) -> MessageState:
        with _alone(self._engine, key):
            with Session(self._engine) as session, session.begin():
                found = _claim(session, key, as_of)
            repeated = found.found is MessageState.PLANNED and found.restored
            if found.found in FINISHED:
                return found.found
            if repeated and self._mailbox is not None and self._mailbox.find(found.message.message_id):
                return self._mark(key, MessageState.DONE, "sent before the restore", as_of)
            if found.found is MessageState.SENDING and not self._may_repeat(found.message):
                return self._conclude_interrupted(found.message, as_of)
            return self._send(found.message, as_of)

    def _send(self, message: Message, as_of: datetime) -> MessageState:
        try:
            self._mailer.send(message, as_of)
        except TransientError as error:
            self._mark(message.key, MessageState.PLANNED, str(error), as_of)
            raise
        except PermanentError as error:
            return self._mark(message.key, MessageState.FAILED, str(error), as_of)
        except OutcomeUnknownError as error:
            if self._mailbox is None:
                return self._mark(message.key, MessageState.UNKNOWN, str(error), as_of)
            raise TransientError(str(error)) from error
        return self._mark(message.key, MessageState.DONE, None, as_of)

    def _may_repeat(self, message: Message) -> bool:
        """Whether an interrupted message surely did not arrive. Nobody else is sending it: we hold its lock."""
        return self._mailbox is not None and not self._mailbox.find(message.message_id)

    def _conclude_interrupted(
        self, message: Message, as_of: datetime, why: str = "interrupted while sending"
    ) -> MessageState:
        """It arrived, or nobody can tell."""
        state = MessageState.DONE if self._mailbox is not None else MessageState.UNKNOWN
        return self._mark(message.key, state, why, as_of)

    def _mark(self, key: str, state: MessageState, error: str | None, as_of: datetime) -> MessageState:
        with Session(self._engine) as session, session.begin():
            _conclude(session, key, state, error, as_of)
        return state


def _claim(session: Session, key: str, as_of: datetime) -> Claim:
    """Take a planned message; a letter about a debt is worded anew, or withdrawn when nothing is owed (D10-2); a
    reminder of a reserve that waits for no money any more is withdrawn, too (D7-4).

    Raises:
        HeldError: nothing may leave the house now; the message stays as it was.
    """
    if customer_id := pass_gate(session, key):
        lock_letters(session, customer_id)
    taken = claim(session, key, at=_attempted_at(as_of))
    if taken.held_since is not None and taken.found not in FINISHED:
        raise HeldError(f"nothing leaves the house since {taken.held_since.isoformat()}")
    message = taken.message
    if taken.found is not MessageState.PLANNED or message.audience != "customer":
        return taken
    if message.template == RESERVATION_REMINDER and taken.order_id and not _waits_for_money(session, taken.order_id):
        return _withdrawn(session, taken, "not_awaited", as_of)
    if message.template not in LETTER_TEMPLATES.values():
        return taken
    words = merged_letter(session, taken, at=as_of)
    if words is None:
        return _withdrawn(session, taken, why_withdrawn(session, taken.schedule_line_id, at=as_of), as_of)
    return replace(taken, message=reword(session, key, words.subject, words.body))


def _waits_for_money(session: Session, order_id: UUID) -> bool:
    order = session.get_one(OrderRow, order_id)
    return awaits_payment(orders.state_of(order)) and credit.still_to_pay(session, order) > 0


def _withdrawn(session: Session, taken: Claim, why: str, as_of: datetime) -> Claim:
    _conclude(session, taken.message.key, MessageState.CANCELLED, why, as_of)
    return replace(taken, found=MessageState.CANCELLED)


def _attempted_at(as_of: datetime) -> datetime:
    """When this attempt was given out: a letter that has waited for hours is not being sent for hours."""
    return activity.info().current_attempt_scheduled_time if activity.in_activity() else as_of


def _conclude(session: Session, key: str, state: MessageState, error: str | None, as_of: datetime) -> None:
    """Mark a message, write the journal of its object, and tell a person when it did not surely arrive."""
    row = mark(session, key, state, at=as_of, error=error)
    if state is MessageState.PLANNED:
        return
    subject, subject_id = _subject(row)
    record_event(
        session, subject, subject_id, f"message_{state}", SYSTEM, at=as_of,
        key=key, template=row.template, audience=row.audience, subject_line=row.subject, error=error,
    )  # fmt: skip
    if state in {MessageState.FAILED, MessageState.UNKNOWN} and row.audience == "customer":
        _tell_manager(session, row, state, as_of)


def _subject(row: OutboundRow) -> tuple[str, str]:
    if row.schedule_line_id is not None:
        return "schedule_line", str(row.schedule_line_id)
    if row.order_id is not None:
        return "order", str(row.order_id)
    return "message", row.key


def _tell_manager(session: Session, row: OutboundRow, state: MessageState, as_of: datetime) -> None:
    """A letter that may not have arrived is a person's matter (D10-15)."""
    kind = TaskKind.MESSAGE_UNKNOWN if state is MessageState.UNKNOWN else TaskKind.MESSAGE_FAILED
    customer = session.get(CustomerRow, row.customer_id) if row.customer_id else None
    manager_id = customer.manager_id if customer else None
    company = orders.legal_entity(session)
    open_task(
        session,
        key=f"{row.key}:{kind}",
        kind=kind,
        role=Role.MANAGER if manager_id else Role.HEAD,
        assignee_id=manager_id,
        subject=task_subject(kind, subject=row.subject, recipient=row.recipient),
        due_at=load_calendar(session, company.country, company.timezone).after_working_days(as_of, 1),
        created_at=as_of,
        customer_id=row.customer_id,
        order_id=row.order_id,
        schedule_line_id=row.schedule_line_id,
        details={"message": row.key, "error": row.error},
    )


@contextmanager
def _alone(engine: Engine, key: str) -> Iterator[None]:
    """Hold one message for oneself, across transactions: the lock ends with the connection, even of a killed process.

    Whoever waits longer than the engine's lock timeout fails and is retried.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        guard.execute(text("SELECT pg_advisory_lock(hashtextextended(:key, 0))"), {"key": key})
        try:
            yield
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), {"key": key})
