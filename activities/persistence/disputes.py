"""Disputes about an instalment: opened and closed under the lock of its account (D11-1)."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, select

from activities.persistence.credit_tables import DisputeRow
from activities.persistence.dunning import DunningContext, lock_line
from activities.persistence.events import record_event
from activities.persistence.reconsideration import reconsider_account
from domain.disputes import DisputeResult, check_again, check_dispute
from domain.money_errors import DisputeNotFoundError, DisputeOpenError
from domain.orders import SYSTEM, Actor


@dataclass(frozen=True, slots=True)
class NewDispute:
    """What is contested; an `amount` of None is all that is owed."""

    amount: Decimal | None
    reason: str
    comment: str | None
    until: date


def open_(session: Session, line_id: UUID, new: NewDispute, actor: Actor, *, at: datetime) -> DisputeRow:
    """Open a dispute: the disputed part leaves the overdue gate, so waiting orders are decided again (D2-13, D11-1).

    Raises:
        DisputeOpenError, DisputeTooLongError, InvalidInputError, InvoiceNotFoundError
    """
    context = lock_line(session, line_id)
    line, running = context.line, context.dispute
    if running is not None:
        if running.ends_on >= context.today(at):
            raise DisputeOpenError(ends_on=running.ends_on.isoformat())
        _end(session, context, running, SYSTEM, "lapsed", at=at)
    check_again(actor.role, _earlier(session, line.id))
    amount = line.residual if new.amount is None else new.amount
    check_dispute(amount, line.residual, new.until, today=context.today(at))
    row = DisputeRow(
        schedule_line_id=line.id,
        amount=amount,
        reason=new.reason,
        comment=new.comment,
        opened_by=UUID(actor.id),
        opened_at=at,
        ends_on=new.until,
    )
    session.add(row)
    session.flush()
    record_event(session, "invoice", line.invoice_id, "dispute_opened", actor, at=at, schedule_line_id=str(line.id),
                 amount=str(amount), until=new.until.isoformat(), reason=new.reason, comment=new.comment)  # fmt: skip
    reconsider_account(session, context.invoice.credit_account_id, at=at)
    return row


def _earlier(session: Session, line_id: UUID) -> int:
    """How many disputes the instalment has had."""
    query = select(func.count()).select_from(DisputeRow).where(DisputeRow.schedule_line_id == line_id)
    return session.exec(query).one()


def close(
    session: Session, line_id: UUID, result: DisputeResult, comment: str, actor: Actor, *, at: datetime
) -> DisputeRow:
    """Close the open dispute; what is owed is chased again from its real day on (D11-2).

    Raises:
        DisputeNotFoundError, InvoiceNotFoundError
    """
    context = lock_line(session, line_id)
    if context.dispute is None:
        raise DisputeNotFoundError
    _end(session, context, context.dispute, actor, result, at=at, comment=comment)
    return context.dispute


def close_settled(session: Session, context: DunningContext, *, at: datetime) -> None:
    """Nothing is owed any more, so nothing is contested."""
    if context.dispute is not None:
        _end(session, context, context.dispute, SYSTEM, "settled", at=at)


def _end(
    session: Session,
    context: DunningContext,
    dispute: DisputeRow,
    actor: Actor,
    result: str,
    *,
    at: datetime,
    comment: str | None = None,
) -> None:
    dispute.closed_at = at
    dispute.closed_by = None if actor.id == SYSTEM.id else UUID(actor.id)
    session.flush()
    record_event(session, "invoice", context.line.invoice_id, "dispute_closed", actor, at=at, comment=comment,
                 schedule_line_id=str(context.line.id), amount=str(dispute.amount), result=result)  # fmt: skip
