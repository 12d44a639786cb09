"""The credit account: its lock, and every figure a decision is made on, in a bounded number of queries."""

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence.tables import (
    ApprovalRow,
    CommitmentRow,
    CreditAccountRow,
    CreditDecisionRow,
    OrderRow,
)
from domain.credit import CreditDecision, CreditFacts, OverdueItem, credit_part
from domain.errors import CustomerNotFoundError
from domain.money import ZERO, percent_of
from domain.policy import Policy

FACTS: TypeAdapter[CreditFacts] = TypeAdapter(CreditFacts)
_REASONS: TypeAdapter[Any] = TypeAdapter(CreditDecision)


def lock_account(session: Session, account_id: UUID) -> CreditAccountRow:
    """The account, held until commit: everything that moves exposure or limit goes through here (D3-1, D3-2)."""
    row = session.exec(select(CreditAccountRow).where(CreditAccountRow.id == account_id).with_for_update()).first()
    if row is None:
        raise CustomerNotFoundError()
    return row


def received_for_order(session: Session, order_id: UUID) -> Decimal:
    """Money tied to the order and not yet moved to an invoice."""
    query = text("SELECT coalesce(sum(amount), 0) FROM payment_allocation WHERE order_id = :order")
    return Decimal(session.execute(query, {"order": order_id}).scalar_one())


_SUMS = text("""
    SELECT
      (SELECT coalesce(sum(line.residual), 0) FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
        WHERE invoice.credit_account_id = :account) AS receivables,
      (SELECT coalesce(sum(unallocated), 0) FROM payment
        WHERE credit_account_id = :account) AS advances,
      (SELECT coalesce(sum(greatest(0, c.uninvoiced - greatest(c.required_prepayment, coalesce(got.amount, 0)))), 0)
         FROM commitment c LEFT JOIN LATERAL
           (SELECT sum(amount) AS amount FROM payment_allocation WHERE order_id = c.order_id) got ON true
        WHERE c.credit_account_id = :account AND c.order_id IS DISTINCT FROM :order) AS commitments,
      (SELECT coalesce(sum(gross - round(gross * prepayment_percent / 100, 2)), 0) FROM sales_order
        WHERE credit_account_id = :account AND id IS DISTINCT FROM :order
          AND status IN ('awaiting_approval', 'stopped')) AS pending,
      EXISTS (SELECT 1 FROM legal_case WHERE credit_account_id = :account AND state <> 'closed') AS legal_case
""")

_OVERDUE = text("""
    SELECT line.id, invoice.number, line.due_date, line.residual,
           greatest(CAST(:day AS date), line.observed_on) - line.due_date AS days
      FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
     WHERE invoice.credit_account_id = :account
       AND line.due_date < greatest(CAST(:day AS date), line.observed_on)
       AND line.residual > greatest(:floor, line.amount * :percent / 100)
     ORDER BY line.due_date, line.id
""")


def overdue_items(
    session: Session, account_id: UUID, currency: str, policy: Policy, *, today: date
) -> tuple[OverdueItem, ...]:
    """Overdue lines above the floor (D1-11), oldest first; the day of a line is never before it was last acted on."""
    floor = policy.floor_rub if currency == "RUB" else policy.floor_kzt
    rows = session.execute(
        _OVERDUE, {"account": account_id, "day": today, "floor": floor, "percent": policy.floor_percent}
    )
    return tuple(OverdueItem(str(row.id), row.number, row.due_date, row.days, row.residual) for row in rows)


def load_facts(
    session: Session, account: CreditAccountRow, policy: Policy, *, today: date, order: OrderRow | None = None
) -> CreditFacts:
    """The figures of D1 for an account, and for `order` if one is being decided; two queries whatever the size.

    Call it under `lock_account` when something is decided on it; a card may read without the lock.
    """
    order_id = order.id if order else None
    sums = session.execute(_SUMS, {"account": account.id, "order": order_id}).one()
    order_credit = ZERO
    if order:
        remaining = remaining_gross(session, order)
        order_credit = credit_part(remaining, order.prepayment_percent, received_for_order(session, order.id))
    return CreditFacts(
        currency=account.currency,
        receivables=sums.receivables,
        advances=sums.advances,
        commitments=sums.commitments,
        order_credit=order_credit,
        limit=ZERO if sums.legal_case else account.base_limit,
        overdue=overdue_items(session, account.id, account.currency, policy, today=today),
        no_trade=account.no_trade,
        legal_case=sums.legal_case,
        pending=sums.pending,
    )


