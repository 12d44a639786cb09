"""What «почему стоит заказ?» is answered from: the order as of the question, read without a lock (U8)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session, col, select

from activities.persistence import credit, orders, revisions, shortages
from activities.persistence.calendars import load_calendar
from activities.persistence.context import OrderContext, context_of
from activities.persistence.figures import load_figures
from activities.persistence.gate import look_through
from activities.persistence.grants import limit_of, overlay_of
from activities.persistence.order_tables import ApprovalRow, OrderRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow, UserRow
from activities.persistence.policies import policy_version
from activities.persistence.record_tables import JournalRow
from activities.persistence.rulings import HELD, price_to_approve
from activities.persistence.stock import reservation_lines, shelves_of
from activities.persistence.supply import expected_days
from domain.allocation import Rule
from domain.approvals import ApprovalKind, Rung, ladder
from domain.business_calendar import BusinessCalendar
from domain.credit import OrderAsk, Reason, credit_part, decide_credit
from domain.explanation import Ending, ProposedChange, Request, Shortfall, Standing
from domain.explanation_credit import CreditNow, TradeStop
from domain.money import ZERO
from domain.orders import ENDED, SYSTEM, Role, WaitReason
from domain.policy import Policy
from domain.reconsideration import codes_of
from domain.said import Can, Goods, Person
from domain.supply import whole_on

_BEFORE_THE_GATE = frozenset({WaitReason.PICKING, WaitReason.SHIPMENT})
_DECIDERS = (Role.HEAD, Role.DIRECTOR, Role.LAWYER, Role.WAREHOUSE)
_ENDINGS = (*ENDED, "approval_expired")

_ASKS = text("""
    SELECT o.id, o.prepayment_percent, o.deferral_days,
           greatest(0, o.gross - coalesce((SELECT sum(gross) FROM invoice WHERE order_id = o.id), 0)) AS gross,
           coalesce((SELECT sum(amount) FROM payment_allocation WHERE order_id = o.id), 0) AS received,
           (SELECT reasons FROM credit_decision d WHERE d.order_id = o.id AND d.rule = 'credit'
             ORDER BY d.decided_at DESC, d.id DESC LIMIT 1) AS reasons
      FROM sales_order o WHERE o.id = ANY(:orders)
""")
_DAYS_OVERDUE = text("""
    SELECT coalesce(max(greatest(CAST(:day AS date), line.observed_on) - line.due_date), 0)
      FROM schedule_line line JOIN invoice ON invoice.id = line.invoice_id
     WHERE invoice.order_id = :order AND line.residual > 0
""")


def credit_now(session: Session, held: Sequence[OrderRow], *, at: datetime) -> dict[UUID, CreditNow]:
    """The credit of orders that it holds, by the figures of this instant and each order's own policy.

    One query for the orders, and a few for each customer among them, however many orders they have.
    """
    if not held:
        return {}
    rows = {row.id: row for row in session.execute(_ASKS, {"orders": [order.id for order in held]})}
    accounts: dict[UUID, _Account] = {}
    agreed: dict[UUID, int | None] = {}
    found = {}
    for order in held:
        if order.credit_account_id not in accounts:
            accounts[order.credit_account_id] = _Account(session, order, at=at)
        account = accounts[order.credit_account_id]
        if order.customer_id not in agreed:
            customer = session.get_one(CustomerRow, order.customer_id)
            agreed[order.customer_id] = credit.agreed_deferral(session, customer, today=account.today)
        found[order.id] = account.credit_of(session, order, rows[order.id], agreed[order.customer_id])
    return found


class _Account:
    """A credit account as of the question: figures, limit, and who stopped trade on it."""

    def __init__(self, session: Session, order: OrderRow, *, at: datetime) -> None:
        company = orders.legal_entity(session, order.legal_entity_id)
        calendar = load_calendar(session, company.country, company.timezone)
        self.row = session.get_one(CreditAccountRow, order.credit_account_id)
        self.today = calendar.day_of(at)
        figures = load_figures(session, self.row, today=self.today)
        self.facts, self.grants, self.rates = figures.facts, figures.grants, figures.rates
        self.limit = limit_of(self.row, self.grants, today=self.today, legal_case=self.facts.legal_case)
        self.trade_stop = _trade_stop(session, self.row, calendar)
        self._policies: dict[tuple[int, UUID], Policy] = {}

    def credit_of(self, session: Session, order: OrderRow, row: Any, agreed: int | None) -> CreditNow:
        ask = OrderAsk(
            credit=self.rates.convert(credit_part(row.gross, row.prepayment_percent, row.received), order.currency),
            requested_deferral=row.deferral_days,
            agreed_deferral=agreed,
            legal_cleared=order.cleared_revision == order.revision,
            rate=self.rates.of(order.currency),
        )
        policy = self._policy_of(session, order)
        facts = replace(self.facts.asked(ask), pending=max(ZERO, self.facts.pending - ask.credit))
        return CreditNow(
            facts=facts,
            policy=policy,
            decision=decide_credit(facts, policy),
            limit=self.limit,
            base_limit=self.row.base_limit,
            full_prepayment=self.rates.convert(max(ZERO, row.gross - row.received), order.currency),
            trade_stop=self.trade_stop,
            stopped_for=codes_of(row.reasons or ()),
        )

    def _policy_of(self, session: Session, order: OrderRow) -> Policy:
        key = (order.policy_version, order.customer_id)
        if key not in self._policies:
            overlay = overlay_of(self.grants, order.customer_id, today=self.today)
            self._policies[key] = policy_version(session, order.policy_version, overlay)
        return self._policies[key]


def _trade_stop(session: Session, account: CreditAccountRow, calendar: BusinessCalendar) -> TradeStop | None:
    if account.stopped_at is None:
        return None
    return TradeStop(calendar.local(account.stopped_at), _name(session, account.stopped_by), account.stop_reason)


def _name(session: Session, stored: str | None) -> str | None:
    """A person's name, from the id or the name that was kept."""
    try:
        person = session.get(UserRow, UUID(stored)) if stored else None
    except ValueError:
        return stored
    return person.name if person is not None else None


