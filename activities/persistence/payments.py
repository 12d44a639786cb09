"""The store of payments: recorded once, applied under the lock of the payer's credit account."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from activities.persistence.money_tables import AllocationRow, BankStatementRow, InvoiceRow, PaymentRow, ScheduleLineRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.stock_tables import ShipmentRow
from domain.matching import Allotment, ItemKind, KnownDocument, Name, OpenItem, QueueReason
from domain.money import ZERO, percent_of
from domain.money_errors import PaymentNotFoundError, StatementNotFoundError
from domain.payment_references import DocumentKind, Reference
from domain.payments import PaymentDraft, PaymentState, PendingPayment

COUNTRIES = ("RU", "KZ")
ASKS_PREPAYMENT = ("confirmed", "reserved", "part_reserved", "awaiting_payment")
"""An order in one of these asks for its prepayment by itself."""
TAKES_NO_MONEY = ("closed", "rejected", "cancelled", "expired", "awaiting_final_payment")
"""An order in one of these takes money only through its invoices. A shipped one has none yet: what is tied to it till
then goes on to its invoice."""


def serialise(session: Session, accounts: Iterable[str]) -> None:
    """Let one importer at a time see and add lines of these accounts of ours, until commit (D9-1)."""
    for account in sorted(set(accounts)):
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"bank_account:{account}"}
        )


def stored_counts(session: Session, lines: Collection[str]) -> dict[str, int]:
    """How many payments there are of each line identity, counted up to how often it stands in `lines`."""
    wanted = {f"{line}-{ordinal}": line for line, times in Counter(lines).items() for ordinal in range(1, times + 1)}
    query = select(PaymentRow.identity).where(col(PaymentRow.identity).in_(wanted))
    return Counter(wanted[identity] for identity in session.exec(query))


def add_payment(
    session: Session, draft: PaymentDraft, currency: str, *, at: datetime, statement: str | None = None
) -> PaymentRow:
    """Record money that came; it belongs to nobody until it is matched."""
    row = PaymentRow(
        identity=draft.identity,
        source=draft.source,
        external_id=draft.external_id,
        statement_sha256=statement,
        document_number=draft.document_number,
        posted_on=draft.posted_on,
        amount=draft.amount,
        currency=currency,
        payer_name=draft.payer_name,
        payer_tax_id=draft.payer_tax_id,
        payer_account=draft.payer_account,
        purpose=draft.purpose,
        state=PaymentState.UNMATCHED,
        reason=QueueReason.NEW,
        unallocated=draft.amount,
        recorded_at=at,
    )
    session.add(row)
    return row


def lock_payment(session: Session, payment_id: UUID | str) -> PaymentRow:
    """The payment, held until commit; lock its credit account first."""
    row = session.get(PaymentRow, UUID(str(payment_id)), with_for_update=True, populate_existing=True)
    if row is None:
        raise PaymentNotFoundError
    return row


def get_payment(session: Session, payment_id: UUID | str) -> PaymentRow:
    row = session.get(PaymentRow, UUID(str(payment_id)))
    if row is None:
        raise PaymentNotFoundError
    return row


def payment_and_payer(session: Session, payment_id: UUID | str) -> tuple[PaymentRow, CustomerRow | None]:
    """The payment as it stands, and the customer whose money it is, where that is known."""
    query = (
        select(PaymentRow, CustomerRow)
        .join(CustomerRow, col(CustomerRow.id) == PaymentRow.customer_id, isouter=True)
        .where(PaymentRow.id == UUID(str(payment_id)))
    )
    found = session.exec(query).first()
    if found is None:
        raise PaymentNotFoundError
    payment, payer = found
    return payment, payer


def payers(session: Session, tax_id: str | None, kpp: str | None = None) -> Sequence[CustomerRow]:
    """The customers with this tax number; КПП chooses among branches where it can (D9-6)."""
    if not tax_id:
        return ()
    return choose_branch(payers_by_tax_id(session, [tax_id]).get(tax_id, []), kpp)


def payers_by_tax_id(session: Session, tax_ids: Iterable[str]) -> dict[str, list[CustomerRow]]:
    """The customers of many payers, in one query."""
    query = (
        select(CustomerRow)
        .where(col(CustomerRow.country).in_(COUNTRIES), col(CustomerRow.tax_id).in_(set(tax_ids)))
        .order_by(col(CustomerRow.id))
    )
    found: dict[str, list[CustomerRow]] = {}
    for customer in session.exec(query):
        found.setdefault(customer.tax_id, []).append(customer)
    return found


def choose_branch(found: list[CustomerRow], kpp: str | None) -> list[CustomerRow]:
    """Those of one tax number that have this КПП; all of them where it decides nothing."""
    if len(found) > 1 and kpp:
        return [customer for customer in found if customer.kpp == kpp] or found
    return found


def by_external_id(session: Session, external_id: str) -> PaymentRow | None:
    """The payment recorded under a caller's `external_id`."""
    return session.exec(select(PaymentRow).where(PaymentRow.external_id == external_id)).first()


