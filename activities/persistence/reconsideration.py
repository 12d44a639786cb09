"""Deciding again on the orders that wait for credit, in the transaction that lowered the exposure (D2-13)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from activities.persistence import credit, orders
from activities.persistence.calendars import company_calendar
from activities.persistence.context import context_of
from activities.persistence.decisions import Decided, record_decision
from activities.persistence.figures import load_figures
from activities.persistence.grants import overlay_of
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.policies import policy_version
from activities.persistence.rulings import HELD, rule
from domain.credit import OrderAsk, credit_part
from domain.orders import SYSTEM, OrderStatus
from domain.reconsideration import Reconsidered, WaitingOrder, reconsider

_WAITING = text(f"""
    SELECT o.id, o.customer_id, o.status, o.revision, o.cleared_revision, o.policy_version, o.deferral_days,
           o.prepayment_percent, o.currency,
           greatest(0, o.gross - {credit.gone_gross("o.id", "o.revision")}) AS gross,
           coalesce((SELECT sum(amount) FROM payment_allocation WHERE order_id = o.id), 0) AS received,
           (SELECT reasons FROM credit_decision d WHERE d.order_id = o.id AND d.rule = 'credit'
             ORDER BY d.id DESC LIMIT 1) AS reasons
      FROM sales_order o JOIN customer ON customer.id = o.customer_id
     WHERE o.credit_account_id = :account AND o.status IN ('awaiting_approval', 'stopped')
       AND NOT EXISTS (SELECT 1 FROM approval WHERE order_id = o.id AND state = 'open' AND kind = 'price')
     ORDER BY customer.segment DESC, o.placed_at, o.id
""")


_HELD_UP = text("""
    SELECT id, status FROM sales_order
     WHERE credit_account_id = :account
       AND (status IN ('awaiting_approval', 'stopped') OR (status = 'picking' AND wait ->> 'reason' = 'gate'))
     ORDER BY id
""")


def reconsider_account(session: Session, account_id: UUID | str, *, at: datetime) -> tuple[str, ...]:
    """`reconsider_locked` for an account that the caller knows by its id; it is locked here."""
    session.flush()
    return reconsider_locked(session, credit.lock_account(session, UUID(str(account_id))), at=at)


def reconsider_locked(session: Session, account: CreditAccountRow, *, at: datetime) -> tuple[str, ...]:
    """Decide again on every waiting order of an account, by class, then by time of request, each by the figures that
    the one before left (D2-13). Call it at the end of whatever lowers exposure or raises a limit.

    A bounded number of queries, one where nothing waits, and a few for each order that moves on. Returns the ids of
    those: their workflows are to be told, and so are those whose picked goods stand before a closed gate. An order that
    goes on waiting keeps its stored decision.
    """
    session.flush()
    held_up = session.execute(_HELD_UP, {"account": account.id}).all()
    at_gate = tuple(str(row.id) for row in held_up if row.status == OrderStatus.PICKING)
    waits = len(held_up) > len(at_gate)
    rows = session.execute(_WAITING, {"account": account.id}).all() if waits else ()
    if not rows:
        return at_gate
    today = company_calendar(session).day_of(at)
    figures = load_figures(session, account, today=today)
    grants, rates = figures.grants, figures.rates
    customers = {row.customer_id: session.get_one(CustomerRow, row.customer_id) for row in rows}
    agreed = {key: credit.agreed_deferral(session, customer, today=today) for key, customer in customers.items()}
    waiting = [
        WaitingOrder(
            order_id=str(row.id),
            ask=OrderAsk(
                credit=rates.convert(credit_part(row.gross, row.prepayment_percent, row.received), row.currency),
                requested_deferral=row.deferral_days,
                agreed_deferral=agreed[row.customer_id],
                legal_cleared=row.cleared_revision == row.revision,
                rate=rates.of(row.currency),
            ),
            policy=policy_version(session, row.policy_version, overlay_of(grants, row.customer_id, today=today)),
            stopped=row.status == OrderStatus.STOPPED,
            reasons=[reason["code"] for reason in row.reasons or ()],
        )
        for row in rows
    ]
    policies = {each.order_id: each.policy for each in waiting}
    overlays = {str(row.id): overlay_of(grants, row.customer_id, today=today) for row in rows}
    freed = tuple(
        moved.order_id
        for moved in reconsider(figures.facts, waiting)
        if _move_on(session, moved, Decided(moved.facts, policies[moved.order_id], overlays[moved.order_id],
                                            moved.decision), at=at)
    )  # fmt: skip
    return (*freed, *at_gate)


_TO_TELL = text("""
    SELECT o.id FROM sales_order o
     WHERE (CAST(:account AS uuid) IS NULL OR o.credit_account_id = :account)
       AND ((o.status = 'confirmed' AND coalesce(o.wait, 'null') = 'null')
            OR (o.status = 'picking' AND o.wait ->> 'reason' = 'gate')
            OR (o.status = 'awaiting_approval' AND EXISTS (
                  SELECT 1 FROM credit_decision d
                   WHERE d.order_id = o.id AND d.occasion = 'again-' || (o.version - 1))))
     ORDER BY o.id
""")


def orders_to_tell(session: Session, account_id: UUID | None = None) -> list[str]:
    """Orders that credit moved on and whose workflows may not know it yet; telling one twice changes nothing."""
    return [str(order) for order in session.execute(_TO_TELL, {"account": account_id}).scalars()]


def _move_on(session: Session, moved: Reconsidered, decided: Decided, *, at: datetime) -> bool:
    order = orders.lock_order(session, moved.order_id)
    if order.status not in HELD:
        return False
    context = context_of(session, order)
    version = order.version
    occasion = f"again-{version}"
    record_decision(session, context, decided, SYSTEM, occasion=occasion, at=at)
    rule(session, context, decided, SYSTEM, key=f"order:{order.id}:credit:{occasion}", at=at)
    if order.version == version:
        order.version += 1  # the next time is another occasion
    session.flush()
    return True