def standing_of(session: Session, order: OrderRow, *, at: datetime) -> Standing:
    """An order with everything that explains it, instants on the company's clock; a bounded number of queries."""
    context, state = context_of(session, order), orders.state_of(order)
    local = context.calendar.local
    manager = orders.user(session, order.manager_id).name
    if state.status in ENDED:
        ending = _ending(session, context)
        return Standing(state.status, None, order.currency, manager=manager, ending=ending)
    wait = state.wait
    if wait is not None:
        wait = replace(wait, since=local(wait.since), until=local(wait.until) if wait.until else None)
    asking = _open_request(session, order)
    own = asking is not None and asking.revision == order.revision
    held = _held(session, context, asking if own else None, at=at) if state.status in HELD else None
    reason = wait.reason if wait else None
    return Standing(
        status=state.status,
        wait=wait,
        currency=held.facts.currency if held else order.currency,
        needed=ZERO if held else credit.still_to_pay(session, order),
        manager=manager,
        credit=held,
        request=_request(session, context, asking, at=at) if asking is not None and own else None,
        proposal=_proposal(session, context, asking) if asking is not None and not own else None,
        days_overdue=_days_overdue(session, context, at=at) if reason is WaitReason.FINAL_PAYMENT else 0,
        gate=gate_now(session, context, at=at) if reason is WaitReason.GATE else (),
        prepaid=order.prepayment_percent > 0,
        ahead=gate_now(session, context, at=at) if reason in _BEFORE_THE_GATE else (),
        short=_short(session, order),
        choose_until=_choose_until(session, context),
        staff=_staff(session, context),
        expected_on=_expected_on(session, order, at=at) if reason is WaitReason.STOCK else None,
    )


def _expected_on(session: Session, order: OrderRow, *, at: datetime) -> date | None:
    """The day on which everything that the order waits for is there (D7-12)."""
    shelves = shelves_of(reservation_lines(session, order.id, "waiting"))
    return whole_on(expected_days(session, order.id, shelves, at=at).values())


_SHORT = text("""
    SELECT named.name, named.unit, waiting.quantity, (
               SELECT claim ->> 'rule' FROM stock_allocation run, jsonb_array_elements(run.claims) claim
                WHERE run.sku = waiting.sku AND run.warehouse = waiting.warehouse
                  AND claim ->> 'order_id' = CAST(:order AS text)
                  AND CAST(claim -> 'line' ->> 'line_no' AS integer) = waiting.line_no
                ORDER BY run.id DESC LIMIT 1) AS rule
      FROM reservation_line waiting
      JOIN order_line named ON named.order_id = waiting.order_id AND named.line_no = waiting.line_no
     WHERE waiting.order_id = CAST(:order AS uuid) AND waiting.state = 'waiting' AND named.revision = :revision
     ORDER BY waiting.line_no, waiting.warehouse
""")


def _short(session: Session, order: OrderRow) -> tuple[Shortfall, ...]:
    """What the order waits for, by the rule that left it without in the newest run of the queue it stood in (U18)."""
    by_rule: dict[str, list[Goods]] = {}
    for row in session.execute(_SHORT, {"order": str(order.id), "revision": order.revision}):
        by_rule.setdefault(row.rule or Rule.RAN_OUT, []).append(Goods(row.name, row.quantity, row.unit))
    return tuple(Shortfall(rule, tuple(goods)) for rule, goods in by_rule.items())


