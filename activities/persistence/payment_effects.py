"""What applying a payment does besides moving sums: settled lines, the journal, the accountant's task."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, select

from activities.persistence import payments as store
from activities.persistence.calendars import company_calendar
from activities.persistence.events import record_event
from activities.persistence.money_tables import InvoiceRow, PaymentRow, ScheduleLineRow
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.rates import load_rates
from activities.persistence.reconsideration import reconsider_locked
from activities.persistence.record_tables import TaskRow
from activities.persistence.tasks import open_task
from domain.matching import Allotment, ItemKind, QueueReason
from domain.orders import SYSTEM, Actor, Role
from domain.payment_references import extract_references
from domain.payments import PaymentOutcome, PaymentState
from domain.tasks import TaskKind
from domain.wording import task_subject


def has_worth(session: Session, payment: PaymentRow, account: CreditAccountRow, *, at: datetime) -> bool:
    """Whether money counts on an account: it is in the account's currency, or a rate of its own is known (D2-18)."""
    if payment.currency == account.currency:
        return True
    return load_rates(session, account.currency, today=company_calendar(session).day_of(at)).knows(payment.currency)


def settle(
    session: Session,
    payment: PaymentRow,
    account: CreditAccountRow,
    allotments: Sequence[Allotment],
    actor: Actor,
    *,
    at: datetime,
) -> tuple[str, ...]:
    """Apply a decision to locked items of a locked account: sums, settled lines, and the journal of each order and
    invoice it touched.

    Returns the orders that waited for credit and move on with this money (D2-13).
    """
    store.allocate(session, payment, allotments, at=at)
    for part in allotments:
        if part.kind is ItemKind.ORDER:
            record_event(session, "order", part.id, "payment_received", actor, at=at,
                         payment_id=str(payment.id), amount=str(part.amount))  # fmt: skip
            continue
        line = session.get_one(ScheduleLineRow, UUID(part.id))
        if line.residual == 0:
            today = company_calendar(session).day_of(at)
            line.settled_on = max(today, line.observed_on or today)
        invoice = session.get_one(InvoiceRow, line.invoice_id)
        record_event(session, "invoice", invoice.id, "payment_received", actor, at=at, payment_id=str(payment.id),
                     schedule_line_id=part.id, amount=str(part.amount), residual=str(line.residual))  # fmt: skip
        if invoice.order_id is not None:
            record_event(session, "order", invoice.order_id, "payment_received", actor, at=at,
                         payment_id=str(payment.id), amount=str(part.amount), invoice=invoice.number)  # fmt: skip
    record_event(session, "payment", payment.id, "payment_applied", actor, at=at,
                 allotments=[{"kind": part.kind, "id": part.id, "amount": str(part.amount)} for part in allotments],
                 advance=str(payment.unallocated))  # fmt: skip
    return reconsider_locked(session, account, at=at)


def queue_for_accountant(
    session: Session, payment: PaymentRow, reason: QueueReason, *, due_at: datetime, at: datetime
) -> None:
    """Give the payment to the accountant with what is known about it (D9-5, D9-6)."""
    payment.state, payment.reason = PaymentState.UNMATCHED, reason
    suggested = store.named_customers(session, extract_references(payment.purpose))
    words: dict[str, Any] = {
        "amount": payment.amount,
        "currency": payment.currency,
        "payer": payment.payer_name or payment.payer_tax_id or payment.payer_account or "—",
    }
    open_task(
        session,
        key=_task_key(payment),
        kind=TaskKind.PAYMENT_QUEUE,
        role=Role.ACCOUNTANT,
        subject=task_subject("payment_queue", **words),
        words=words,
        due_at=due_at,
        created_at=at,
        customer_id=payment.customer_id,
        details={
            "payment_id": str(payment.id),
            "reason": reason,
            "amount": str(payment.amount),
            "currency": payment.currency,
            "purpose": payment.purpose,
            "suggested_customers": [str(customer) for customer in suggested],
        },
    )
    record_event(session, "payment", payment.id, "payment_queued", SYSTEM, at=at, reason=reason)


def close_queue_task(session: Session, payment: PaymentRow, actor: Actor, *, at: datetime) -> None:
    """The accountant decided: the task about the payment is done."""
    task = session.exec(select(TaskRow).where(TaskRow.key == _task_key(payment)).with_for_update()).first()
    if task is not None and task.state == "open":
        task.state, task.result = "done", "allocated"
        task.completed_by, task.completed_at = UUID(actor.id), at


def applied(session: Session, payment: PaymentRow, moved: tuple[str, ...] = ()) -> PaymentOutcome:
    """Where a payment stands, and who must look again; `moved` are the orders that credit set free with it."""
    session.flush()
    parts = store.allocations_of(session, [payment.id])
    lines = [str(part.schedule_line_id) for part in parts if part.schedule_line_id]
    tied = [str(part.order_id) for part in parts if part.order_id]
    account = payment.credit_account_id
    return PaymentOutcome(
        payment_id=str(payment.id),
        state=PaymentState(payment.state),
        unallocated=payment.unallocated,
        reason=QueueReason(payment.reason) if payment.reason else None,
        customer_id=str(payment.customer_id) if payment.customer_id else None,
        credit_account_id=str(account) if account else None,
        order_ids=tuple(dict.fromkeys([*tied, *store.orders_of_lines(session, lines)])),
        schedule_line_ids=tuple(dict.fromkeys(lines)),
        stopped_order_ids=moved,
    )


def _task_key(payment: PaymentRow) -> str:
    return f"payment:{payment.id}:queue"
