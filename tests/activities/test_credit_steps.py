"""Credit steps on real PostgreSQL: races (D3-1, V16, V17), the stored decision (D3-5), approvals (D4)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote

from activities.approvals import ApprovalActivities
from activities.credit import CreditActivities
from activities.persistence.order_tables import CommitmentRow, CreditDecisionRow, OrderRow
from domain.credit import Outcome
from domain.credit_errors import OwnApprovalError
from domain.credit_steps import ApprovalCommand, ApprovalRequest, CreditOutcome, CreditRequest, Verdict
from domain.errors import QuoteExpiredError, WrongStateError
from domain.orders import Actor, OrderStatus


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def decide(
    engine: Engine, order_id: str, actor: Actor, *, occasion: str = "decision-1", days: int = 0
) -> CreditOutcome:
    request = CreditRequest(order_id, actor, occasion, MONDAY + timedelta(days=days))
    return CreditActivities(engine).decide_order_credit(request)


def approve(engine: Engine, order_id: str, actor: Actor, verdict: Verdict = Verdict.APPROVE, *, minutes: int = 1):
    command = ApprovalCommand(actor, verdict, "по звонку")
    request = ApprovalRequest(order_id, command, MONDAY + timedelta(minutes=minutes))
    return ApprovalActivities(engine).answer_approval(request)


def status(engine: Engine, order_id: str) -> str:
    with Session(engine) as session:
        return session.get_one(OrderRow, UUID(order_id)).status


def test_v16_two_orders_at_once_pass_exactly_one(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="600000")
    orders = [a_quote(engine, company.manager, customer, sku) for _ in range(2)]

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda order: decide(engine, order, company.manager), orders))

    by_outcome = {each.decision.outcome: each.decision.exposure for each in outcomes}
    assert by_outcome == {Outcome.AUTO: Decimal(600_000), Outcome.APPROVAL: Decimal(1_200_000)}


def test_twenty_orders_at_once_never_pass_the_limit_by_themselves(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="90000")
    orders = [a_quote(engine, company.manager, customer, sku) for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda order: decide(engine, order, company.manager), orders))

    assert sum(each.decision.outcome is Outcome.AUTO for each in outcomes) == 11
    with Session(engine) as session:
        assert sum(row.uninvoiced for row in session.exec(select(CommitmentRow))) == 990_000


def test_v17_the_second_approval_meets_a_stop(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="800000")
    orders = [a_quote(engine, company.manager, customer, sku) for _ in range(3)]
    outcomes = [decide(engine, order, company.manager) for order in orders]
    assert [each.decision.outcome for each in outcomes] == [Outcome.AUTO, Outcome.APPROVAL, Outcome.APPROVAL]
    assert [each.decision.exposure for each in outcomes[1:]] == [1_600_000, 1_600_000]

    first = approve(engine, orders[1], company.head)
    second = approve(engine, orders[2], company.head)

    assert (first.refusal, first.state.status) == (None, OrderStatus.CONFIRMED)
    assert (second.refusal, second.state.status) == ("approval_stopped", OrderStatus.STOPPED)


def test_d3_5_a_repeated_decision_is_the_stored_one(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="600000")
    order = a_quote(engine, company.manager, customer, sku)
    first = decide(engine, order, company.manager)
    with Session(engine) as session, session.begin():
        session.execute(text("UPDATE credit_account SET base_limit = 0"))

    assert decide(engine, order, company.manager) == first
    with Session(engine) as session:
        assert len(session.exec(select(CreditDecisionRow)).all()) == 1


def test_d2_19_a_decision_keeps_every_input(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="1200000")
    decide(engine, a_quote(engine, company.manager, customer, sku), company.manager)

    with Session(engine) as session:
        row = session.exec(select(CreditDecisionRow)).one()
    assert (row.outcome, row.exposure, row.credit_limit, row.policy_version) == ("approval", 1_200_000, 1_000_000, 3)
    assert row.facts["order_credit"] == "1200000.00"
    assert [reason["code"] for reason in row.reasons] == ["OVER_LIMIT"]


def test_a_decision_is_never_rewritten(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine)
    decide(engine, a_quote(engine, company.manager, customer, sku), company.manager)

    for statement in ("UPDATE credit_decision SET outcome = 'stop'", "DELETE FROM journal"):
        with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))


def test_d6_1_an_expired_quote_is_not_decided(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine)
    order = a_quote(engine, company.manager, customer, sku)

    with pytest.raises(QuoteExpiredError):
        decide(engine, order, company.manager, days=8)
    assert status(engine, order) == OrderStatus.QUOTED


def test_a_confirmed_order_is_not_decided_again(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine)
    order = a_quote(engine, company.manager, customer, sku)
    decide(engine, order, company.manager)

    with pytest.raises(WrongStateError):
        decide(engine, order, company.manager, occasion="decision-2")


def waiting_order(engine: Engine, company: Company, price: str = "1200000") -> str:
    customer, sku = a_customer(engine, company), a_product(engine, price=price)
    order = a_quote(engine, company.manager, customer, sku)
    assert decide(engine, order, company.manager).decision.outcome is Outcome.APPROVAL
    return order


def test_d4_5_nobody_approves_an_order_of_their_own(engine: Engine, company: Company) -> None:
    order = waiting_order(engine, company)

    with pytest.raises(OwnApprovalError):
        approve(engine, order, company.manager)
    assert status(engine, order) == OrderStatus.AWAITING_APPROVAL


def test_d4_5_a_deputy_of_the_owner_does_not_approve(engine: Engine, company: Company) -> None:
    with Session(engine) as session, session.begin():
        session.execute(
            text("UPDATE app_user SET deputy_id = :head WHERE login = 'manager'"), {"head": company.head.id}
        )
    order = waiting_order(engine, company)

    with pytest.raises(OwnApprovalError):
        approve(engine, order, company.head)


def test_d4_6_an_approval_confirms_up_to_its_ceiling(engine: Engine, company: Company) -> None:
    order = waiting_order(engine, company)

    outcome = approve(engine, order, company.head)

    assert (outcome.refusal, outcome.state.status) == (None, OrderStatus.CONFIRMED)


def test_d4_7_an_approval_met_by_more_exposure_asks_again(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="800000")
    first = a_quote(engine, company.manager, customer, sku)
    decide(engine, first, company.manager)
    waiting = a_quote(engine, company.manager, customer, sku)
    decide(engine, waiting, company.manager)
    with Session(engine) as session, session.begin():
        session.execute(text("UPDATE commitment SET uninvoiced = 900000"))

    outcome = approve(engine, waiting, company.head)

    assert (outcome.refusal, outcome.facts["exposure"]) == ("approval_outdated", "1700000.00")
    assert outcome.state.status is OrderStatus.AWAITING_APPROVAL
    assert approve(engine, waiting, company.head, minutes=2).state.status is OrderStatus.CONFIRMED


def test_d4_8_the_second_approver_learns_who_was_first(engine: Engine, company: Company) -> None:
    order = waiting_order(engine, company)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda who: approve(engine, order, who), (company.head, company.director)))

    refused = [answer for answer in answers if answer.refusal]
    assert [answer.refusal for answer in refused] == ["already_decided"]
    assert refused[0].facts["by"] in {company.head.id, company.director.id}


@pytest.mark.parametrize(
    ("verdict", "after"), [(Verdict.REJECT, OrderStatus.REJECTED), (Verdict.REWORK, OrderStatus.QUOTED)]
)
def test_d4_2_reject_and_rework(engine: Engine, company: Company, verdict: Verdict, after: OrderStatus) -> None:
    order = waiting_order(engine, company)

    assert approve(engine, order, company.head, verdict).state.status is after
    if verdict is Verdict.REWORK:
        with Session(engine) as session:
            assert session.get_one(OrderRow, UUID(order)).revision == 2
        assert decide(engine, order, company.manager, occasion="decision-2").decision.outcome is Outcome.APPROVAL


def test_d4_3_silence_rejects_and_an_answer_after_it_is_refused(engine: Engine, company: Company) -> None:
    order = waiting_order(engine, company)
    early = ApprovalActivities(engine).expire_approval(order, MONDAY + timedelta(days=2))
    assert early.state.status is OrderStatus.AWAITING_APPROVAL
    outcome = ApprovalActivities(engine).expire_approval(order, MONDAY + timedelta(days=3))

    assert outcome.state.status is OrderStatus.REJECTED
    assert approve(engine, order, company.head).refusal == "approval_expired"


def test_four_eyes_hold_in_the_database_too(engine: Engine, company: Company) -> None:
    order = waiting_order(engine, company)
    with pytest.raises(IntegrityError, match="four_eyes"), engine.begin() as connection:
        connection.execute(
            text("UPDATE approval SET decided_by = requested_by, state = 'approved' WHERE order_id = :order"),
            {"order": order},
        )
