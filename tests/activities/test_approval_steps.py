"""Approval steps on a real database: whom a request goes to, how silence climbs, tiers, deputies, prices (D4)."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote

from activities.approvals import ApprovalActivities
from activities.credit import CreditActivities
from activities.orders import OrderActivities
from activities.persistence.credit_tables import AbsenceRow
from activities.persistence.order_tables import ApprovalRow, OrderRow
from activities.persistence.party_tables import PolicyRow, UserRow
from activities.persistence.record_tables import JournalRow, TaskRow
from domain.credit import Outcome
from domain.credit_errors import NotYourApprovalError, OwnApprovalError
from domain.credit_steps import ApprovalCommand, ApprovalOutcome, ApprovalRequest, CreditOutcome, CreditRequest, Verdict
from domain.orders import SYSTEM, Actor, OrderStatus, OrderStep, Role

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TODAY = MONDAY.date()


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def a_person(engine: Engine, login: str, role: Role, **more: Any) -> Actor:
    with Session(engine) as session, session.begin():
        user = UserRow(login=login, name=f"Имя {login}", email=f"{login}@opora.local", role=role, **more)
        session.add(user)
        return Actor(str(user.id), user.name, role)


def away(engine: Engine, person: Actor, deputy: Actor, on: date = TODAY, until: date | None = None) -> None:
    with Session(engine) as session, session.begin():
        session.add(
            AbsenceRow(
                user_id=UUID(person.id), deputy_id=UUID(deputy.id), from_on=on, to_on=until or on,
                created_by=UUID(person.id), created_at=MONDAY,
            )
        )  # fmt: skip


def policy(engine: Engine, **changes: Any) -> None:
    """A policy version that quotes of MONDAY go by."""
    with Session(engine) as session, session.begin():
        newest = session.exec(select(PolicyRow).order_by(PolicyRow.version.desc())).first()
        session.add(
            PolicyRow(version=newest.version + 1, effective_from=date(2026, 1, 1), body=newest.body | changes,
                      created_by="test", created_at=MONDAY)
        )  # fmt: skip


def asking(engine: Engine, company: Company, price: str = "1200000", **customer: Any) -> str:
    """An order that waits for approval; the limit is 1 000 000."""
    order = a_quote(engine, company.manager, a_customer(engine, company, **customer), a_product(engine, price=price))
    assert decide(engine, order, company.manager).state.status is OrderStatus.AWAITING_APPROVAL
    return order


def decide(engine: Engine, order: str, actor: Actor, occasion: str = "decision-1") -> CreditOutcome:
    return CreditActivities(engine).decide_order_credit(CreditRequest(order, actor, occasion, MONDAY))


def answer(
    engine: Engine, order: str, who: Actor, verdict: Verdict = Verdict.APPROVE, at: datetime = MONDAY + HOUR
) -> ApprovalOutcome:
    command = ApprovalCommand(who, verdict, "так надо")
    return ApprovalActivities(engine).answer_approval(ApprovalRequest(order, command, at))


def climb(engine: Engine, order: str, at: datetime) -> Any:
    return OrderActivities(engine).remind(OrderStep(order, int(at.timestamp()), SYSTEM, at))


def open_tasks(engine: Engine, order: str) -> list[str]:
    """Who has the open task to answer, by login."""
    with Session(engine) as session:
        tasks = session.exec(
            select(TaskRow).where(TaskRow.order_id == UUID(order), TaskRow.kind == "approval", TaskRow.state == "open")
        )
        return sorted(session.get_one(UserRow, task.assignee_id).login for task in tasks)


def request_of(engine: Engine, order: str) -> ApprovalRow:
    with Session(engine) as session:
        return session.exec(
            select(ApprovalRow).where(ApprovalRow.order_id == UUID(order), ApprovalRow.state == "open")
        ).one()


def test_d4_1_the_request_goes_to_the_head_of_the_branch(engine: Engine, company: Company) -> None:
    almaty = a_person(engine, "almaty", Role.HEAD, region="Алматы")
    astana = a_person(engine, "astana", Role.HEAD, region="Астана")
    order = asking(engine, company, region="Алматы")

    assert open_tasks(engine, order) == ["almaty"]
    with pytest.raises(NotYourApprovalError):
        answer(engine, order, astana)
    assert answer(engine, order, almaty).state.status is OrderStatus.CONFIRMED


def test_d4_1_without_a_branch_it_goes_to_the_heads_of_all(engine: Engine, company: Company) -> None:
    a_person(engine, "astana", Role.HEAD, region="Астана")

    assert open_tasks(engine, asking(engine, company, region="Алматы")) == ["head"]


def test_d4_4_a_deputy_answers_for_the_absent_head(engine: Engine, company: Company) -> None:
    away(engine, company.head, company.manager2)
    order = asking(engine, company)
    assert open_tasks(engine, order) == ["manager2"]

    assert answer(engine, order, company.manager2).state.status is OrderStatus.CONFIRMED

    with Session(engine) as session:
        given = session.exec(select(ApprovalRow)).one()
        told = session.exec(select(JournalRow).where(JournalRow.event == "approved")).one()
    assert (str(given.decided_by), str(given.decided_for)) == (company.manager2.id, company.head.id)
    assert told.data["answered_for"] == company.head.name


def test_d4_4_a_deputy_of_another_day_does_not_answer(engine: Engine, company: Company) -> None:
    away(engine, company.head, company.manager2, on=TODAY + DAY)
    order = asking(engine, company)

    with pytest.raises(NotYourApprovalError):
        answer(engine, order, company.manager2)


def test_d4_5_the_owners_deputy_of_the_day_is_barred(engine: Engine, company: Company) -> None:
    away(engine, company.manager, company.head)
    order = asking(engine, company)

    assert open_tasks(engine, order) == ["director"]  # the only head may not: it goes up at once
    with pytest.raises(OwnApprovalError):
        answer(engine, order, company.head)
    assert answer(engine, order, company.director).state.status is OrderStatus.CONFIRMED


def test_d4_3_silence_climbs_from_the_head_to_the_deputy_to_the_director(engine: Engine, company: Company) -> None:
    with Session(engine) as session, session.begin():
        session.get_one(UserRow, UUID(company.head.id)).deputy_id = UUID(company.manager2.id)
    order = asking(engine, company)

    reminded = climb(engine, order, MONDAY + 4 * HOUR)
    assert len(reminded.messages) == 1
    assert open_tasks(engine, order) == ["head"]
    assert reminded.state.wait.reminder_at == MONDAY + DAY

    climb(engine, order, MONDAY + DAY)
    assert open_tasks(engine, order) == ["head", "manager2"]

    last = climb(engine, order, MONDAY + 2 * DAY)
    assert open_tasks(engine, order) == ["director", "head", "manager2"]
    assert (last.state.wait.who, last.state.wait.reminder_at) == ("director", None)
    assert answer(engine, order, company.manager2, at=MONDAY + 2 * DAY + HOUR).refusal is None


def test_d4_3_without_a_deputy_the_next_level_is_asked_a_day_earlier(engine: Engine, company: Company) -> None:
    order = asking(engine, company)

    climb(engine, order, MONDAY + DAY)

    assert open_tasks(engine, order) == ["director", "head"]
    assert climb(engine, order, MONDAY + 2 * DAY).messages == ()


def test_d4_3_after_an_outage_only_the_present_rung_acts(engine: Engine, company: Company) -> None:
    order = asking(engine, company)

    outcome = climb(engine, order, MONDAY + 2 * DAY)

    assert len(outcome.messages) == 1
    assert open_tasks(engine, order) == ["director", "head"]


def test_d4_1_a_large_excess_goes_on_to_the_director(engine: Engine, company: Company) -> None:
    policy(engine, second_tier=True)
    order = asking(engine, company, price="1600000")

    first = answer(engine, order, company.head)

    assert (first.passed_on, first.state.status) == (True, OrderStatus.AWAITING_APPROVAL)
    assert first.state.wait.who == "director"
    assert open_tasks(engine, order) == ["director"]
    with pytest.raises(NotYourApprovalError):
        answer(engine, order, company.head, at=MONDAY + 2 * HOUR)
    assert answer(engine, order, company.director, at=MONDAY + 3 * HOUR).state.status is OrderStatus.CONFIRMED


def test_d4_1_a_small_excess_needs_one_tier_only(engine: Engine, company: Company) -> None:
    policy(engine, second_tier=True)

    assert answer(engine, asking(engine, company, price="1500000"), company.head).state.status is OrderStatus.CONFIRMED


def test_d4_1_the_director_covers_both_tiers(engine: Engine, company: Company) -> None:
    policy(engine, second_tier=True)
    order = asking(engine, company, price="1600000")

    assert answer(engine, order, company.director).state.status is OrderStatus.CONFIRMED


def test_d4_15_the_price_is_asked_for_before_credit(engine: Engine, company: Company) -> None:
    policy(engine, free_discount_percent="10")
    customer, sku = a_customer(engine, company), a_product(engine, price="2000000")
    order = a_quote(engine, company.manager, customer, sku, price="1500000")

    placed = decide(engine, order, company.manager)
    assert (placed.decision.outcome, placed.decision.reasons[0].code) == (Outcome.APPROVAL, "DISCOUNT")
    assert request_of(engine, order).kind == "price"

    priced = answer(engine, order, company.head)
    assert (priced.state.status, request_of(engine, order).kind) == (OrderStatus.AWAITING_APPROVAL, "credit")
    assert answer(engine, order, company.head, at=MONDAY + 2 * HOUR).state.status is OrderStatus.CONFIRMED


def test_d4_15_a_price_within_the_limit_confirms_once_approved(engine: Engine, company: Company) -> None:
    policy(engine, free_discount_percent="10")
    customer, sku = a_customer(engine, company), a_product(engine, price="1000")
    order = a_quote(engine, company.manager, customer, sku, price="500")
    decide(engine, order, company.manager)

    assert answer(engine, order, company.head).state.status is OrderStatus.CONFIRMED


def test_d2_8_no_price_saves_a_stopped_order(engine: Engine, company: Company) -> None:
    policy(engine, free_discount_percent="10")
    customer, sku = a_customer(engine, company), a_product(engine, price="9000000")
    order = a_quote(engine, company.manager, customer, sku, price="5000000")

    assert decide(engine, order, company.manager).state.status is OrderStatus.STOPPED


def test_u14_a_late_answer_says_what_happened(engine: Engine, company: Company) -> None:
    """D4-9: after the deadline, after the cancellation; D4-8: after another's answer."""
    ended = asking(engine, company)
    answered = asking(engine, company)
    answer(engine, answered, company.head)
    cancelled = asking(engine, company)
    with Session(engine) as session, session.begin():
        session.execute(text("UPDATE approval SET state = 'void' WHERE order_id = :order"), {"order": cancelled})
        row = session.get_one(OrderRow, UUID(cancelled))
        row.status, row.ended_at, row.end_reason = "cancelled", MONDAY, "передумал"
    ApprovalActivities(engine).expire_approval(ended, MONDAY + 3 * DAY)

    late = MONDAY + 4 * DAY
    assert answer(engine, answered, company.director, at=late).refusal == "already_decided"
    assert answer(engine, cancelled, company.head, at=late).refusal == "order_cancelled"
    assert answer(engine, ended, company.head, at=late).refusal == "approval_expired"


def test_d4_10_d2_19_the_record_tells_who_approved_what_on_which_figures(engine: Engine, company: Company) -> None:
    order = asking(engine, company)
    answer(engine, order, company.head)

    with Session(engine) as session:
        [approved] = session.exec(select(JournalRow).where(JournalRow.event == "approved"))
        decisions = session.exec(select(JournalRow).where(JournalRow.event == "credit_decided")).all()
    assert (approved.actor_name, approved.policy_version, approved.data["ceiling"]) == (
        company.head.name,
        3,
        "1200000.00",
    )
    assert Decimal(decisions[-1].data["figures"]["order_credit"]) == 1_200_000
