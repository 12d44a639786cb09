"""Posting credit notes: residuals fall, money that was paid already goes back to its payer's advance (D1-3, D12-6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence import orders
from activities.persistence.calendars import load_calendar
from activities.persistence.credit import lock_account
from activities.persistence.credit_tables import CreditNoteRow
from activities.persistence.events import record_event
from activities.persistence.money_tables import AllocationRow, InvoiceRow, ScheduleLineRow
from activities.persistence.payments import lock_payment
from activities.persistence.reconsideration import reconsider_locked
from domain.credit_notes import Instalment, Lowered, spread_note
from domain.money import ZERO
from domain.money_errors import CreditNoteExistsError
from domain.orders import Actor


@dataclass(frozen=True, slots=True)
class NewNote:
    """A credit note as its document says it."""

    number: str
    amount: Decimal
    issued_on: date
    reason: str


def post(
    session: Session, invoice: InvoiceRow, new: NewNote, actor: Actor, *, at: datetime
) -> tuple[CreditNoteRow, bool]:
    """Post a note under the lock of its account and decide again on the orders that wait for credit (D2-12, D2-13).

    The same number with the same figures is the same note; the answer says whether it is new.

    Raises:
        CreditNoteExistsError, CreditNoteTooLargeError
    """
    account = lock_account(session, invoice.credit_account_id)
    notes = of_invoice(session, invoice.id)
    stored = next((note for note in notes if note.number == new.number), None)
    if stored is not None:
        if (stored.amount, stored.issued_on) != (new.amount, new.issued_on):
            raise CreditNoteExistsError(number=new.number)
        return stored, False
    paid = _lock_allocations(session, invoice.id)
    lines = _lock_lines(session, invoice.id)
    left = invoice.gross - sum((note.amount for note in notes), ZERO)
    parts = spread_note(new.amount, [_instalment(line, paid) for line in lines], left=left, currency=invoice.currency)
    _lower(session, lines, paid, parts, at=at)
    note = CreditNoteRow(
        number=new.number,
        invoice_id=invoice.id,
        credit_account_id=invoice.credit_account_id,
        amount=new.amount,
        freed=sum((part.freed for part in parts), ZERO),
        issued_on=new.issued_on,
        reason=new.reason,
        posted_by=UUID(actor.id),
        posted_at=at,
    )
    session.add(note)
    session.flush()
    _tell_journal(session, invoice, note, actor, at=at)
    reconsider_locked(session, account, at=at)
    return note, True


def of_invoice(session: Session, invoice_id: UUID) -> Sequence[CreditNoteRow]:
    """The notes of an invoice, oldest first."""
    query = select(CreditNoteRow).where(CreditNoteRow.invoice_id == invoice_id)
    return session.exec(query.order_by(col(CreditNoteRow.posted_at), col(CreditNoteRow.id))).all()


def _lock_allocations(session: Session, invoice_id: UUID) -> list[AllocationRow]:
    """What payments gave to the invoice, newest first, the payments held until commit."""
    query = (
        select(AllocationRow)
        .join(ScheduleLineRow, col(ScheduleLineRow.id) == AllocationRow.schedule_line_id)
        .where(ScheduleLineRow.invoice_id == invoice_id)
        .order_by(col(AllocationRow.at).desc(), col(AllocationRow.id).desc())
        .execution_options(populate_existing=True)
    )
    allocations = list(session.exec(query))
    for payment_id in sorted({each.payment_id for each in allocations}):
        lock_payment(session, payment_id)
    return allocations


def _lock_lines(session: Session, invoice_id: UUID) -> Sequence[ScheduleLineRow]:
    query = select(ScheduleLineRow).where(ScheduleLineRow.invoice_id == invoice_id).order_by(col(ScheduleLineRow.id))
    return session.exec(query.with_for_update().execution_options(populate_existing=True)).all()


def _instalment(line: ScheduleLineRow, paid: Sequence[AllocationRow]) -> Instalment:
    mine = sum((each.amount for each in paid if each.schedule_line_id == line.id), ZERO)
    return Instalment(str(line.id), line.due_date, line.residual, mine)


def _lower(
    session: Session,
    lines: Sequence[ScheduleLineRow],
    paid: Sequence[AllocationRow],
    parts: Sequence[Lowered],
    *,
    at: datetime,
) -> None:
    company = orders.legal_entity(session)
    today = load_calendar(session, company.country, company.timezone).day_of(at)
    by_id = {str(line.id): line for line in lines}
    for part in parts:
        line = by_id[part.id]
        if part.owed:
            line.residual -= part.owed
            if line.residual == 0:
                line.settled_on = max(today, line.observed_on or today)
        _give_back(session, [each for each in paid if each.schedule_line_id == line.id], part.freed)
    session.flush()


def _give_back(session: Session, allocations: Sequence[AllocationRow], amount: Decimal) -> None:
    """The newest money first becomes its payer's advance again."""
    for allocation in allocations:
        part = min(amount, allocation.amount)
        if part <= 0:
            return
        lock_payment(session, allocation.payment_id).unallocated += part
        if part == allocation.amount:
            session.delete(allocation)
        else:
            allocation.amount -= part
        session.flush()
        amount -= part


def _tell_journal(session: Session, invoice: InvoiceRow, note: CreditNoteRow, actor: Actor, *, at: datetime) -> None:
    figures: dict[str, Any] = {
        "number": note.number,
        "amount": str(note.amount),
        "freed": str(note.freed),
        "reason": note.reason,
        "currency": invoice.currency,
    }
    record_event(session, "invoice", invoice.id, "credit_note_posted", actor, at=at, **figures)
    if invoice.order_id is not None:
        record_event(session, "order", invoice.order_id, "credit_note_posted", actor, at=at,
                     invoice=invoice.number, **figures)  # fmt: skip
