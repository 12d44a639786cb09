"""The credit account: its lock, and every figure a decision is made on, in a bounded number of queries."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import delete, or_, text
from sqlmodel import Session, col, select

from activities.persistence.figures import load_figures
from activities.persistence.order_tables import CommitmentRow, OrderRow
from activities.persistence.party_tables import ContractRow, CreditAccountRow, CustomerRow
from activities.persistence.rates import load_rates
from domain.credit import CreditFacts, OrderAsk, credit_part
from domain.errors import CustomerNotFoundError, OrderNotFoundError
from domain.money import ZERO, percent_of
from domain.rates import DayRates, Rate


def lock_account(session: Session, account_id: UUID) -> CreditAccountRow:
    """The account, held until commit: everything that moves exposure or limit goes through here (D3-1, D3-2).

    Rows that only name the account, such as a new quote, do not wait for it.
    """
    row = find_locked(session, account_id)
    if row is None:
        raise CustomerNotFoundError()
    return row


def find_locked(session: Session, account: Any) -> CreditAccountRow | None:
    """The account with this id, or with the one that a sub-query finds, held until commit."""
    query = select(CreditAccountRow).where(CreditAccountRow.id == account).with_for_update(key_share=True)
    return session.exec(query).first()


def lock_account_of(session: Session, order_id: UUID | str) -> CreditAccountRow:
    """The account of an order, held until commit, before the order itself is (D3-6).

    Raises:
        OrderNotFoundError
    """
    account = select(OrderRow.credit_account_id).where(OrderRow.id == UUID(str(order_id)))
    row = find_locked(session, account.scalar_subquery())
    if row is None:
        raise OrderNotFoundError
    return row


def received_for_order(session: Session, order_id: UUID) -> Decimal:
    """Money tied to the order and not yet moved to an invoice."""
    query = text("SELECT coalesce(sum(amount), 0) FROM payment_allocation WHERE order_id = :order")
    return Decimal(session.execute(query, {"order": order_id}).scalar_one())


@dataclass(frozen=True, slots=True)
class OrderMoney:
    """Money of an order: `tied` to it and not yet moved to an invoice, and all that `ever` came for it, also what its
    invoices took since."""

    tied: Decimal
    ever: Decimal


def money_of_order(session: Session, order_id: UUID) -> OrderMoney:
    """What came for an order, by way of the indexes however many payments there are."""
    query = text("""
        SELECT tied.amount, tied.amount + taken.amount
          FROM (SELECT coalesce(sum(amount), 0) AS amount FROM payment_allocation WHERE order_id = :order) tied,
               (SELECT coalesce(sum(part.amount), 0) AS amount
                  FROM invoice JOIN schedule_line line ON line.invoice_id = invoice.id
                  JOIN payment_allocation part ON part.schedule_line_id = line.id
                 WHERE invoice.order_id = :order) taken
    """)
    return OrderMoney(*session.execute(query, {"order": order_id}).one())


def load_facts(
    session: Session,
    account: CreditAccountRow,
    *,
    today: date,
    order_id: UUID | None = None,
    ask: OrderAsk | None = None,
) -> CreditFacts:
    """`load_figures` without what proves them, and with the order that asks; one query whatever the size."""
    facts = load_figures(session, account, today=today, order_id=order_id).facts
    return facts if ask is None else facts.asked(ask)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a revision of an order asks for in money and time."""

    gross: Decimal
    prepayment_percent: int
    deferral_days: int


@dataclass(frozen=True, slots=True)
class Standing:
    """An order as it asks: the `gross` that no invoice took yet, money `received` for it and not yet moved to one, the
    days to pay that were `agreed` by its customer's contract in force; None without a valid one (D2-6)."""

    gross: Decimal
    received: Decimal
    agreed: int | None


def standing_of(session: Session, order: OrderRow, *, today: date) -> Standing:
    """What the revision in force of an order comes to now; one query."""
    usual = session.get_one(CustomerRow, order.customer_id).deferral_days
    customer = {"customer": order.customer_id, "usual": usual, "day": today}
    return Standing(*session.execute(_STANDING, {**_to_measure(order), **customer}).one())


