"""Invoices by instalment: what is owed, since when, and how far its collection went."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from sqlmodel import Session

from activities.persistence.credit_notes import of_invoice
from activities.persistence.credit_tables import CreditNoteRow
from activities.persistence.dunning import DunningContext, context_of, next_step_of, wait_of
from activities.persistence.money_tables import InvoiceRow, ScheduleLineRow
from activities.persistence.receivables import history_of, line_for, list_lines
from activities.persistence.record_tables import JournalRow
from api.customer_card import today_of
from api.deps import Caller, Db, Language, Now
from api.i18n import Language as LanguageCode
from api.i18n import speech
from api.openapi import problems
from api.order_views import waiting
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.schemas import MoneyOut, Out, Page
from domain.dunning import InvoiceStatus, days_overdue
from domain.wording import Speech, event_text, invoice_status_name, stage_name
from workflows.ids import invoice_workflow_id

router = APIRouter(prefix="/api/v1/invoices", tags=["invoices"])


class InvoiceSummary(Out):
    id: UUID
    number: str
    workflow_id: str
    customer_id: UUID
    order_id: UUID | None
    amount: MoneyOut
    residual: MoneyOut
    issued_on: date
    due_date: date
    days_overdue: int
    status: InvoiceStatus
    stage: str | None
    stage_name: str


class EventOut(Out):
    at: datetime
    event: str
    text: str
    actor: str
    data: dict[str, Any]


class CreditNoteOut(Out):
    """`freed`: what went back to the payer's advance."""

    id: UUID
    number: str
    amount: MoneyOut
    freed: MoneyOut
    date: date
    reason: str


class DisputeOut(Out):
    """`amount`: what of it still counts today."""

    amount: MoneyOut
    reason: str
    comment: str | None
    until: date


class InvoiceOut(InvoiceSummary):
    invoice_id: UUID
    customer_name: str
    waiting: dict[str, Any] | None
    dispute: DisputeOut | None
    credit_notes: list[CreditNoteOut]
    history: list[EventOut]


class InvoiceList(Page):
    items: list[InvoiceSummary]


@router.get("", summary="Счета / Invoices", responses=problems(422))
def list_invoices(
    caller: Caller, db: Db, language: Language, now: Now,
    customer_id: UUID | None = None,
    unpaid: Annotated[bool, Query(description="Только неоплаченные. / Unpaid only.")] = False,
    after: After = None,
    limit: Limit = 50,
) -> InvoiceList:  # fmt: skip
    """По сроку оплаты; менеджер видит счета своих клиентов. / By due date; a manager sees own customers'."""
    rows = list_lines(db, caller, customer_id=customer_id, unpaid=unpaid, after=_start(after), limit=limit + 1)
    page, spoken, today = rows[:limit], speech(language), today_of(db, now)
    items = [InvoiceSummary(**_summary(line, invoice, today, spoken)) for line, invoice in page]
    more = cursor(page[-1][0].due_date, page[-1][0].id) if len(rows) > limit else None
    return InvoiceList(items=items, next=more)


@router.get("/{invoice_id}", summary="Счёт / An invoice", responses=problems(404))
def get_invoice(invoice_id: UUID, caller: Caller, db: Db, language: Language, now: Now) -> InvoiceOut:
    """Остаток, просрочка, шаг взыскания и вся история. / What is owed, how late, the stage, and the whole history."""
    return invoice_out(db, line_for(db, invoice_id, caller), language, now=now)


def invoice_out(db: Session, line: ScheduleLineRow, language: LanguageCode, *, now: datetime) -> InvoiceOut:
    """An instalment with everything about it."""
    spoken, context = speech(language), context_of(db, line)
    wait = wait_of(context, next_step_of(db, context, now), now) if line.residual else None
    return InvoiceOut(
        **_summary(line, context.invoice, context.calendar.day_of(now), spoken),
        invoice_id=context.invoice.id,
        customer_name=context.customer.name,
        waiting=waiting(wait, language),
        dispute=_dispute(context, now),
        credit_notes=[note_out(note, context.invoice.currency) for note in of_invoice(db, context.invoice.id)],
        history=[_event(event, context.invoice.currency, spoken) for event in history_of(db, line)],
    )


def note_out(note: CreditNoteRow, currency: str) -> CreditNoteOut:
    """A posted credit note."""
    return CreditNoteOut(
        id=note.id,
        number=note.number,
        amount=MoneyOut.of(note.amount, currency),
        freed=MoneyOut.of(note.freed, currency),
        date=note.issued_on,
        reason=note.reason,
    )


def _dispute(context: DunningContext, now: datetime) -> DisputeOut | None:
    dispute, disputed = context.dispute, context.line.residual - context.undisputed(now)
    if dispute is None or not disputed:
        return None
    return DisputeOut(
        amount=MoneyOut.of(disputed, context.invoice.currency),
        reason=dispute.reason,
        comment=dispute.comment,
        until=dispute.ends_on,
    )


def _summary(line: ScheduleLineRow, invoice: InvoiceRow, today: date, spoken: Speech) -> dict[str, Any]:
    n = days_overdue(line.due_date, max(today, line.observed_on or today))
    days = max(0, n) if line.residual else 0
    status = InvoiceStatus.OVERDUE if days else InvoiceStatus.OPEN
    return {
        "id": line.id,
        "number": invoice.number,
        "workflow_id": invoice_workflow_id(str(line.id)),
        "customer_id": invoice.customer_id,
        "order_id": invoice.order_id,
        "amount": MoneyOut.of(line.amount, invoice.currency),
        "residual": MoneyOut.of(line.residual, invoice.currency),
        "issued_on": invoice.issued_on,
        "due_date": line.due_date,
        "days_overdue": days,
        "status": status if line.residual else InvoiceStatus.SETTLED,
        "stage": line.stage,
        "stage_name": stage_name(line.stage, spoken)
        if line.residual
        else invoice_status_name(InvoiceStatus.SETTLED, spoken),
    }


def _event(event: JournalRow, currency: str, spoken: Speech) -> EventOut:
    data = {"currency": currency, **event.data}
    return EventOut(
        at=event.at, event=event.event, text=event_text(event.event, spoken, **data), actor=event.actor_name, data=data
    )


def _start(after: str | None) -> tuple[date, UUID] | None:
    key = read_cursor(after, 2)
    if key is None:
        return None
    try:
        return date.fromisoformat(key[0]), UUID(key[1])
    except ValueError:
        raise invalid("after", "bad_cursor") from None
