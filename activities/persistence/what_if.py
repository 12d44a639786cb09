"""Questions about an order that does not exist yet: a bounded number of queries, no lock, nothing written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from activities.persistence.calendars import load_calendar
from activities.persistence.credit import agreed_deferral
from activities.persistence.figures import load_figures
from activities.persistence.grants import overlay_of
from activities.persistence.orders import legal_entity
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.policies import policy_in_force, policy_version
from activities.persistence.quotes import QuoteLine, priced_lines
from domain.approvals import PricedLine, discount_reason
from domain.credit import CreditDecision, credit_part, with_reason
from domain.money import ZERO
from domain.optional import given_or
from domain.what_if import AskedTerms, Room, room, what_if


@dataclass(frozen=True, slots=True)
class Question:
    """An order as asked about: by its gross, or by lines at today's prices; terms of None are the customer's own."""

    amount: Decimal | None = None
    lines: Sequence[QuoteLine] = ()
    deferral_days: int | None = None
    prepayment_percent: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the order would meet, and the room that is left on its terms. `decision`: None when no sum was named."""

    decision: CreditDecision | None
    credit_part: Decimal
    exposure_before: Decimal
    limit: Decimal
    unlimited: bool
    debt: Decimal
    room: Room
    currency: str


def answer(session: Session, customer: CustomerRow, question: Question, *, now: datetime) -> Answer:
    """Decide as `place` would at this instant (D2, D4-15).

    Raises:
        ProductNotFoundError, WrongCurrencyError, DuplicateLineError, ZeroTotalError, AmountTooLargeError
    """
    company = legal_entity(session)
    today = load_calendar(session, company.country, company.timezone).day_of(now)
    account = session.get_one(CreditAccountRow, customer.credit_account_id)
    figures = load_figures(session, account, today=today)
    facts = figures.facts
    version, _ = policy_in_force(session, today)
    policy = policy_version(session, version, overlay_of(figures.grants, customer.id, today=today))
    terms = AskedTerms(
        given_or(question.prepayment_percent, customer.prepayment_percent),
        given_or(question.deferral_days, customer.deferral_days),
        agreed_deferral(session, customer, today=today),
    )
    gross, prices = _asked(session, customer, question)
    decision = None if gross is None else what_if(facts, policy, terms, gross)
    discount = discount_reason(prices, policy)
    if decision is not None and discount is not None:
        decision = with_reason(decision, discount)
    return Answer(
        decision=decision,
        credit_part=ZERO if gross is None else credit_part(gross, terms.prepayment_percent),
        exposure_before=facts.exposure_before,
        limit=facts.limit,
        unlimited=facts.unlimited,
        debt=facts.debt,
        room=room(facts, policy, terms),
        currency=account.currency,
    )


def _asked(session: Session, customer: CustomerRow, question: Question) -> tuple[Decimal | None, list[PricedLine]]:
    """The gross of the order in question, and its prices beside the price list's."""
    if not question.lines:
        return question.amount, []
    priced = priced_lines(session, question.lines, customer.currency)
    return sum((line.gross for line in priced), ZERO), [PricedLine(line.price, line.list_price) for line in priced]
