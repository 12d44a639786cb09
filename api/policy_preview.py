"""What a candidate policy would change: orders under way, and the decisions of a period played again (U3, U15)."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Engine
from sqlmodel import Session

from activities.persistence import policy_versions
from activities.persistence.calendars import load_calendar
from activities.persistence.live_orders import LiveOrder, live_orders
from activities.persistence.orders import legal_entity
from activities.persistence.policies import policy_from
from activities.persistence.replay import Candidate, PastOrder, Period, replay_pages, snapshot
from api.i18n import Language, speech
from api.schemas import MoneyOut, Out
from domain.credit import Outcome, Reason
from domain.credit_release import told_reasons
from domain.policy_rules import CREDIT_FIELDS, changed_policy
from domain.simulation import Changed, Replay, Sums, changed_orders
from domain.wording import outcome_text, reason_text
from domain.wording.policies import note_texts

USUAL_DAYS = 90
LONGEST = 500
"""Orders named one by one; the totals count all."""


class LiveOut(Out):
    """An order under way that would get another outcome; `reasons` are the candidate's, in words."""

    order_id: UUID
    number: str
    customer_id: UUID
    customer: str
    status: str
    total: MoneyOut
    before: Outcome = Field(serialization_alias="from")
    after: Outcome = Field(serialization_alias="to")
    reasons: list[str]


class PastOut(Out):
    """An order of the period that would have come out otherwise. `overdue`: of its money, late or unpaid."""

    order_id: UUID
    number: str
    customer_id: UUID
    customer: str
    total: MoneyOut
    before: Outcome = Field(serialization_alias="from")
    after: Outcome = Field(serialization_alias="to")
    confirmed: bool
    overdue: MoneyOut
    reasons: list[str]


class TransitionOut(Out):
    before: Outcome = Field(serialization_alias="from")
    after: Outcome = Field(serialization_alias="to")
    count: int


class PeriodOut(Out):
    """A replay.

    Attributes:
        stopped: orders that would have been stopped or sent to approval: `to_stop` and `to_approval` of them.
        eased: orders that would have got a better outcome.
        overdue_avoided: money of the `stopped` orders that was paid late or is not paid past its date.
        overdue_avoided_by_stop: of it, that of the orders stopped outright.
        revenue_lost: orders confirmed then that would have been stopped.
        orders: the orders behind these figures, at most 500; `orders_total` counts all.
    """

    from_: date = Field(serialization_alias="from")
    to: date
    decisions: int
    transitions: list[TransitionOut]
    stopped: int
    to_stop: int
    to_approval: int
    eased: int
    overdue_avoided: list[MoneyOut]
    overdue_avoided_by_stop: list[MoneyOut]
    revenue_lost: list[MoneyOut]
    orders_total: int
    orders: list[PastOut]


class Preview(Out):
    """`base`: the version that the changes are on top of. `not_weighed`: changes that no credit outcome depends on."""

    base: int
    changes: dict[str, Any]
    not_weighed: list[str]
    orders_checked: int
    orders_total: int
    orders: list[LiveOut]
    period: PeriodOut
    notes: list[str]


def candidate_of(session: Session, changes: Mapping[str, object]) -> tuple[int, Candidate, dict[str, Any]]:
    """The newest published version with these changes: its number, the candidate, and what differs.

    Raises:
        PolicyValueError
    """
    base = policy_versions.newest_published(session)
    policy = changed_policy(policy_from(base.body), changes)
    body = policy_versions.policy_body(policy)
    return base.version, Candidate(policy, body), policy_versions.difference(base.body, body)


def period_of(session: Session, since: date | None, until: date | None, *, now: datetime) -> tuple[date, date, Period]:
    """First and last day, both included, and their instants on the company's clock; the last 90 days if not told."""
    company = legal_entity(session)
    calendar = load_calendar(session, company.country, company.timezone)
    last = until or calendar.day_of(now)
    first = since or last - timedelta(days=USUAL_DAYS - 1)
    return first, last, Period(calendar.at(first, 0), calendar.at(last + timedelta(days=1), 0))


