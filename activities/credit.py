"""Credit steps of an order: the decision under the account's lock, now and again."""

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio import activity

from activities.persistence import approvals, credit, decisions, orders
from activities.persistence.context import OrderContext, context_of
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.reconsideration import reconsider_locked
from activities.persistence.rulings import HELD, Ruling, rule
from activities.persistence.steps import run_once
from domain.credit import CreditDecision, with_reason
from domain.credit_steps import CreditOutcome, CreditRequest
from domain.errors import QuoteExpiredError, WrongStateError
from domain.orders import SYSTEM, OrderStatus

_DECIDABLE = {OrderStatus.QUOTED, OrderStatus.CHECKING}


class CreditActivities:
    """Everything here locks the credit account first, then the order (D3-6)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @activity.defn(no_thread_cancel_exception=True)
    def decide_order_credit(self, request: CreditRequest) -> CreditOutcome:
        """Decide on the order's present revision and record it; the same occasion is decided once (D3-5).

        For an order that waits for credit already, every waiting order of the account is decided again in its turn
        (D2-13); one that was set free meanwhile answers with what it was set free by.

        Raises:
            QuoteExpiredError: the quote's validity ran out before (D6-1).
            WrongStateError: the order is past its decision.
        """
        key = f"order:{request.order_id}:credit:{request.occasion}"
        return run_once(
            self._engine, key, CreditOutcome, lambda session: _decide(session, request, key), as_of=request.as_of
        )


def _decide(session: Session, request: CreditRequest, key: str) -> CreditOutcome:
    account = credit.lock_account_of(session, request.order_id)
    order = orders.lock_order(session, request.order_id)
    context = context_of(session, order)
    if order.status not in _DECIDABLE:
        return _decide_again(session, account, context, request)
    if order.status == OrderStatus.QUOTED and request.as_of > order.quote_valid_until:
        raise QuoteExpiredError(valid_until=order.quote_valid_until.isoformat())
    decided = decisions.decide_now(session, account, context, as_of=request.as_of)
    decisions.record_decision(session, context, decided, request.actor, occasion=request.occasion, at=request.as_of)
    ruling = rule(session, context, decided, request.actor, key=key, at=request.as_of)
    order.placed_at = order.placed_at or request.as_of
    return _outcome(context, decided.decision, ruling)


def _decide_again(
    session: Session, account: CreditAccountRow, context: OrderContext, request: CreditRequest
) -> CreditOutcome:
    order = context.order
    if request.actor.id != SYSTEM.id:
        raise WrongStateError(status=order.status, command="place")
    moved: tuple[str, ...] = ()
    if order.status in HELD:
        moved = reconsider_locked(session, account, at=request.as_of)
        session.refresh(order)
    stored = decisions.last_decision(session, order.id)
    if stored is None:
        raise WrongStateError(status=order.status, command="place")
    approval = approvals.open_approval(session, order.id)
    barred = approvals.barred_by(session, approval, on=context.today(request.as_of)) if approval else ()
    ruling = Ruling(orders.state_of(order), barred, orders.planned_messages(session, order.id))
    relieved = tuple(other for other in moved if other != str(order.id))
    return _outcome(context, decisions.recorded(session, stored)[0], ruling, relieved)


def _outcome(
    context: OrderContext,
    decision: CreditDecision,
    ruling: Ruling,
    relieved: tuple[str, ...] = (),
) -> CreditOutcome:
    if ruling.price is not None:
        decision = with_reason(decision, ruling.price)
    return CreditOutcome(
        ruling.state, decision, context.order.revision, ruling.barred, ruling.messages, relieved=relieved
    )
