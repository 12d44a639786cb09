"""U8: real orders brought into each state, and «почему стоит заказ?» asked over HTTP at a fixed instant."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import bearer, doors, key_of
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.golden import golden, kept
from support.goods import a_step, pick, reserve, ship_picked, tie_money
from support.money import an_invoice

from activities.approvals import ApprovalActivities
from activities.credit import CreditActivities
from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.persistence import orders
from activities.persistence.calendars import load_calendar
from activities.persistence.credit_tables import AbsenceRow, CreditGrantRow
from activities.persistence.money_tables import LegalCaseRow, ScheduleLineRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow, LegalEntityRow, PolicyRow, UserRow
from activities.revisions import RevisionActivities
from api.app import create_app
from api.auth import key_hash
from api.clock import now as instant_of_request
from domain import waits
from domain.credit_steps import ApprovalCommand, ApprovalRequest, CreditRequest, Verdict
from domain.orders import SYSTEM, CancelCommand, EndRequest, OrderState, OrderStatus
from domain.policy import Policy
from domain.revisions import ReviseCommand, RevisedLine, ReviseRequest

NOON = datetime(2026, 4, 6, 7, 0, tzinfo=UTC)
"""Monday 6 April 2026, 12:00 in Almaty, two hours after the orders were placed."""
TEXTS = golden("over_http.txt")


@dataclass
class Office:
    """The company with its doors, at one instant that tests move."""

    engine: Engine
    company: Company
    http: TestClient
    now: datetime = NOON

    def customer(self, **terms: Any) -> CustomerRow:
        return a_customer(self.engine, self.company, **terms)

    def quote(self, customer: CustomerRow, list_price: str, *, on_hand: str = "10", **terms: Any) -> str:
        sku = a_product(self.engine, price=list_price, on_hand=on_hand)
        return a_quote(self.engine, self.company.manager, customer, sku, **terms)

    def place(self, order: str) -> str:
        request = CreditRequest(order, self.company.manager, "decision-1", MONDAY)
        CreditActivities(self.engine).decide_order_credit(request)
        return order

    def placed(self, customer: CustomerRow, list_price: str, **terms: Any) -> str:
        return self.place(self.quote(customer, list_price, **terms))

    def owes(self, customer: CustomerRow, amount: str, *, days: int) -> str:
        """An unpaid invoice whose due date was so many days ago."""
        due = date(2026, 4, 6) - timedelta(days=days)
        return an_invoice(self.engine, customer, "СФ-000017", amount, due=due.isoformat())

    def account(self, customer: CustomerRow, **columns: Any) -> None:
        with Session(self.engine) as session, session.begin():
            row = session.get_one(CreditAccountRow, customer.credit_account_id)
            for name, value in columns.items():
                setattr(row, name, value)

    def grant(self, customer: CustomerRow, kind: str, amount: str | None, until: date) -> None:
        with Session(self.engine) as session, session.begin():
            row = CreditGrantRow(
                credit_account_id=customer.credit_account_id, customer_id=customer.id, kind=kind,
                amount=Decimal(amount) if amount else None, valid_from=date(2026, 4, 1), valid_to=until,
                reason="сезон", state="in_force", requested_by=UUID(self.company.manager.id),
                requested_at=MONDAY, decided_by=UUID(self.company.head.id), decided_at=MONDAY,
            )  # fmt: skip
            session.add(row)

    def policy(self, **figures: Any) -> None:
        """A version with these figures, in force for the orders to come."""
        with Session(self.engine) as session, session.begin():
            session.add(
                PolicyRow(version=9, effective_from=date(2026, 1, 2), body=figures, created_by="admin",
                          created_at=MONDAY, decided_by="director", decided_at=MONDAY)
            )  # fmt: skip

    def case(self, customer: CustomerRow) -> None:
        with Session(self.engine) as session, session.begin():
            entity = session.exec(select(LegalEntityRow)).one().id
            session.add(
                LegalCaseRow(number="Д-000001", customer_id=customer.id, legal_entity_id=entity, state="open",
                             credit_account_id=customer.credit_account_id, opened_on=date(2026, 4, 1), package={})
            )  # fmt: skip

    def answer(self, order: str, person: str, verdict: Verdict, comment: str = "") -> None:
        command = ApprovalCommand(self.company.people[person], verdict, comment)
        ApprovalActivities(self.engine).answer_approval(ApprovalRequest(order, command, NOON))

    def end(self, order: str, status: OrderStatus, reason: str, *, by: str | None = None) -> None:
        actor = self.company.people[by] if by else SYSTEM
        OrderActivities(self.engine).end_order(EndRequest(order, status, actor, reason, NOON))

    def stand(self, order: str, make: Callable[[Session], OrderState]) -> str:
        """Put the order into a state, as the step that leads there does."""
        with Session(self.engine) as session, session.begin():
            orders.set_state(orders.lock_order(session, order), make(session), at=NOON)
        return order

    def why(self, order: str, language: str = "ru") -> dict[str, Any]:
        answer = self.http.get(f"/api/v1/orders/{order}/why", headers=bearer("head", accept_language=language))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


@pytest.fixture
def office(engine: Engine) -> Iterator[Office]:
    company = a_company(engine)
    with Session(engine) as session, session.begin():
        for user in session.exec(select(UserRow)):
            user.key_hash = key_hash(key_of(user.login))
    with doors(create_app, engine) as http:
        desk = Office(engine, company, http)
        http.app.dependency_overrides[instant_of_request] = lambda: desk.now
        yield desk


def over_limit(office: Office) -> str:
    return office.placed(office.customer(), "1200000")


def a_long_term(office: Office) -> str:
    return office.placed(office.customer(), "100000", deferral_days=31)


def no_contract(office: Office) -> str:
    return office.placed(office.customer(contract=False), "100000")


def a_discount(office: Office) -> str:
    office.policy(free_discount_percent="10")
    return office.placed(office.customer(), "100000", price="87500")


def an_overdue_debt_asks(office: Office) -> str:
    customer = office.customer()
    office.owes(customer, "275000", days=5)
    return office.placed(customer, "100000")


def a_temporary_limit(office: Office) -> str:
    customer = office.customer()
    office.grant(customer, "temporary", "2000000", date(2026, 4, 30))
    return office.placed(customer, "2150000")


def asked_by_deputy(office: Office) -> str:
    people = office.company.people
    with Session(office.engine) as session, session.begin():
        session.add(
            AbsenceRow(user_id=UUID(people["head"].id), deputy_id=UUID(people["manager2"].id), reason="отпуск",
                       from_on=date(2026, 4, 1), to_on=date(2026, 4, 30), created_by=UUID(people["head"].id),
                       created_at=MONDAY)
        )  # fmt: skip
    return over_limit(office)


def at_the_directors(office: Office) -> str:
    office.policy(second_tier=True)
    order = office.placed(office.customer(), "1700000")
    office.answer(order, "head", Verdict.APPROVE)
    return order


def an_approval_worsens(office: Office) -> str:
    customer = office.customer()
    order = office.placed(customer, "1200000")
    office.owes(customer, "275000", days=14)
    return order


def above_double(office: Office) -> str:
    return office.placed(office.customer(), "2000000.01")


def a_debt_above_double(office: Office) -> str:
    customer = office.customer()
    office.owes(customer, "2100000", days=-5)
    return office.placed(customer, "1000")


def no_credit(office: Office) -> str:
    return office.placed(office.customer(limit="0"), "100000")


def a_suspended_limit(office: Office) -> str:
    customer = office.customer()
    office.account(customer, suspended=True)
    return office.placed(customer, "100000")


def an_overdue_debt_stops(office: Office) -> str:
    customer = office.customer()
    office.owes(customer, "275000", days=14)
    return office.placed(customer, "100000")


def an_old_debt(office: Office) -> str:
    customer = office.customer()
    office.owes(customer, "275000", days=30)
    return office.placed(customer, "300000")


def unlimited(office: Office) -> str:
    customer = office.customer()
    office.grant(customer, "unlimited", None, date(2026, 4, 30))
    office.owes(customer, "275000", days=14)
    return office.placed(customer, "5000000")


def a_ban(office: Office) -> str:
    customer = office.customer()
    stop = datetime(2026, 4, 3, 10, 30, tzinfo=UTC)
    office.account(customer, no_trade=True, stopped_at=stop, stopped_by="Ирина Пак", stop_reason="Не отвечает.")
    return office.placed(customer, "100000")


def a_legal_case(office: Office) -> str:
    customer = office.customer()
    office.owes(customer, "275000", days=35)
    office.case(customer)
    return office.placed(customer, "100000")


def a_prepaid_order_under_a_case(office: Office) -> str:
    customer = office.customer(prepayment_percent=100)
    office.owes(customer, "275000", days=35)
    office.case(customer)
    return office.placed(customer, "100000")


def until_nothing_is_owed(office: Office) -> str:
    office.policy(stop_release="debt_zero")
    return an_overdue_debt_stops(office)


def kept_by_a_debt_not_due(office: Office) -> str:
    office.policy(stop_release="debt_zero")
    customer = office.customer()
    line = office.owes(customer, "275000", days=14)
    order = office.placed(customer, "100000")
    with Session(office.engine) as session, session.begin():
        session.get_one(ScheduleLineRow, UUID(line)).due_date = date(2026, 4, 20)
    return order


def a_stop_passes_now(office: Office) -> str:
    customer = office.customer()
    line = office.owes(customer, "275000", days=14)
    order = office.placed(customer, "100000")
    with Session(office.engine) as session, session.begin():
        session.get_one(ScheduleLineRow, UUID(line)).residual = Decimal(0)
    return order


def a_stop_asks_now(office: Office) -> str:
    customer = office.customer()
    order = office.placed(customer, "2500000")
    office.account(customer, base_limit=Decimal(2_000_000))
    return order


def a_quote_waits(office: Office) -> str:
    return office.quote(office.customer(), "100000")


def no_goods(office: Office) -> str:
    sku = a_product(office.engine, sku="М500", price="1000")
    order = office.place(a_quote(office.engine, office.company.manager, office.customer(), sku))
    reserve(office.engine, order)
    return order


def unpaid(office: Office) -> str:
    order = office.placed(office.customer(prepayment_percent=30), "100000")
    reserve(office.engine, order)
    return order


def paid(office: Office) -> str:
    order = office.placed(office.customer(prepayment_percent=100), "100000")
    tie_money(office.engine, order, "100000")
    reserve(office.engine, order)
    return order


def released(office: Office) -> str:
    order, late = unpaid(office), MONDAY + timedelta(days=8)
    LifetimeActivities(office.engine).release_order(a_step(order, 3, at=late))
    OrderActivities(office.engine).after_release(a_step(order, 4, at=late))
    return order


def released_unshipped(office: Office) -> str:
    order, late = ready(office), MONDAY + timedelta(days=30)
    LifetimeActivities(office.engine).release_order(a_step(order, 3, at=late))
    OrderActivities(office.engine).after_release(a_step(order, 4, at=late))
    return order


def ready(office: Office) -> str:
    order = office.placed(office.customer(), "1000")
    reserve(office.engine, order)
    return order


def ready_before_a_closed_gate(office: Office) -> str:
    customer = office.customer()
    order = office.placed(customer, "100000")
    reserve(office.engine, order)
    office.owes(customer, "275000", days=16)
    return order


def a_change_waits(office: Office) -> str:
    sku = a_product(office.engine, price="100000", on_hand="50")
    order = office.place(a_quote(office.engine, office.company.manager, office.customer(), sku))
    reserve(office.engine, order)
    command = ReviseCommand(office.company.manager, lines=(RevisedLine(sku, Decimal(12)),))
    RevisionActivities(office.engine).revise_order(ReviseRequest(order, 3, command, MONDAY))
    return order


def picking(office: Office) -> str:
    order = ready(office)
    pick(office.engine, office.company, order)
    return order


def gate(office: Office) -> str:
    def closed(session: Session) -> OrderState:
        return waits.gate_closed(NOON, Policy(), load_calendar(session, "KZ", "Asia/Almaty"))

    return office.stand(picking(office), closed)


def cancel_asked(office: Office) -> str:
    order = picking(office)
    OrderActivities(office.engine).ask_cancel_acknowledgement(a_step(order, 7, office.company.head))
    return order


def shipped(office: Office) -> str:
    order = picking(office)
    ship_picked(office.engine, office.company, order)
    return order


def shipped_and_overdue(office: Office) -> str:
    order = shipped(office)
    office.now = NOON + timedelta(days=15)
    return order


def checking(office: Office) -> str:
    return office.stand(a_quote_waits(office), lambda _: OrderState(OrderStatus.CHECKING))


def rejected(office: Office) -> str:
    order = over_limit(office)
    office.answer(order, "head", Verdict.REJECT, "Сначала оплата.")
    return order


def rejected_by_a_deputy(office: Office) -> str:
    order = asked_by_deputy(office)
    office.answer(order, "manager2", Verdict.REJECT, "нет места в лимите")
    return order


def never_answered(office: Office) -> str:
    order = over_limit(office)
    tie_money(office.engine, order, "1000")
    ApprovalActivities(office.engine).expire_approval(order, MONDAY + timedelta(days=4))
    return order


def cancelled(office: Office) -> str:
    order = unpaid(office)
    office.end(order, OrderStatus.CANCELLED, "Передумали", by="manager")
    return order


def never_freed(office: Office) -> str:
    order = above_double(office)
    office.end(order, OrderStatus.CANCELLED, "credit_stop_lapsed")
    return order


def expired(office: Office) -> str:
    order = a_quote_waits(office)
    office.end(order, OrderStatus.EXPIRED, CancelCommand(SYSTEM, "quote_expired").reason)
    return order


def closed(office: Office) -> str:
    order = shipped(office)
    with Session(office.engine) as session, session.begin():
        for line in session.exec(select(ScheduleLineRow)):
            line.residual = Decimal(0)
    OrderActivities(office.engine).look_again(order, NOON)
    return order


STORIES: tuple[Callable[[Office], str], ...] = (
    over_limit, a_long_term, no_contract, a_discount, an_overdue_debt_asks, a_temporary_limit, asked_by_deputy,
    at_the_directors, an_approval_worsens, above_double, a_debt_above_double, no_credit, a_suspended_limit,
    an_overdue_debt_stops, an_old_debt, unlimited, a_ban, a_legal_case, a_prepaid_order_under_a_case,
    until_nothing_is_owed, kept_by_a_debt_not_due, a_stop_passes_now, a_stop_asks_now, a_quote_waits, no_goods,
    unpaid, paid, released, released_unshipped, ready, ready_before_a_closed_gate, a_change_waits, picking, gate,
    cancel_asked, shipped, shipped_and_overdue, checking, rejected, rejected_by_a_deputy, never_answered, cancelled,
    never_freed, expired, closed,
)  # fmt: skip


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_why_word_for_word(office: Office, story: Callable[[Office], str]) -> None:
    order = story(office)
    russian, english = office.why(order), office.why(order, "en")
    assert (kept(russian["text"]), kept(english["text"])) == TEXTS[story.__name__]
    assert {k: v for k, v in russian.items() if not _words(k)} == {k: v for k, v in english.items() if not _words(k)}
    read = {"Authorization": bearer("head")["Authorization"]}
    waiting = office.http.get(f"/api/v1/orders/{order}", headers=read).json()["waiting"]
    (listed,) = office.http.get("/api/v1/orders", headers=read).json()["items"]
    assert listed["waiting"] == waiting
    if waiting is None:
        assert (russian["who"], russian["reason"]) == (None, None)
    else:
        assert (russian["who"], russian["who_text"]) == (waiting["who"], waiting["who_text"])
        assert (russian["reason"], russian["on_expiry"]) == (waiting["reason"], waiting["on_expiry"])


def _words(name: str) -> bool:
    return name.endswith("text") or name in {"people", "reasons"}


def test_every_story_has_its_text() -> None:
    assert set(TEXTS) == {story.__name__ for story in STORIES}


def test_the_whole_answer(office: Office) -> None:
    """The fields besides the text, as programs read them."""
    answer = office.why(an_overdue_debt_stops(office))
    assert answer["rule"] == "D2-5"
    assert answer["rules"] == ["D2-5", "D2-15"]
    assert (answer["reason"], answer["who"]) == ("credit_stop", "customer")
    assert answer["needed"] == {"amount": "275000.00", "currency": "KZT"}
    assert answer["figures"]["full_prepayment"] == {"amount": "100000.00", "currency": "KZT"}
    assert answer["limit"] == {"source": "base", "until": None}
    assert [reason["code"] for reason in answer["reasons"]] == ["OVERDUE_STOP"]
    assert (answer["reasons"][0]["rule"], answer["reasons"][0]["outcome"]) == ("D2-5", "stop")
    assert answer["people"] == [
        {"name": "Анна Ким", "role": "manager", "role_text": "менеджер", "instead_of": None, "can": "collect"}
    ]
    assert (answer["since"], answer["until"]) == ("2026-04-06T10:00:00+05:00", "2026-04-20T10:00:00+05:00")
    assert answer["on_expiry"] == "cancel"
    assert answer["decision_at"] == "2026-04-06T05:00:00+00:00"
    assert answer["as_of"] == NOON.isoformat()


def test_the_figures_are_those_of_now(office: Office) -> None:
    """The stored decision saw 14 days and no ban; the answer tells of today."""
    customer = office.customer()
    office.owes(customer, "275000", days=14)
    order = office.placed(customer, "100000")
    office.now = NOON + timedelta(days=6)
    office.account(customer, no_trade=True, stopped_at=NOON, stopped_by=office.company.lawyer.id)
    answer = office.why(order)
    assert answer["reasons"][1]["figures"]["days"] == "20"
    assert answer["who"] == "head"
    assert "Кто остановил: Сауле Нур, 06.04.2026 12:00." in answer["text"]


def test_the_number_of_questions_to_the_database_does_not_grow(office: Office) -> None:
    """A list of stopped orders of one customer asks as often as one order does; so does the answer beside many."""
    customer = office.customer()
    office.owes(customer, "275000", days=14)
    first = office.placed(customer, "1000")
    seen: list[str] = []
    event.listen(office.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))

    def asked(path: str) -> int:
        seen.clear()
        answer = office.http.get(f"/api/v1/orders{path}", headers=bearer("head"))
        assert answer.status_code == 200
        return len(seen)

    one, alone = asked(""), asked(f"/{first}/why")
    for _ in range(8):
        office.placed(customer, "1000")
    assert asked("") <= one
    assert asked(f"/{first}/why") <= alone
    assert alone <= 25


def test_another_managers_order_is_not_explained(office: Office) -> None:
    """D14"""
    order = over_limit(office)
    answer = office.http.get(f"/api/v1/orders/{order}/why", headers=bearer("manager2"))
    assert answer.status_code == 404
    with Session(office.engine) as session:
        assert session.get_one(OrderRow, UUID(order)).status == OrderStatus.AWAITING_APPROVAL