def preview(
    engine: Engine,
    changes: Mapping[str, object],
    language: Language,
    *,
    since: date | None,
    until: date | None,
    now: datetime,
) -> Preview:
    """Judge everything on one unchanging view of the database; nothing is written."""
    with snapshot(engine) as session:
        base, candidate, differing = candidate_of(session, changes)
        today = load_today(session, now)
        live = {}
        changed: list[Changed] = []
        checked = 0
        for order in live_orders(session, candidate, today=today):
            checked += 1
            if found := changed_orders([order.open]):
                changed += found
                live[order.open.order_id] = order
        first, last, period = period_of(session, since, until, now=now)
        replay, total = Replay(), 0
        past: list[PastOrder] = []
        for page, orders in replay_pages(session, candidate, period, today=today):
            take_in(replay, page, orders)
            total += len(orders)
            past += orders[: LONGEST - len(past)]
    not_weighed = sorted(set(differing) - CREDIT_FIELDS)
    return Preview(
        base=base,
        changes=differing,
        not_weighed=not_weighed,
        orders_checked=checked,
        orders_total=len(changed),
        orders=[_live_out(each, live[each.order_id], language) for each in changed[:LONGEST]],
        period=period_out(replay, past, total, language, days=(first, last)),
        notes=note_texts(not_weighed, speech(language)),
    )


def load_today(session: Session, now: datetime) -> date:
    """The company's business day."""
    company = legal_entity(session)
    return load_calendar(session, company.country, company.timezone).day_of(now)


def take_in(replay: Replay, page: Any, orders: Sequence[PastOrder]) -> None:
    """Add a page of a replay to its sums."""
    replay.count(page)
    for each in orders:
        replay.weigh(each.rejudged, each.fate)


def period_out(
    replay: Replay, orders: Sequence[PastOrder], total: int, language: Language, *, days: tuple[date, date]
) -> PeriodOut:
    """A replay as callers read it."""
    transitions = sorted(replay.transitions.items())
    return PeriodOut(
        from_=days[0],
        to=days[1],
        decisions=replay.decisions,
        transitions=[TransitionOut(before=pair[0], after=pair[1], count=count) for pair, count in transitions],
        stopped=replay.stricter.total(),
        to_stop=replay.stricter[Outcome.STOP],
        to_approval=replay.stricter[Outcome.APPROVAL],
        eased=replay.eased.total(),
        overdue_avoided=_sums(replay.overdue_avoided),
        overdue_avoided_by_stop=_sums(replay.overdue_stopped),
        revenue_lost=_sums(replay.revenue_lost),
        orders_total=total,
        orders=[_past_out(each, language) for each in orders],
    )


def _sums(sums: Sums) -> list[MoneyOut]:
    return [MoneyOut.of(amount, currency) for currency, amount in sorted(sums.by_currency.items())]


def _live_out(changed: Changed, live: LiveOrder, language: Language) -> LiveOut:
    currency = live.open.facts.currency
    return LiveOut(
        order_id=UUID(changed.order_id),
        number=live.number,
        customer_id=live.customer_id,
        customer=live.customer,
        status=live.status,
        total=MoneyOut.of(live.gross, live.currency),
        before=changed.before.outcome,
        after=changed.after.outcome,
        reasons=_words(changed.after.outcome, changed.after.reasons, currency, language),
    )


def _past_out(past: PastOrder, language: Language) -> PastOut:
    rejudged, fate = past.rejudged, past.fate
    return PastOut(
        order_id=UUID(rejudged.order_id),
        number=past.number,
        customer_id=past.customer_id,
        customer=past.customer,
        total=MoneyOut.of(fate.gross, fate.currency),
        before=rejudged.before,
        after=rejudged.after,
        confirmed=fate.confirmed,
        overdue=MoneyOut.of(fate.overdue, fate.currency),
        reasons=_words(rejudged.after, rejudged.reasons, fate.currency, language),
    )


def _words(outcome: Outcome, reasons: Sequence[Reason], currency: str, language: Language) -> list[str]:
    spoken = speech(language)
    told = told_reasons([reason.code for reason in reasons])
    sentences = [
        reason_text(reason.code, spoken, currency=currency, **reason.figures)
        for reason in reasons
        if reason.code in told
    ]
    return sentences or [outcome_text(outcome, spoken)]
