"""Legal cases: one open case per customer and company, with the package a lawyer needs (D10-9, D10-10)."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence.calendars import company_calendar
from activities.persistence.credit import lock_account
from activities.persistence.dunning import DunningContext
from activities.persistence.events import record_event
from activities.persistence.identifiers import next_number
from activities.persistence.money_tables import InvoiceRow, LegalCaseLineRow, LegalCaseRow, ScheduleLineRow
from activities.persistence.order_tables import ApprovalRow
from activities.persistence.party_tables import ContractRow, CreditAccountRow, CustomerRow
from activities.persistence.rates import load_rates
from activities.persistence.record_tables import OutboundRow, TaskRow
from activities.persistence.stock_tables import ShipmentRow
from activities.persistence.tasks import open_task
from domain.dunning import days_overdue
from domain.money import ZERO
from domain.money_errors import LegalCaseNotFoundError
from domain.orders import SYSTEM, Actor, Role
from domain.rates import DayRates
from domain.tasks import TaskKind
from domain.wording import document_name, task_subject

Item = dict[str, Any]
MERGED_INTO = "merged:"
"""How a withdrawn letter names the one that took its place."""


def open_or_join(session: Session, context: DunningContext, *, at: datetime) -> LegalCaseRow:
    """The customer's open case with this line in it. The caller holds the credit account, so there is one (D10-9)."""
    case = session.exec(
        select(LegalCaseRow)
        .where(LegalCaseRow.customer_id == context.customer.id, LegalCaseRow.state != "closed")
        .where(LegalCaseRow.legal_entity_id == context.company.id)
        .with_for_update()
    ).first()
    if case is None:
        case = LegalCaseRow(
            number=f"Д-{next_number(session, 'legal_case'):06d}",
            customer_id=context.customer.id,
            legal_entity_id=context.company.id,
            credit_account_id=context.invoice.credit_account_id,
            state="open",
            opened_on=context.calendar.day_of(at),
            package={},
        )
        session.add(case)
        session.get_one(CreditAccountRow, case.credit_account_id).suspended = True  # D5-8
        session.flush()
        record_event(session, "legal_case", case.id, "case_opened", SYSTEM, at=at, number=case.number)
    if session.exec(select(LegalCaseLineRow).where(LegalCaseLineRow.schedule_line_id == context.line.id)).first():
        return case
    session.add(LegalCaseLineRow(case_id=case.id, schedule_line_id=context.line.id))
    session.flush()
    case.state = "open"
    case.package = build_package(session, case, context, at=at)
    record_event(
        session, "legal_case", case.id, "line_joined", SYSTEM, at=at,
        invoice=context.invoice.number, residual=str(context.line.residual),
    )  # fmt: skip
    return case


def worth_of(
    session: Session, lines: Sequence[tuple[ScheduleLineRow, InvoiceRow]], base: str, *, today: date
) -> Decimal:
    """What is owed on lines, in one currency: that of other invoices counts at the rate of the day (D2-18)."""
    foreign = any(invoice.currency != base for _, invoice in lines)
    rates = load_rates(session, base, today=today) if foreign else DayRates(base)
    return sum((rates.convert(line.residual, invoice.currency) for line, invoice in lines), ZERO)


def mark_paid(session: Session, line_id: UUID, *, at: datetime) -> None:
    """A case whose lines are all paid is `paid`; the lawyer closes it (D10-9)."""
    case = session.exec(
        select(LegalCaseRow)
        .join(LegalCaseLineRow, col(LegalCaseLineRow.case_id) == LegalCaseRow.id)
        .where(LegalCaseLineRow.schedule_line_id == line_id, LegalCaseRow.state == "open")
        .with_for_update()
    ).first()
    if case is not None and sum((line.residual for line, _ in lines_of(session, case.id)), ZERO) == 0:
        case.state = "paid"
        record_event(session, "legal_case", case.id, "case_paid", SYSTEM, at=at)


