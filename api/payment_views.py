"""Payments and statements as callers read them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from sqlmodel import Session

from activities.persistence import payments as store
from activities.persistence.tables import AllocationRow, PaymentRow
from api.i18n import Language, speech
from api.schemas import money
from domain.payments import RejectedLine, StatementSummary
from domain.wording.payments import line_text, queue_text
from workflows.ids import payment_workflow_id


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


def _line(line: RejectedLine, language: Language) -> dict[str, Any]:
    text = line_text(line.code, speech(language), line=line.line, value=line.value)
    return {"line": line.line, "code": line.code, "text": text}
