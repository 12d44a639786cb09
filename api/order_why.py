"""«Почему стоит заказ?»: what it waits for and why, who can end the wait, and how much money it takes (U8)."""

from datetime import datetime
from typing import Any

from sqlmodel import Session

from activities.persistence import decisions
from activities.persistence.explaining import standing_of
from activities.persistence.order_tables import OrderRow
from api.i18n import Language, speech
from api.schemas import money
from domain.credit import Reason, counting_overdue
from domain.explanation import explain
from domain.explanation_credit import REASON_RULES, CreditNow
from domain.orders import Wait
from domain.said import Person
from domain.wording import Speech, on_expiry_text, reason_text, role_name, spoken


def why(session: Session, order: OrderRow, language: Language, *, now: datetime) -> dict[str, Any]:
    """The answer in words, with the figures, rules and people behind it; everything is as of `now`."""
    standing = standing_of(session, order, at=now)
    told, words = explain(standing), speech(language)
    wait, credit = standing.wait, standing.credit
    currency = standing.currency
    decision = decisions.last_decision(session, order.id) if credit else None
    return {
        "text": spoken(told.said, words),
        "reason": wait.reason if wait else None,
        "rule": told.rules[0] if told.rules else None,
        "rules": list(told.rules),
        "reasons": [_reason(reason, currency, words) for reason in told.reasons],
        "figures": _figures(credit, currency) if credit else {},
        "limit": _limit(credit) if credit else None,
        "who": told.who,
        "who_text": spoken(told.who_said, words) or None,
        "people": [_person(person, words) for person in told.people],
        "needed": money(told.needed, currency),
        **_times(wait, words),
        "decision_at": decision.decided_at.isoformat() if decision else None,
        "as_of": now.isoformat(),
    }


def _times(wait: Wait | None, words: Speech) -> dict[str, Any]:
    if wait is None:
        return {"since": None, "until": None, "on_expiry": None, "on_expiry_text": None}
    return {
        "since": wait.since.isoformat(),
        "until": wait.until.isoformat() if wait.until else None,
        "on_expiry": wait.on_expiry,
        "on_expiry_text": on_expiry_text(wait.on_expiry, words),
    }


def _reason(reason: Reason, currency: str, words: Speech) -> dict[str, Any]:
    return {
        "code": reason.code,
        "rule": REASON_RULES[reason.code],
        "outcome": reason.outcome,
        "text": reason_text(reason.code, words, **{"currency": currency, **reason.figures}),
        "figures": reason.figures,
    }


def _person(person: Person, words: Speech) -> dict[str, Any]:
    return {
        "name": person.name,
        "role": person.role,
        "role_text": role_name(person.role, words),
        "instead_of": person.instead_of,
        "can": person.can,
    }


def _figures(credit: CreditNow, currency: str) -> dict[str, Any]:
    facts = credit.facts
    sums = {
        "receivables": facts.receivables,
        "advances": facts.advances,
        "commitments": facts.commitments,
        "order_credit": facts.order_credit,
        "limit": facts.limit,
        "exposure": facts.exposure,
        "debt": facts.debt,
        "overdue": counting_overdue(facts, credit.policy).amount,
        "full_prepayment": credit.full_prepayment,
    }
    return {name: money(value, currency) for name, value in sums.items()}


def _limit(credit: CreditNow) -> dict[str, Any]:
    """Where the limit comes from, and its last day when it has one (D1-9)."""
    until = credit.limit.until
    return {"source": credit.limit.source, "until": until.isoformat() if until else None}
