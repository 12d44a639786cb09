"""«Почему стоит заказ?»: what it waits for, who can end the wait, and how much money it takes (U8)."""

from decimal import Decimal
from typing import Any

from sqlmodel import Session

from activities.persistence import credit, decisions, orders
from activities.persistence.policies import policy_version
from activities.persistence.tables import CreditDecisionRow, OrderRow
from api import order_views
from api.i18n import Language, speech
from api.schemas import money
from domain.credit import CreditFacts, counting_overdue
from domain.credit_release import money_to_release
from domain.orders import OrderStatus
from domain.wording import why_text

_HELD_BY_CREDIT = {OrderStatus.STOPPED, OrderStatus.AWAITING_APPROVAL}


def why(session: Session, order: OrderRow, language: Language) -> dict[str, Any]:
    """The answer in words, with the figures behind it."""
    state = orders.state_of(order)
    decision = decisions.last_decision(session, order.id) if state.status in _HELD_BY_CREDIT else None
    facts = decisions.FACTS.validate_python(decision.facts) if decision else None
    needed = _needed(session, order, decision, facts)
    wait = order_views.waiting(state.wait, language, decision)
    currency = facts.currency if facts else order.currency
    sentences = [
        why_text(
            state.wait.reason if state.wait else None,
            state.status,
            speech(language),
            until=orders.on_company_clock(session, order, state.wait.until) if state.wait else None,
            needed=needed,
            currency=currency,
        )
    ]
    if decision is not None:
        view = order_views.stored_decision(decision, language)
        sentences += [reason["text"] for reason in view["reasons"]]
        sentences += order_views.release_texts(decision, needed, currency, language)
    return {
        "text": " ".join(sentences),
        "reason": wait["reason"] if wait else None,
        "figures": _figures(session, decision, facts) if decision and facts else {},
        "who": wait["who"] if wait else None,
        "who_text": wait["who_text"] if wait else None,
        "needed": money(needed, currency),
    }


def _needed(
    session: Session, order: OrderRow, decision: CreditDecisionRow | None, facts: CreditFacts | None
) -> Decimal:
    """How much money would move the order on."""
    if decision is None or facts is None:
        return credit.still_to_pay(session, order)
    policy = policy_version(session, decision.policy_version, decision.overlay)
    return money_to_release([reason["code"] for reason in decision.reasons], facts, policy)


def _figures(session: Session, decision: CreditDecisionRow, facts: CreditFacts) -> dict[str, Any]:
    policy = policy_version(session, decision.policy_version, decision.overlay)
    sums = {
        "receivables": facts.receivables,
        "advances": facts.advances,
        "commitments": facts.commitments,
        "order_credit": facts.order_credit,
        "limit": facts.limit,
        "exposure": facts.exposure,
        "debt": facts.debt,
        "overdue": counting_overdue(facts, policy).amount,
    }
    return {name: money(value, facts.currency) for name, value in sums.items()}