def remaining_gross(session: Session, order: OrderRow) -> Decimal:
    """What of the order is still to be invoiced: the goods it holds or waits for, or, without a reserve, all that no
    invoice took yet."""
    held = text("""
        SELECT sum(least(line.gross, round(held.quantity * line.price, 2))) FROM reservation_line held
          JOIN order_line line ON line.order_id = held.order_id AND line.line_no = held.line_no
           AND line.revision = :revision
         WHERE held.order_id = :order AND held.state <> 'shipped'
    """)
    amount = session.execute(held, {"order": order.id, "revision": order.revision}).scalar_one()
    if amount is not None:
        return Decimal(amount)
    invoiced = text("SELECT coalesce(sum(gross), 0) FROM invoice WHERE order_id = :order")
    return max(ZERO, order.gross - Decimal(session.execute(invoiced, {"order": order.id}).scalar_one()))


def required_prepayment(session: Session, order: OrderRow) -> Decimal:
    """What must be in before the goods still to come may leave (D1-6, D12-1)."""
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


def record_decision(
    session: Session, order: OrderRow, occasion: str, facts: CreditFacts, decision: CreditDecision, *, at: datetime
) -> None:
    """Store the decision with all its inputs (D2-19); the key (order, revision, occasion) is unique (D3-5)."""
    reasons = _REASONS.dump_python(decision, mode="json")["reasons"]
    session.add(
        CreditDecisionRow(
            order_id=order.id,
            revision=order.revision,
            occasion=occasion,
            credit_account_id=order.credit_account_id,
            outcome=decision.outcome,
            reasons=reasons,
            facts=FACTS.dump_python(facts, mode="json"),
            exposure=decision.exposure,
            credit_limit=decision.limit,
            policy_version=order.policy_version,
            decided_at=at,
        )
    )


def commit_credit(session: Session, order: OrderRow) -> None:
    """From now on the order counts in the commitments of its account (D1-5)."""
    session.add(
        CommitmentRow(
            order_id=order.id,
            credit_account_id=order.credit_account_id,
            uninvoiced=remaining_gross(session, order),
            required_prepayment=required_prepayment(session, order),
        )
    )


def drop_commitment(session: Session, order_id: UUID) -> None:
    """The order no longer counts; a repeat changes nothing."""
    row = session.get(CommitmentRow, order_id)
    if row is not None:
        session.delete(row)


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


def open_approval(session: Session, order_id: UUID) -> ApprovalRow | None:
    """The request that waits for an answer, if any."""
    return session.exec(
        select(ApprovalRow).where(ApprovalRow.order_id == order_id, ApprovalRow.state == "open").with_for_update()
    ).first()


def last_approval(session: Session, order_id: UUID) -> ApprovalRow | None:
    """The newest request of the order, answered or not."""
    query = select(ApprovalRow).where(ApprovalRow.order_id == order_id).order_by(col(ApprovalRow.opened_at).desc())
    return session.exec(query).first()


def last_decision(session: Session, order_id: UUID) -> CreditDecisionRow | None:
    """The newest decision of the order."""
    query = (
        select(CreditDecisionRow)
        .where(CreditDecisionRow.order_id == order_id)
        .order_by(col(CreditDecisionRow.decided_at).desc(), col(CreditDecisionRow.id).desc())
    )
    return session.exec(query).first()


def facts_for_journal(facts: CreditFacts) -> dict[str, str]:
    """The sums of a decision as strings, for the journal."""
    return {name: str(value) for name, value in asdict(facts).items() if isinstance(value, Decimal)}