def _choose_until(session: Session, context: OrderContext) -> datetime | None:
    question = shortages.open_shortage(session, context.order.id)
    return context.calendar.local(question.until) if question is not None else None


def gate_now(session: Session, context: OrderContext, *, at: datetime) -> tuple[Reason, ...]:
    """What closes the shipment gate, or would close it, if the goods left now (D4-12, D12-1)."""
    account = session.get_one(CreditAccountRow, context.order.credit_account_id)
    found, _ = look_through(session, account, context, as_of=at)
    currency = {"currency": found.facts.currency}
    return tuple(replace(reason, figures={**currency, **reason.figures}) for reason in found.decision.reasons)


def _held(session: Session, context: OrderContext, asking: ApprovalRow | None, *, at: datetime) -> CreditNow:
    order = context.order
    found = credit_now(session, [order], at=at)[order.id]
    if asking is None or asking.kind != ApprovalKind.PRICE:
        return found
    return replace(found, price=price_to_approve(session, context, found.policy))


def _open_request(session: Session, order: OrderRow) -> ApprovalRow | None:
    query = select(ApprovalRow).where(ApprovalRow.order_id == order.id, ApprovalRow.state == "open")
    return session.exec(query).first()


def _request(session: Session, context: OrderContext, row: ApprovalRow, *, at: datetime) -> Request:
    times = ladder(row.opened_at, context.policy, context.calendar)
    rungs = ((Rung.REMINDED, times.reminder_at), (Rung.DEPUTY, times.deputy_at), (Rung.NEXT_LEVEL, times.next_level_at))
    coming = next(((rung, when) for rung, when in rungs if rung > row.rung and when > at), None)
    return Request(
        kind=row.kind,
        tier=row.tier,
        people=_addressees(session, row),
        next_rung=coming[0].name.lower() if coming else None,
        next_at=context.calendar.local(coming[1]) if coming else None,
    )


def _addressees(session: Session, row: ApprovalRow) -> tuple[Person, ...]:
    """Who was asked, in the order they were; a deputy with the one they answer for (D4-4)."""
    ids = {UUID(each[name]) for each in row.addressees for name in ("user_id", "for_id") if each.get(name)}
    found = {person.id: person for person in session.exec(select(UserRow).where(col(UserRow.id).in_(ids)))}
    people = []
    for each in row.addressees:
        person, away = found[UUID(each["user_id"])], each.get("for_id")
        instead_of = found[UUID(away)].name if away else None
        people.append(Person(person.name, person.role, instead_of, Can.DECIDE))
    return tuple(people)


def _proposal(session: Session, context: OrderContext, asking: ApprovalRow) -> ProposedChange | None:
    row = revisions.proposed(session, context.order.id)
    if row is None:
        return None
    return ProposedChange(row.gross, context.calendar.local(asking.deadline), _addressees(session, asking))


def _days_overdue(session: Session, context: OrderContext, *, at: datetime) -> int:
    figures = {"order": context.order.id, "day": context.today(at)}
    return int(session.execute(_DAYS_OVERDUE, figures).scalar_one())


def _staff(session: Session, context: OrderContext) -> dict[str, tuple[Person, ...]]:
    """Who is there to decide, by role; of the heads those of the customer's branch, or those of every branch (D4-1)."""
    query = select(UserRow).where(col(UserRow.role).in_(_DECIDERS)).order_by(col(UserRow.login))
    people, region = session.exec(query).all(), context.customer.region
    heads = [person for person in people if person.role == Role.HEAD]
    own = [person for person in heads if region is not None and person.region == region]
    by_role: dict[str, Iterable[UserRow]] = {
        role: [person for person in people if person.role == role] for role in _DECIDERS
    }
    by_role[Role.HEAD] = own or [person for person in heads if person.region in {None, region}]
    return {role: tuple(Person(person.name, person.role) for person in some) for role, some in by_role.items()}


def _ending(session: Session, context: OrderContext) -> Ending:
    """How the order ended, by its journal: the answer of an approver, a cancellation, or the end of a wait."""
    order = context.order
    query = (
        select(JournalRow)
        .where(JournalRow.subject == "order", JournalRow.subject_id == str(order.id))
        .where(col(JournalRow.event).in_(_ENDINGS))
        .order_by(col(JournalRow.id).desc())
    )
    event = session.exec(query).first()
    at = context.calendar.local(order.ended_at or order.created_at)
    if event is None:
        return Ending(at, order.end_reason)
    returned = Decimal(event.data.get("money_returned_to_advance") or 0)
    if event.actor_id == UUID(SYSTEM.id):
        return Ending(at, order.end_reason, returned=returned)
    by = Person(event.actor_name, event.actor_role, event.data.get("answered_for"))
    return Ending(at, order.end_reason, by, returned)