def ask_of(
    session: Session,
    order: OrderRow,
    *,
    today: date,
    terms: Terms | None = None,
    standing: Standing | None = None,
    rates: DayRates | None = None,
) -> OrderAsk:
    """What the order asks of its account, by the revision in force or by the `terms` of another (D1-6, D2-6), at the
    rate of `today` when it is in another currency (D2-18)."""
    if rates is None:
        currency = session.get_one(CreditAccountRow, order.credit_account_id).currency
        rates = load_rates(session, currency, today=today)
    now = standing or standing_of(session, order, today=today)
    asked = terms or Terms(now.gross, order.prepayment_percent, order.deferral_days)
    return OrderAsk(
        credit=rates.convert(credit_part(asked.gross, asked.prepayment_percent, now.received), order.currency),
        requested_deferral=asked.deferral_days,
        agreed_deferral=now.agreed,
        legal_cleared=terms is None and order.cleared_revision == order.revision,
        rate=rates.of(order.currency),
    )


def agreed_deferral(session: Session, customer: CustomerRow, *, today: date) -> int | None:
    """Days to pay by the customer's contract in force: its own, or the customer's usual ones; None without a valid
    contract (D2-6)."""
    contract = contract_in_force(session, customer.id, today=today)
    if contract is None:
        return None
    return customer.deferral_days if contract.deferral_days is None else contract.deferral_days


def contract_in_force(session: Session, customer_id: UUID, *, today: date) -> ContractRow | None:
    """The newest contract that is valid on a day."""
    query = (
        select(ContractRow)
        .where(ContractRow.customer_id == customer_id, ContractRow.signed_on <= today)
        .where(or_(col(ContractRow.valid_until).is_(None), col(ContractRow.valid_until) >= today))
        .order_by(col(ContractRow.signed_on).desc(), col(ContractRow.id).desc())
    )
    return session.exec(query).first()


def remaining_gross(session: Session, order: OrderRow) -> Decimal:
    """What of the order is still to be invoiced: the goods it holds or waits for, or, without a reserve, all that no
    invoice took yet and that was not closed short (D7-14)."""
    remaining = text(f"SELECT {left_gross(':order', ':revision', ':gross')}")
    asked = {"order": order.id, "revision": order.revision, "gross": order.gross}
    return Decimal(session.execute(remaining, asked).scalar_one())


def left_gross(order: str, revision: str, gross: str) -> str:
    """SQL: what of an order of so much is still to be invoiced, see `remaining_gross`."""
    return f"coalesce({held_gross(order, revision)}, greatest(0, {gross} - {gone_gross(order, revision)}))"


def held_gross(order: str, revision: str) -> str:
    """SQL: what of an order is still to be invoiced by its reserve: what it holds or waits for; null without one."""
    return f"""
        (SELECT sum(least(line.gross, round(held.quantity * line.price, 2))) FROM reservation_line held
           JOIN order_line line ON line.order_id = held.order_id AND line.line_no = held.line_no
            AND line.revision = {revision}
          WHERE held.order_id = {order} AND held.state NOT IN ('shipped', 'closed'))
    """


def gone_gross(order: str, revision: str) -> str:
    """SQL: what of an order will not be invoiced any more, because it was, or because it was closed short (D7-14)."""
    return f"""
        ((SELECT coalesce(sum(gross), 0) FROM invoice WHERE order_id = {order})
        + (SELECT coalesce(sum(least(line.gross, round(closed.quantity * line.price, 2))), 0)
             FROM reservation_line closed
             JOIN order_line line ON line.order_id = closed.order_id AND line.line_no = closed.line_no
              AND line.revision = {revision}
            WHERE closed.order_id = {order} AND closed.state = 'closed'))
    """