def known_identities(session: Session, identities: Collection[str]) -> set[str]:
    """Those of the identities under which a payment is recorded already."""
    query = select(PaymentRow.identity).where(col(PaymentRow.identity).in_(set(identities)))
    return set(session.exec(query)) if identities else set()


def has_queued_money(session: Session, tax_id: str, *, since: datetime) -> bool:
    """Whether money of a payer came since an instant of which nobody has said yet what it pays (D7-6, D9-5)."""
    query = select(PaymentRow.id).where(
        PaymentRow.state == PaymentState.UNMATCHED, PaymentRow.payer_tax_id == tax_id, PaymentRow.recorded_at >= since
    )
    return session.exec(query.limit(1)).first() is not None


def keep_statement(session: Session, sha256: str, content: bytes, *, by: UUID, at: datetime) -> None:
    """Store a bank file as it came; a repeat changes nothing."""
    session.execute(
        insert(BankStatementRow)
        .values(sha256=sha256, content=content, uploaded_by=by, uploaded_at=at)
        .on_conflict_do_nothing(index_elements=["sha256"])
    )


def get_statement(session: Session, sha256: str) -> BankStatementRow:
    row = session.get(BankStatementRow, sha256)
    if row is None:
        raise StatementNotFoundError
    return row


def list_payments(
    session: Session, *, state: str | None, customer_id: UUID | None, after: UUID | None, limit: int
) -> list[PaymentRow]:
    """Payments oldest first; those being matched this moment are in nobody's queue."""
    query = select(PaymentRow).order_by(col(PaymentRow.id)).limit(limit)
    if state is not None:
        query = query.where(PaymentRow.state == state, func.coalesce(PaymentRow.reason, "") != QueueReason.NEW)
    if customer_id is not None:
        query = query.where(PaymentRow.customer_id == customer_id)
    if after is not None:
        query = query.where(col(PaymentRow.id) > after)
    return list(session.exec(query))


def pending_payments(session: Session, sha256: str, *, limit: int) -> tuple[PendingPayment, ...]:
    """Payments of one file that nobody has matched yet, oldest first."""
    query = (
        select(PaymentRow.id, PaymentRow.identity)
        .where(PaymentRow.statement_sha256 == sha256, PaymentRow.reason == QueueReason.NEW)
        .order_by(col(PaymentRow.id))
        .limit(limit)
    )
    return tuple(PendingPayment(str(payment_id), identity) for payment_id, identity in session.exec(query))


