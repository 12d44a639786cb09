"""Payments: recorded once, matched and applied under the payer's lock, sorted out by the accountant."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import credit, orders
from activities.persistence import payments as store
from activities.persistence.calendars import company_calendar
from activities.persistence.events import record_event
from activities.persistence.manual_allocation import allocate_by_hand
from activities.persistence.money_tables import BankStatementRow, PaymentRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow, LegalEntityRow
from activities.persistence.payment_effects import applied, has_worth, queue_for_accountant, settle
from activities.persistence.reconsideration import reconsider_account
from activities.persistence.steps import run_once
from domain.bank_statement import Problem, Receipt, parse_statement
from domain.matching import QueueReason, match_payment, new_lines
from domain.money_errors import StatementNotFoundError
from domain.orders import SYSTEM, Actor
from domain.payment_references import extract_references
from domain.payments import (
    AllocateCommand,
    ApplyRequest,
    PaymentDraft,
    PaymentOutcome,
    PaymentState,
    PendingPayment,
    RecordRequest,
    RejectedLine,
    StatementInput,
    StatementSummary,
)
from domain.statement_text import currency_of_account


class PaymentActivities:
    """Everything that moves money locks the payer's credit account first (D3-2)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def record_payment(self, request: RecordRequest) -> str:
        """Record money that came, once per identity; returns the payment's id."""
        key = f"payment:{request.draft.identity}:record"
        return run_once(self._engine, key, str, lambda s: _record(s, request), as_of=request.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def register_statement(self, upload: StatementInput) -> StatementSummary:
        """Record the new money of a stored bank file: all of it or nothing, nothing twice (D9-1, V25)."""
        key = f"statement:{upload.sha256}:register:{upload.upload_id}"
        return run_once(self._engine, key, StatementSummary, lambda s: _register(s, upload), as_of=upload.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def pending_payments(self, sha256: str, limit: int) -> list[PendingPayment]:
        """The next payments of a file that nobody has matched yet."""
        with Session(self._engine) as session:
            return list(store.pending_payments(session, sha256, limit=limit))

    @activity.defn(no_thread_cancel_exception=True)
    def close_statement(self, sha256: str, summary: StatementSummary) -> None:
        """Keep the answer that the first upload of a file got."""
        with Session(self._engine) as session, session.begin():
            row = session.get(BankStatementRow, sha256, with_for_update=True)
            if row is not None and row.summary is None:
                row.summary = summary_json(summary)

    @activity.defn(no_thread_cancel_exception=True)
    def apply_payment(self, request: ApplyRequest) -> PaymentOutcome:
        """Find the payer, decide what the payment pays (D9-3), and apply it; a repeat returns what was decided."""
        key = f"payment:{request.payment_id}:apply"
        return run_once(self._engine, key, PaymentOutcome, lambda s: _apply(s, request), as_of=request.as_of)

    @activity.defn(no_thread_cancel_exception=True)
    def allocate_payment(self, command: AllocateCommand) -> PaymentOutcome:
        """Carry out the accountant's decision on a payment.

        Raises:
            PaymentNotFoundError, OrderNotFoundError, InvoiceNotFoundError, CustomerNotFoundError,
            AllocationTooLargeError, NothingToAllocateError, PaymentOfAnotherCustomerError, PaymentInProgressError,
            WrongCurrencyError
        """
        key = f"payment:{command.payment_id}:allocate:{command.key}"
        return run_once(self._engine, key, PaymentOutcome, lambda s: allocate_by_hand(s, command), as_of=command.as_of)


def summary_json(summary: StatementSummary) -> dict[str, object]:
    """The stored form of an answer: counts, and what was put aside."""
    return {
        "payments_created": summary.payments_created,
        "duplicates": summary.duplicates,
        "matched": summary.matched,
        "unmatched": summary.unmatched,
        "ignored": summary.ignored,
        "rejected": [{"line": each.line, "code": each.code, "value": each.value} for each in summary.rejected],
        "warnings": [{"line": each.line, "code": each.code, "value": each.value} for each in summary.warnings],
    }


def _record(session: Session, request: RecordRequest) -> str:
    found = store.payers(session, request.draft.payer_tax_id, request.draft.payer_kpp)
    row = _add(session, request.draft, found, request.actor, at=request.as_of)
    return str(row.id)


def _add(
    session: Session,
    draft: PaymentDraft,
    found: Sequence[CustomerRow],
    actor: Actor,
    *,
    at: datetime,
    statement: str | None = None,
) -> PaymentRow:
    payer = found[0] if len(found) == 1 else None
    currency = draft.currency or (payer or orders.legal_entity(session)).currency
    row = store.add_payment(session, draft, currency, at=at, statement=statement)
    row.customer_id = payer.id if payer else None
    record_event(session, "payment", row.id, "payment_recorded", actor, at=at, source=draft.source,
                 amount=str(draft.amount), currency=currency, posted_on=draft.posted_on.isoformat())  # fmt: skip
    return row


def _register(session: Session, upload: StatementInput) -> StatementSummary:
    stored = session.get(BankStatementRow, upload.sha256)
    if stored is None:
        raise StatementNotFoundError
    company = orders.legal_entity(session)
    today = company_calendar(session).day_of(upload.as_of)
    statement = parse_statement(stored.content, company.bank_accounts, today=today)
    store.serialise(session, (receipt.own_account for receipt in statement.documents))
    identities = [receipt.identity() for receipt in statement.documents]
    created = new_lines(store.stored_counts(session, identities), identities)
    drafts = [_draft(statement.documents[position], identity, company) for position, identity in created]
    payers = store.payers_by_tax_id(session, {draft.payer_tax_id for draft in drafts if draft.payer_tax_id})
    for draft in drafts:
        found = store.choose_branch(payers.get(draft.payer_tax_id or "", []), draft.payer_kpp)
        _add(session, draft, found, upload.actor, at=upload.as_of, statement=upload.sha256)
    summary = StatementSummary(
        payments_created=len(created),
        duplicates=len(identities) - len(created),
        ignored=statement.outgoing,
        rejected=tuple(map(_rejected, statement.problems)),
        warnings=tuple(map(_rejected, statement.warnings)),
    )
    record_event(session, "bank_statement", upload.sha256, "statement_registered", upload.actor, at=upload.as_of,
                 created=summary.payments_created, duplicates=summary.duplicates,
                 rejected=len(summary.rejected))  # fmt: skip
    return summary


def _draft(receipt: Receipt, identity: str, company: LegalEntityRow) -> PaymentDraft:
    """The money of a statement, in the currency of the account it came to, never in the payer's by guess (D1-1)."""
    return PaymentDraft(
        identity=identity,
        source="statement",
        posted_on=receipt.posted_on,
        amount=receipt.amount,
        purpose=receipt.purpose,
        currency=receipt.currency or currency_of_account(receipt.own_account) or company.currency,
        document_number=receipt.number or None,
        payer_name=receipt.payer_name,
        payer_tax_id=receipt.payer_tax_id,
        payer_kpp=receipt.payer_kpp,
        payer_account=receipt.payer_account,
    )


def _rejected(problem: Problem) -> RejectedLine:
    return RejectedLine(problem.line, problem.code, problem.value)


def _apply(session: Session, request: ApplyRequest) -> PaymentOutcome:
    payment, payer = store.payment_and_payer(session, request.payment_id)
    trouble = None
    if payer is None:
        payer, trouble = _find_payer(session, payment)
    account: CreditAccountRow | None = None
    if payer is not None:
        account = credit.lock_account(session, payer.credit_account_id)
        if not has_worth(session, payment, account, at=request.as_of):
            trouble = QueueReason.WRONG_CURRENCY
    payment = store.lock_payment(session, request.payment_id)
    if payment.reason != QueueReason.NEW:
        return applied(session, payment)
    payment.customer_id = payer.id if payer else None
    if trouble is not None or account is None:
        return _queue(session, payment, trouble or QueueReason.UNKNOWN_PAYER, at=request.as_of)
    items = store.open_items(session, account.id, payment.currency)
    known = store.known_documents(session, extract_references(payment.purpose), account.id, payment.currency)
    match = match_payment(payment.amount, payment.purpose, items, known)
    payment.credit_account_id = account.id
    if match.reason is not None:
        return _queue(session, payment, match.reason, at=request.as_of)
    payment.state, payment.reason = PaymentState.MATCHED, None
    moved = settle(session, payment, account, match.allotments, SYSTEM, at=request.as_of)
    return applied(session, payment, moved)


def _find_payer(session: Session, payment: PaymentRow) -> tuple[CustomerRow | None, QueueReason | None]:
    """Whose money it is: by the tax number, then by whose document the purpose names; never by guess (D9-6)."""
    found = store.payers(session, payment.payer_tax_id)
    if not found:
        return None, QueueReason.UNKNOWN_PAYER
    if len(found) > 1:
        named = set(store.named_customers(session, extract_references(payment.purpose)))
        by_name = [customer for customer in found if customer.id in named]
        one_account = len({customer.credit_account_id for customer in found}) == 1
        if len(by_name) == 1:
            return by_name[0], None
        if not one_account:
            return None, QueueReason.AMBIGUOUS_PAYER
    return found[0], None


def _queue(session: Session, payment: PaymentRow, reason: QueueReason, *, at: datetime) -> PaymentOutcome:
    due_at = company_calendar(session).after_working_days(at, 1)
    queue_for_accountant(session, payment, reason, due_at=due_at, at=at)
    account = payment.credit_account_id  # of a known payer: his advance until the accountant decides (D9-5)
    return applied(session, payment, reconsider_account(session, account, at=at) if account else ())
