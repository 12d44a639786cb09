"""The accountant's decision on a payment, carried out under the locks of whoever it touches (D9-5, D9-6)."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence import credit
from activities.persistence import payments as store
from activities.persistence.money_tables import InvoiceRow, PaymentRow, ScheduleLineRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.payment_effects import applied, close_queue_task, has_worth, settle
from domain.errors import CustomerNotFoundError, OrderNotFoundError
from domain.matching import Allotment, OpenItem, QueueReason, match_payment, spread
from domain.money import ZERO
from domain.money_errors import (
    AllocationTooLargeError,
    InvoiceNotFoundError,
    NothingToAllocateError,
    PaymentInProgressError,
    PaymentOfAnotherCustomerError,
    WrongCurrencyError,
)
from domain.payment_references import DocumentKind
from domain.payments import AllocateCommand, ManualAllotment, PaymentOutcome, PaymentState


def allocate_by_hand(session: Session, command: AllocateCommand) -> PaymentOutcome:
    """Give a payment to a customer, and parts of it to his orders and invoices.

    The payment may change its payer only while it pays nothing yet.
    """
    seen = store.get_payment(session, command.payment_id)
    owner = _owner(session, command, seen)
    locked_for = seen.credit_account_id
    account = _lock(session, owner, seen)
    payment = store.lock_payment(session, command.payment_id)
    if payment.credit_account_id not in {None, locked_for, account.id}:  # given to a third payer meanwhile
        raise PaymentInProgressError
    _check(payment, owner)
    if not has_worth(session, payment, account, at=command.as_of):
        raise WrongCurrencyError(field="customer_id", currency=payment.currency, expected=account.currency)
    for part in command.allotments:
        _check_currency(session, part, payment.currency)
    if command.allotments and payment.unallocated <= ZERO:
        raise NothingToAllocateError
    items = store.open_items(session, account.id, payment.currency)
    payment.customer_id, payment.credit_account_id = owner.id, account.id
    payment.state, payment.reason = PaymentState.MATCHED, None
    if command.allotments:
        parts = _chosen(session, command.allotments, items, payment.unallocated, payment.currency)
    else:
        parts = list(match_payment(payment.unallocated, payment.purpose, items).allotments)
    moved = settle(session, payment, account, parts, command.actor, at=command.as_of)
    close_queue_task(session, payment, command.actor, at=command.as_of)
    return applied(session, payment, moved)


def _owner(session: Session, command: AllocateCommand, payment: PaymentRow) -> CustomerRow:
    """The one customer whose documents are named, or who is named himself.

    Raises:
        PaymentOfAnotherCustomerError: the documents belong to different credit accounts.
    """
    found = [_customer_of(session, part) for part in command.allotments]
    if command.customer_id is not None:
        customer = session.get(CustomerRow, UUID(command.customer_id))
        if customer is None:
            raise CustomerNotFoundError
        found.insert(0, customer)
    if not found:
        if payment.customer_id is None:
            raise CustomerNotFoundError
        found.append(session.get_one(CustomerRow, payment.customer_id))
    if len({customer.credit_account_id for customer in found}) > 1:
        raise PaymentOfAnotherCustomerError
    return found[0]


def _customer_of(session: Session, part: ManualAllotment) -> CustomerRow:
    if part.order_id is not None:
        order = session.get(OrderRow, UUID(part.order_id))
        if order is None:
            raise OrderNotFoundError
        return session.get_one(CustomerRow, order.customer_id)
    return session.get_one(CustomerRow, _invoice(session, part).customer_id)


def _invoice(session: Session, part: ManualAllotment) -> InvoiceRow:
    """The invoice by its own id, or by the id of one of its schedule lines, which is what the doors show."""
    named = UUID(str(part.invoice_id))
    line = session.get(ScheduleLineRow, named)
    invoice = session.get(InvoiceRow, line.invoice_id if line else named)
    if invoice is None:
        raise InvoiceNotFoundError
    return invoice


def _lock(session: Session, owner: CustomerRow, payment: PaymentRow) -> CreditAccountRow:
    """Both accounts when the payment changes its payer, in one order for everybody."""
    accounts = sorted({owner.credit_account_id, payment.credit_account_id or owner.credit_account_id})
    locked = {account: credit.lock_account(session, account) for account in accounts}
    return locked[owner.credit_account_id]


def _check(payment: PaymentRow, owner: CustomerRow) -> None:
    if payment.reason == QueueReason.NEW:
        raise PaymentInProgressError
    moves = payment.credit_account_id not in {None, owner.credit_account_id}
    if moves and payment.unallocated != payment.amount:
        raise PaymentOfAnotherCustomerError


def _check_currency(session: Session, part: ManualAllotment, currency: str) -> None:
    """Money pays documents of its own currency (D1-1)."""
    if part.order_id is not None:
        field, expected = "order_id", session.get_one(OrderRow, UUID(part.order_id)).currency
    else:
        field, expected = "invoice_id", _invoice(session, part).currency
    if expected != currency:
        raise WrongCurrencyError(field=field, currency=currency, expected=expected)


def _chosen(
    session: Session, allotments: Sequence[ManualAllotment], items: Sequence[OpenItem], left: Decimal, currency: str
) -> list[Allotment]:
    """The parts that the accountant names; within what the payment has left and the documents may take (D9-10)."""
    parts: list[Allotment] = []
    for wanted in allotments:
        targets = _targets(session, wanted, items)
        room = min(left, sum((item.room for item in targets), ZERO))
        if room <= ZERO:
            raise NothingToAllocateError
        amount = room if wanted.amount is None else wanted.amount
        if amount > room:
            raise AllocationTooLargeError(amount=str(amount), room=str(room), currency=currency)
        taken = spread(amount, targets, by_room=True).allotments
        spent = {(part.kind, part.id) for part in taken}
        items = [item for item in items if (item.kind, item.id) not in spent]
        parts += taken
        left -= amount
    return parts


def _targets(session: Session, wanted: ManualAllotment, items: Sequence[OpenItem]) -> list[OpenItem]:
    """The open items behind a document: an order with its invoices, an invoice with its lines, or one line."""
    if wanted.order_id is not None:
        number = session.get_one(OrderRow, UUID(wanted.order_id)).number
        return [item for item in items if any(n.kind is DocumentKind.ORDER and n.number == number for n in item.names)]
    lines = select(ScheduleLineRow.id).where(
        (col(ScheduleLineRow.id) == UUID(str(wanted.invoice_id)))
        | (col(ScheduleLineRow.invoice_id) == UUID(str(wanted.invoice_id)))
    )
    ids = {str(line) for line in session.exec(lines)}
    return [item for item in items if item.id in ids]
