"""Open invoices taken over as opening balances, once, by customer and number."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence.import_task import Import, ImportRefusedError, any_id
from activities.persistence.money_tables import InvoiceRow, ScheduleLineRow
from activities.persistence.party_tables import CustomerRow, LegalEntityRow
from activities.persistence.policies import policy_in_force
from domain.import_records import InvoiceRecord, Known
from domain.import_sheets import INVOICES, NUMBER, RowProblem
from domain.invoicing import InvoiceInput
from domain.money import ZERO


def write_invoices(
    task: Import, records: list[InvoiceRecord], customers: Mapping[object, CustomerRow], known: Known
) -> None:
    """Opening balances: taken over once, by customer and number; what was paid since is not written back."""
    version, _ = policy_in_force(task.session, on=known.today)
    stored = _stored_invoices(task.session, {customers[record.customer.key].id for record in records})
    problems: list[RowProblem] = []
    new: list[tuple[InvoiceRow, ScheduleLineRow, CustomerRow]] = []
    for record in records:
        customer = customers[record.customer.key]
        found = stored.get((customer.id, record.number))
        if found is None:
            invoice = _new_invoice(task.company, record, customer)
            line = _new_line(record, invoice, version)
            new.append((invoice, line, customer))
            task.count("invoices", "created")
        elif found.invoice.kind != "opening":
            words = f"счёт № {record.number} этого клиента уже выставлен по отгрузке: удалите строку"
            problems.append(RowProblem(INVOICES.title, record.line, None, "number_taken", words, NUMBER.title))
        else:
            _compare_invoice(task, record, found)
            if found.line.residual > 0:
                task.written.watch.append(_watch(task, found.invoice, found.line, customer))
    if problems:
        raise ImportRefusedError(problems)
    task.session.add_all(invoice for invoice, _, _ in new)
    task.session.flush()
    task.session.add_all(line for _, line, _ in new)
    task.session.flush()
    for invoice, line, customer in new:
        task.journal("invoice", invoice.id, "taken_over", amount=str(line.amount), residual=str(line.residual),
                     due_date=line.due_date.isoformat())  # fmt: skip
        task.written.watch.append(_watch(task, invoice, line, customer))


@dataclass(frozen=True, slots=True)
class _StoredInvoice:
    invoice: InvoiceRow
    line: ScheduleLineRow
    allocated: Decimal


def _stored_invoices(session: Session, customers: Iterable[UUID]) -> dict[tuple[UUID, str], _StoredInvoice]:
    query = (
        select(InvoiceRow, ScheduleLineRow)
        .join(ScheduleLineRow, col(ScheduleLineRow.invoice_id) == col(InvoiceRow.id))
        .where(col(InvoiceRow.customer_id) == any_id(customers), ScheduleLineRow.line_no == 1)
    )
    pairs = session.exec(query).all()
    sums = text(
        "SELECT schedule_line_id, sum(amount) FROM payment_allocation WHERE schedule_line_id = ANY(:lines) GROUP BY 1"
    )
    rows = session.execute(sums, {"lines": [line.id for _, line in pairs]})
    allocated: dict[UUID, Decimal] = {row[0]: row[1] for row in rows}
    return {
        (invoice.customer_id, invoice.number): _StoredInvoice(invoice, line, allocated.get(line.id, ZERO))
        for invoice, line in pairs
    }


def _compare_invoice(task: Import, record: InvoiceRecord, stored: _StoredInvoice) -> None:
    """Unchanged when the file repeats what was taken over, whatever was paid since; otherwise said, not written."""
    taken_over = (stored.invoice.issued_on, stored.line.due_date, stored.line.amount)
    residual = stored.line.residual + stored.allocated
    task.count("invoices", "unchanged")
    if (record.issued_on, record.due_date, record.amount) == taken_over and record.residual == residual:
        return
    words = (
        f"счёт № {record.number} уже загружен с другими данными (остаток {residual}, "
        f"срок {stored.line.due_date:%d.%m.%Y}): он не изменён; остаток уменьшают только оплаты"
    )
    notice = RowProblem(INVOICES.title, record.line, None, "invoice_kept", words, NUMBER.title)
    task.written.notices.append(notice)


def _new_invoice(company: LegalEntityRow, record: InvoiceRecord, customer: CustomerRow) -> InvoiceRow:
    return InvoiceRow(
        number=record.number,
        kind="opening",
        customer_id=customer.id,
        credit_account_id=customer.credit_account_id,
        legal_entity_id=company.id,
        issued_on=record.issued_on,
        currency=customer.currency,
        gross=record.amount,
        vat=ZERO,
    )


def _new_line(record: InvoiceRecord, invoice: InvoiceRow, policy_version: int) -> ScheduleLineRow:
    return ScheduleLineRow(
        invoice_id=invoice.id,
        line_no=1,
        amount=record.amount,
        residual=record.residual,
        due_date=record.due_date,
        policy_version=policy_version,
    )


def _watch(task: Import, invoice: InvoiceRow, line: ScheduleLineRow, customer: CustomerRow) -> InvoiceInput:
    return InvoiceInput(
        schedule_line_id=str(line.id),
        invoice_number=invoice.number,
        customer_id=str(customer.id),
        manager_id=str(customer.manager_id) if customer.manager_id else None,
        order_id=None,
        as_of=task.as_of,
    )