def open_items(session: Session, account_id: UUID, currency: str) -> list[OpenItem]:
    """Everything of the account that money of a currency can go to, locked until commit: orders by id, then schedule
    lines by id.

    Orders stand in the order in which they were confirmed; quotes and stopped orders come last.
    """
    orders = session.exec(
        select(OrderRow)
        .where(OrderRow.credit_account_id == account_id, OrderRow.currency == currency)
        .where(col(OrderRow.status).not_in(TAKES_NO_MONEY))
        .order_by(col(OrderRow.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    lines = session.exec(
        select(ScheduleLineRow)
        .join(InvoiceRow, col(InvoiceRow.id) == ScheduleLineRow.invoice_id)
        .where(InvoiceRow.credit_account_id == account_id, InvoiceRow.currency == currency)
        .where(ScheduleLineRow.residual > 0)
        .order_by(col(ScheduleLineRow.id))
        .with_for_update(of=ScheduleLineRow, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    return [*_line_items(session, lines), *_order_items(session, orders)]


def _line_items(session: Session, lines: Sequence[ScheduleLineRow]) -> list[OpenItem]:
    if not lines:
        return []
    ids = {line.invoice_id for line in lines}
    query = (
        select(InvoiceRow.id, InvoiceRow.number, OrderRow.number, ShipmentRow.number)
        .join(OrderRow, col(OrderRow.id) == InvoiceRow.order_id, isouter=True)
        .join(ShipmentRow, col(ShipmentRow.id) == InvoiceRow.shipment_id, isouter=True)
        .where(col(InvoiceRow.id).in_(ids))
    )
    kinds = (DocumentKind.INVOICE, DocumentKind.ORDER, DocumentKind.SHIPMENT)
    names = {
        invoice: tuple(Name(kind, number) for kind, number in zip(kinds, numbers, strict=True) if number)
        for invoice, *numbers in session.execute(query)
    }
    return [
        OpenItem(
            ItemKind.SCHEDULE_LINE, str(line.id), names[line.invoice_id], line.residual, line.residual, line.due_date
        )
        for line in lines
    ]


_MONEY_OF_ORDERS = text("""
    SELECT wanted.id, (SELECT coalesce(sum(amount), 0) FROM payment_allocation WHERE order_id = wanted.id) AS tied,
           (SELECT coalesce(sum(gross), 0) FROM invoice WHERE order_id = wanted.id) AS invoiced
      FROM unnest(CAST(:ids AS uuid[])) AS wanted (id)
""")


def _order_items(session: Session, orders: Sequence[OrderRow]) -> list[OpenItem]:
    if not orders:
        return []
    money = {row.id: row for row in session.execute(_MONEY_OF_ORDERS, {"ids": [order.id for order in orders]})}
    items = []
    for order in sorted(orders, key=lambda row: (row.confirmed_at is None, row.confirmed_at or row.created_at, row.id)):
        left, tied = order.gross - money[order.id].invoiced, money[order.id].tied
        required = percent_of(left, order.prepayment_percent) if order.status in ASKS_PREPAYMENT else ZERO
        items.append(
            OpenItem(
                ItemKind.ORDER,
                str(order.id),
                (Name(DocumentKind.ORDER, order.number),),
                open=max(ZERO, required - tied),
                room=max(ZERO, left - tied),
            )
        )
    return items


_DOCUMENTS = text("""
    SELECT 'invoice' AS kind, number, credit_account_id AS account, customer_id, currency FROM invoice
     WHERE number = ANY(:numbers)
    UNION ALL
    SELECT 'order', number, credit_account_id, customer_id, currency FROM sales_order WHERE number = ANY(:numbers)
    UNION ALL
    SELECT 'shipment', shipment.number, o.credit_account_id, o.customer_id, o.currency
      FROM shipment JOIN sales_order o ON o.id = shipment.order_id WHERE shipment.number = ANY(:numbers)
""")


def known_documents(
    session: Session, references: Sequence[Reference], account_id: UUID, currency: str
) -> list[KnownDocument]:
    """Documents of any customer, open or not, that bear a number from a purpose, beside money of a currency."""
    return [
        KnownDocument(
            Name(DocumentKind(row.kind), row.number), mine=row.account == account_id, payable=row.currency == currency
        )
        for row in _documents(session, references)
    ]


def named_customers(session: Session, references: Sequence[Reference]) -> list[UUID]:
    """Whose documents a purpose names: a suggestion for the accountant (D9-6)."""
    return list(dict.fromkeys(row.customer_id for row in _documents(session, references)))


def _documents(session: Session, references: Sequence[Reference]) -> list[Any]:
    numbers = sorted({number for reference in references for number in reference.stored_numbers()})
    return list(session.execute(_DOCUMENTS, {"numbers": numbers})) if numbers else []


def allocate(session: Session, payment: PaymentRow, allotments: Iterable[Allotment], *, at: datetime) -> None:
    """Give parts of a payment to locked items; residuals fall by exactly what is given (D9-10)."""
    for part in allotments:
        target = UUID(part.id)
        is_order = part.kind is ItemKind.ORDER
        session.add(
            AllocationRow(
                payment_id=payment.id,
                order_id=target if is_order else None,
                schedule_line_id=None if is_order else target,
                amount=part.amount,
                at=at,
            )
        )
        payment.unallocated -= part.amount
        if not is_order:
            session.get_one(ScheduleLineRow, target).residual -= part.amount
    session.flush()


def allocations_of(session: Session, payment_ids: Collection[UUID]) -> list[AllocationRow]:
    """What payments pay, in the order in which it was decided."""
    query = (
        select(AllocationRow)
        .where(col(AllocationRow.payment_id).in_(payment_ids))
        .order_by(col(AllocationRow.at), col(AllocationRow.id))
    )
    return list(session.exec(query))


def orders_of_lines(session: Session, line_ids: Collection[str]) -> list[str]:
    """The orders behind schedule lines."""
    if not line_ids:
        return []
    query = (
        select(InvoiceRow.order_id)
        .join(ScheduleLineRow, col(ScheduleLineRow.invoice_id) == InvoiceRow.id)
        .where(col(ScheduleLineRow.id).in_([UUID(line) for line in line_ids]), col(InvoiceRow.order_id).is_not(None))
    )
    return [str(order_id) for order_id in dict.fromkeys(session.exec(query))]