def required_prepayment(session: Session, order: OrderRow) -> Decimal:
    """What must be in before the goods still to come may leave (D1-6, D12-1)."""
    if not order.prepayment_percent:
        return ZERO
    return percent_of(remaining_gross(session, order), order.prepayment_percent)


def still_to_pay(session: Session, order: OrderRow) -> Decimal:
    """What the order waits for in money: residuals of its invoices, or the rest of its prepayment."""
    query = text("""
        SELECT sum(line.residual) FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
         WHERE invoice.order_id = :order
    """)
    residual = session.execute(query, {"order": order.id}).scalar_one()
    if residual is not None and session.get(CommitmentRow, order.id) is None:
        return Decimal(residual)
    return max(ZERO, required_prepayment(session, order) - received_for_order(session, order.id))


_STANDING = text(f"""
    SELECT {left_gross(":order", ":revision", ":gross")} AS gross,
           (SELECT coalesce(sum(amount), 0) FROM payment_allocation WHERE order_id = :order) AS received,
           (SELECT coalesce(deferral_days, :usual) FROM contract
             WHERE customer_id = :customer AND signed_on <= :day AND (valid_until IS NULL OR valid_until >= :day)
             ORDER BY signed_on DESC, id DESC LIMIT 1) AS agreed
""")
_LEFT = f"""
    (SELECT left_over.gross, round(left_over.gross * :percent / 100, 2) AS prepayment
       FROM (SELECT {left_gross(":order", ":revision", ":gross")} AS gross) left_over) remaining
"""
"""SQL: what of an order is still to be invoiced, and how much of that is to be prepaid (D1-6)."""
_COMMIT = text(f"""
    INSERT INTO commitment (order_id, credit_account_id, uninvoiced, required_prepayment, rate)
    SELECT :order, :account, remaining.gross, remaining.prepayment, :rate FROM {_LEFT}
    ON CONFLICT (order_id) DO UPDATE
       SET credit_account_id = excluded.credit_account_id, uninvoiced = excluded.uninvoiced,
           required_prepayment = excluded.required_prepayment, rate = excluded.rate
""")
_LOWER = text(f"""
    UPDATE commitment SET uninvoiced = remaining.gross, required_prepayment = remaining.prepayment FROM {_LEFT}
     WHERE order_id = :order
""")


def commit_credit(session: Session, order: OrderRow, rate: Rate | None) -> None:
    """From now on the order counts in the commitments of its account, at what it comes to now (D1-5, D6-6), by the
    `rate` of its decision (D2-18)."""
    by = Decimal(1) if rate is None else rate.rate
    session.execute(_COMMIT, {**_to_measure(order), "account": order.credit_account_id, "rate": by})


def lower_commitment(session: Session, order: OrderRow) -> None:
    """An order that counts in the commitments counts at what is still to come (D12-4); another is left alone."""
    session.execute(_LOWER, _to_measure(order))


def _to_measure(order: OrderRow) -> dict[str, Any]:
    return {"order": order.id, "revision": order.revision, "gross": order.gross, "percent": order.prepayment_percent}


def drop_commitment(session: Session, order_id: UUID) -> None:
    """The order no longer counts; a repeat changes nothing."""
    session.execute(delete(CommitmentRow).where(col(CommitmentRow.order_id) == order_id))


def untie_order_money(session: Session, order_id: UUID) -> Decimal:
    """Money tied to an order that needs it no more becomes its payer's advance (D6-9, D9-8); how much it was."""
    freed = text("""
        WITH freed AS (DELETE FROM payment_allocation WHERE order_id = :order RETURNING payment_id, amount),
             sums AS (SELECT payment_id, sum(amount) AS amount FROM freed GROUP BY payment_id),
             paid AS (UPDATE payment SET unallocated = unallocated + sums.amount
                        FROM sums WHERE payment.id = sums.payment_id)
        SELECT coalesce(sum(amount), 0) FROM sums
    """)
    return Decimal(session.execute(freed, {"order": order_id}).scalar_one())
