"""Payments and statements as callers read them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from pydantic import Field, TypeAdapter
from sqlmodel import Session

from activities.persistence import payments as store
from activities.persistence.money_tables import AllocationRow, BankStatementRow, PaymentRow
from api.i18n import Language, speech
from api.schemas import MoneyOut, Out, Page, money
from domain.payments import PaymentState, RejectedLine, StatementSummary
from domain.wording.payments import line_text, queue_text
from workflows.ids import payment_workflow_id

_SUMMARY = TypeAdapter(StatementSummary)


class AllocationOut(Out):
    order_id: str | None
    invoice_id: str | None
    amount: MoneyOut


class PaymentOut(Out):
    """Money that came, and what it pays."""

    id: str
    external_id: str | None
    source: str = Field(examples=["statement"])
    state: PaymentState
    reason: str | None = Field(description="Почему платёж ждёт бухгалтера. / Why it waits for the accountant.")
    reason_text: str | None
    amount: MoneyOut
    unallocated: MoneyOut
    date: str = Field(examples=["2026-04-06"])
    document_number: str | None
    payer_tax_id: str | None
    payer_name: str | None
    payer_account: str | None
    purpose: str
    customer_id: str | None
    allocations: list[AllocationOut]
    recorded_at: str
    workflow_id: str


class PaymentList(Page):
    items: list[PaymentOut]


class StatementLineOut(Out):
    line: int = Field(examples=[34])
    code: str = Field(examples=["bad_amount"])
    text: str


class StatementOut(Out):
    """What came of one upload of a bank file."""

    payments_created: int
    duplicates: int
    matched: int
    unmatched: int
    ignored: int = Field(description="Списания и переводы между своими счетами. / Money that left.")
    rejected: list[StatementLineOut]
    warnings: list[StatementLineOut]
    sha256: str


class InProgressOut(Out):
    """Taken and safe; the answer is not there yet."""

    status: str = Field(examples=["processing"])
    workflow_id: str


IN_PROGRESS: dict[int | str, dict[str, Any]] = {
    202: {"model": InProgressOut, "description": "Принято, ответ ещё не готов. / Taken, no answer yet."}
}


def payment(session: Session, row: PaymentRow, language: Language) -> dict[str, Any]:
    """One payment with what it pays."""
    return payments(session, [row], language)[0]


def payments(session: Session, rows: Sequence[PaymentRow], language: Language) -> list[dict[str, Any]]:
    """Payments with what they pay, in two queries whatever their number."""
    parts: defaultdict[UUID, list[AllocationRow]] = defaultdict(list)
    for part in store.allocations_of(session, [row.id for row in rows]):
        parts[part.payment_id].append(part)
    return [_payment(row, parts[row.id], language) for row in rows]


def _payment(row: PaymentRow, parts: Sequence[AllocationRow], language: Language) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "external_id": row.external_id,
        "source": row.source,
        "state": row.state,
        "reason": row.reason,
        "reason_text": queue_text(row.reason, speech(language)) if row.reason else None,
        "amount": money(row.amount, row.currency),
        "unallocated": money(row.unallocated, row.currency),
        "date": row.posted_on.isoformat(),
        "document_number": row.document_number,
        "payer_tax_id": row.payer_tax_id,
        "payer_name": row.payer_name,
        "payer_account": row.payer_account,
        "purpose": row.purpose,
        "customer_id": str(row.customer_id) if row.customer_id else None,
        "allocations": [
            {
                "order_id": str(part.order_id) if part.order_id else None,
                "invoice_id": str(part.schedule_line_id) if part.schedule_line_id else None,
                "amount": money(part.amount, row.currency),
            }
            for part in parts
        ],
        "recorded_at": row.recorded_at.astimezone(UTC).isoformat(),
        "workflow_id": payment_workflow_id(row.identity),
    }


def statement(sha256: str, summary: StatementSummary, language: Language) -> dict[str, Any]:
    """The answer to an upload."""
    return {
        "payments_created": summary.payments_created,
        "duplicates": summary.duplicates,
        "matched": summary.matched,
        "unmatched": summary.unmatched,
        "ignored": summary.ignored,
        "rejected": [_line(each, language) for each in summary.rejected],
        "warnings": [_line(each, language) for each in summary.warnings],
        "sha256": sha256,
    }


def stored_statement(row: BankStatementRow, language: Language) -> dict[str, Any] | None:
    """The answer that the first upload of a file got; None while it is being worked on."""
    if row.summary is None:
        return None
    return statement(row.sha256, _SUMMARY.validate_python(row.summary), language)


def _line(line: RejectedLine, language: Language) -> dict[str, Any]:
    text = line_text(line.code, speech(language), line=line.line, value=line.value)
    return {"line": line.line, "code": line.code, "text": text}
