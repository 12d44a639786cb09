"""Invoices as people look at them: one instalment, or a list of them."""

from datetime import date
from uuid import UUID

from sqlmodel import Session, col, select, tuple_

from activities.persistence.events import events_of
from activities.persistence.money_tables import InvoiceRow, ScheduleLineRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.record_tables import JournalRow
from domain.money_errors import InvoiceNotFoundError
from domain.orders import Actor, Role


def line_for(session: Session, identity: UUID, caller: Actor) -> ScheduleLineRow:
    """The instalment with this id, or the first unpaid one of the invoice with this id.

    Raises:
        InvoiceNotFoundError: there is none, or it is of another manager's customer (D14).
    """
    line = (
        session.get(ScheduleLineRow, identity)
        or session.exec(
            select(ScheduleLineRow)
            .where(ScheduleLineRow.invoice_id == identity)
            .order_by(col(ScheduleLineRow.residual) == 0, col(ScheduleLineRow.line_no))
        ).first()
    )
    if line is None:
        raise InvoiceNotFoundError
    invoice = session.get_one(InvoiceRow, line.invoice_id)
    customer = session.get_one(CustomerRow, invoice.customer_id)
    if caller.role is Role.MANAGER and customer.manager_id not in {None, UUID(caller.id)}:
        raise InvoiceNotFoundError
    return line


def list_lines(
    session: Session,
    caller: Actor,
    *,
    customer_id: UUID | None,
    unpaid: bool,
    after: tuple[date, UUID] | None,
    limit: int,
) -> list[tuple[ScheduleLineRow, InvoiceRow]]:
    """Instalments that the caller may see, by due date."""
    query = (
        select(ScheduleLineRow, InvoiceRow)
        .join(InvoiceRow, col(InvoiceRow.id) == ScheduleLineRow.invoice_id)
        .join(CustomerRow, col(CustomerRow.id) == InvoiceRow.customer_id)
        .order_by(col(ScheduleLineRow.due_date), col(ScheduleLineRow.id))
        .limit(limit)
    )
    if caller.role is Role.MANAGER:
        query = query.where(col(CustomerRow.manager_id).is_(None) | (col(CustomerRow.manager_id) == UUID(caller.id)))
    if customer_id is not None:
        query = query.where(InvoiceRow.customer_id == customer_id)
    if unpaid:
        query = query.where(ScheduleLineRow.residual > 0)
    if after is not None:
        query = query.where(tuple_(col(ScheduleLineRow.due_date), col(ScheduleLineRow.id)) > after)
    return list(session.exec(query).all())


def history_of(session: Session, line: ScheduleLineRow) -> list[JournalRow]:
    """What happened to an instalment, oldest first."""
    about_invoice = [
        event
        for event in events_of(session, "invoice", line.invoice_id)
        if event.data.get("schedule_line_id") in {None, str(line.id)}
    ]
    about_line = events_of(session, "schedule_line", line.id)
    return sorted([*about_invoice, *about_line], key=lambda event: event.id or 0)