def close_if_paid(session: Session, line_id: UUID, actor: Actor, *, at: datetime) -> UUID | None:
    """The lawyer is done with a case whose money is in (D10-9), the director is asked for the limit (D5-8); the account
    whose orders may go on prepaid, or None."""
    account = session.exec(
        select(LegalCaseRow.credit_account_id)
        .join(LegalCaseLineRow, col(LegalCaseLineRow.case_id) == LegalCaseRow.id)
        .where(LegalCaseLineRow.schedule_line_id == line_id)
    ).first()
    if account is None:
        return None
    lock_account(session, account)  # before the case, as dunning does (D3-6)
    case = session.exec(
        select(LegalCaseRow)
        .join(LegalCaseLineRow, col(LegalCaseLineRow.case_id) == LegalCaseRow.id)
        .where(LegalCaseLineRow.schedule_line_id == line_id, LegalCaseRow.state == "paid")
        .with_for_update(of=LegalCaseRow)
        .execution_options(populate_existing=True)
    ).first()
    if case is None:
        return None
    case.state = "closed"
    session.flush()
    record_event(session, "legal_case", case.id, "case_closed", actor, at=at)
    if not has_open_case(session, case.credit_account_id):
        _ask_to_restore(session, case, at=at)
    return case.credit_account_id


def has_open_case(session: Session, account_id: UUID) -> bool:
    """Whether any case of the account is not closed."""
    query = select(LegalCaseRow.id).where(LegalCaseRow.credit_account_id == account_id, LegalCaseRow.state != "closed")
    return session.exec(query).first() is not None


def _ask_to_restore(session: Session, case: LegalCaseRow, *, at: datetime) -> None:
    """The limit stays 0 until the director gives it back (D5-8)."""
    customer = session.get_one(CustomerRow, case.customer_id)
    words: dict[str, Any] = {"customer": customer.name, "case": case.number}
    open_task(
        session,
        key=f"legal_case:{case.id}:restore-limit",
        kind=TaskKind.RESTORE_LIMIT,
        role=Role.DIRECTOR,
        subject=task_subject(TaskKind.RESTORE_LIMIT, **words),
        words=words,
        due_at=company_calendar(session).after_working_days(at, 1),
        created_at=at,
        customer_id=customer.id,
        details={"account_id": str(case.credit_account_id)},
    )


def case_for(session: Session, case_id: UUID, caller: Actor) -> LegalCaseRow:
    """A case as the caller may see it: a manager sees those of own customers (D14).

    Raises:
        LegalCaseNotFoundError: there is none, or it is another manager's.
    """
    case = session.get(LegalCaseRow, case_id)
    if case is None or not _visible(session.get_one(CustomerRow, case.customer_id), caller):
        raise LegalCaseNotFoundError
    return case


def cases_for(session: Session, caller: Actor, *, after: UUID | None, limit: int) -> list[LegalCaseRow]:
    """The cases that the caller may see, newest first."""
    query = (
        select(LegalCaseRow)
        .join(CustomerRow, col(CustomerRow.id) == LegalCaseRow.customer_id)
        .order_by(col(LegalCaseRow.id).desc())
        .limit(limit)
    )
    if caller.role is Role.MANAGER:
        query = query.where(CustomerRow.manager_id == UUID(caller.id))
    if after is not None:
        query = query.where(LegalCaseRow.id < after)
    return list(session.exec(query))


def _visible(customer: CustomerRow, caller: Actor) -> bool:
    return caller.role is not Role.MANAGER or str(customer.manager_id) == caller.id


def lines_of(session: Session, case_id: UUID) -> list[tuple[ScheduleLineRow, InvoiceRow]]:
    """The schedule lines of a case with their invoices, earliest due first."""
    query = (
        select(ScheduleLineRow, InvoiceRow)
        .join(LegalCaseLineRow, col(LegalCaseLineRow.schedule_line_id) == ScheduleLineRow.id)
        .join(InvoiceRow, col(InvoiceRow.id) == ScheduleLineRow.invoice_id)
        .where(LegalCaseLineRow.case_id == case_id)
        .order_by(col(ScheduleLineRow.due_date), col(ScheduleLineRow.id))
    )
    return list(session.exec(query).all())


