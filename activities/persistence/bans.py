"""Trade stopped by hand and lifted, and the limit given back after a legal case (D2-8, D5-8, D14).

The caller holds the credit account and has the waiting orders decided again where more becomes possible (D2-13).
"""

from datetime import datetime

from sqlmodel import Session

from activities.persistence.events import record_event
from activities.persistence.legal import has_open_case
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.tasks import finish_tasks
from domain.credit_errors import LimitNotSuspendedError, TradeStopError
from domain.orders import Actor
from domain.tasks import TaskKind


def stop_trade(
    session: Session, account: CreditAccountRow, customer: CustomerRow, actor: Actor, *, reason: str, at: datetime
) -> None:
    """Refuse every new order of the account, a prepaid one too (D2-8).

    Raises:
        TradeStopError: it is stopped already.
    """
    if account.no_trade:
        raise TradeStopError(state="stopped")
    account.no_trade, account.stopped_by, account.stopped_at, account.stop_reason = True, actor.name, at, reason
    record_event(session, "customer", customer.id, "trade_stopped", actor, at=at, reason=reason)


def lift_stop(
    session: Session, account: CreditAccountRow, customer: CustomerRow, actor: Actor, *, reason: str, at: datetime
) -> None:
    """Let the account trade again.

    Raises:
        TradeStopError: it is not stopped.
    """
    if not account.no_trade:
        raise TradeStopError(state="open")
    account.no_trade, account.stopped_by, account.stopped_at, account.stop_reason = False, None, None, None
    record_event(session, "customer", customer.id, "trade_stop_lifted", actor, at=at, reason=reason)


def restore_limit(
    session: Session, account: CreditAccountRow, customer: CustomerRow, actor: Actor, *, comment: str, at: datetime
) -> None:
    """Give the limit back that a legal case took away; the director's word alone does (D5-8).

    Raises:
        LimitNotSuspendedError: nothing was taken, or a case is still open.
    """
    if not account.suspended or has_open_case(session, account.id):
        raise LimitNotSuspendedError
    account.suspended = False
    about = {"account_id": str(account.id)}
    finish_tasks(session, TaskKind.RESTORE_LIMIT, actor, at=at, about=about, comment=comment)
    record_event(session, "customer", customer.id, "limit_restored", actor, at=at, comment=comment)