def build_package(session: Session, case: LegalCaseRow, context: DunningContext, *, at: datetime) -> dict[str, Any]:
    """Everything known about the claim, and what is missing (D10-10)."""
    lines = lines_of(session, case.id)
    today = max(context.calendar.day_of(at), context.line.observed_on or context.calendar.day_of(at))
    found: dict[str, list[Item]] = {
        "contract": _contracts(session, context),
        "invoices": [
            {"number": invoice.number, "issued_on": invoice.issued_on.isoformat(), "amount": str(invoice.gross)}
            for _, invoice in lines
        ],
        "waybills": _waybills(session, [invoice for _, invoice in lines]),
        "reconciliation": [],
        "letters": _letters(session, [line.id for line, _ in lines]),
        "calls": _calls(session, [line.id for line, _ in lines]),
        "approvals": _approvals(session, [invoice for _, invoice in lines]),
        "debt": [
            {
                "invoice": invoice.number,
                "due_date": line.due_date.isoformat(),
                "days_overdue": days_overdue(line.due_date, today),
                "amount": str(line.amount),
                "residual": str(line.residual),
                "currency": invoice.currency,
            }
            for line, invoice in lines
        ],
    }
    missing = missing_documents(found, invoices=len(lines))
    return {
        "as_of": today.isoformat(),
        "currency": context.customer.currency,
        "total": str(worth_of(session, lines, context.customer.currency, today=today)),
        "documents": [
            {"code": code, "name": document_name(code), "missing": code in missing, "items": items}
            for code, items in found.items()
        ],
    }


def missing_documents(found: dict[str, list[Item]], *, invoices: int) -> list[str]:
    """Documents somebody must still bring. Approvals are not due where nobody had to approve."""
    missing = [code for code in ("contract", "reconciliation", "letters", "calls") if not found[code]]
    if len(found["waybills"]) < invoices:
        missing.append("waybills")
    return missing


def _contracts(session: Session, context: DunningContext) -> list[Item]:
    rows = session.exec(select(ContractRow).where(ContractRow.customer_id == context.customer.id))
    return [
        {
            "number": row.number,
            "signed_on": row.signed_on.isoformat(),
            "valid_until": row.valid_until.isoformat() if row.valid_until else None,
        }
        for row in rows
    ]


def _waybills(session: Session, invoices: list[InvoiceRow]) -> list[Item]:
    shipments = [invoice.shipment_id for invoice in invoices if invoice.shipment_id]
    rows = session.exec(select(ShipmentRow).where(col(ShipmentRow.id).in_(shipments)))
    return [{"number": row.number, "shipped_on": row.shipped_on.isoformat()} for row in rows]


def _letters(session: Session, line_ids: list[UUID]) -> list[Item]:
    """Letters about the lines, and those that other letters were merged into (D10-4)."""
    own = session.exec(
        select(OutboundRow).where(col(OutboundRow.schedule_line_id).in_(line_ids), OutboundRow.audience == "customer")
    ).all()
    merged = [row.error.removeprefix(MERGED_INTO) for row in own if row.error and row.error.startswith(MERGED_INTO)]
    others = session.exec(select(OutboundRow).where(col(OutboundRow.key).in_(merged))).all()
    letters = {row.key: row for row in (*own, *others) if row.state != "cancelled"}
    return [
        {
            "subject": row.subject,
            "recipient": row.recipient,
            "message_id": row.message_id,
            "state": row.state,
            "sent_at": row.done_at.isoformat() if row.done_at else None,
        }
        for row in sorted(letters.values(), key=lambda row: (row.created_at, row.key))
    ]


def _calls(session: Session, line_ids: list[UUID]) -> list[Item]:
    rows = session.exec(
        select(TaskRow)
        .where(col(TaskRow.schedule_line_id).in_(line_ids), TaskRow.kind == "call_overdue", TaskRow.state == "done")
        .order_by(col(TaskRow.completed_at))
    )
    return [
        {
            "at": row.completed_at.isoformat() if row.completed_at else None,
            "result": row.result,
            "comment": row.comment,
        }
        for row in rows
    ]


def _approvals(session: Session, invoices: list[InvoiceRow]) -> list[Item]:
    orders = [invoice.order_id for invoice in invoices if invoice.order_id]
    rows = session.exec(
        select(ApprovalRow).where(col(ApprovalRow.order_id).in_(orders), ApprovalRow.state == "approved")
    )
    return [
        {
            "order_id": str(row.order_id),
            "decided_by": str(row.decided_by),
            "decided_at": row.decided_at.isoformat() if row.decided_at else None,
            "ceiling": str(row.ceiling),
            "comment": row.comment,
        }
        for row in rows
    ]
