"""Ways past a decision that somebody might find: each is closed."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import a_step, decide, pick, quote_of, reserve, ship_picked
from support.invoices import an_invoice

from activities.approvals import ApprovalActivities
from activities.credit import CreditActivities
from activities.fulfilment import FulfilmentActivities
from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.persistence.credit_tables import OrderRevisionRow
from activities.persistence.money_tables import InvoiceRow, LegalCaseRow
from activities.persistence.order_tables import ApprovalRow, OrderRow
from activities.persistence.parties import change_customer, lock_customer
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.reconsideration import reconsider_account
from activities.persistence.record_tables import TaskRow
from activities.revisions import RevisionActivities
from domain.credit import Outcome
from domain.credit_errors import OwnApprovalError, OwnLimitError
from domain.credit_steps import ApprovalCommand, ApprovalRequest, CreditRequest, Verdict
from domain.orders import (
    SYSTEM,
    Actor,
    EndRequest,
    ExtendCommand,
    ExtendRequest,
    LineQuantity,
    OrderStatus,
)
from domain.revisions import ReviseCommand, RevisedLine, ReviseOutcome, ReviseRequest

DAY = timedelta(days=1)


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def revise(engine: Engine, company: Company, order: str, number: int, quantity: str, sku: str) -> ReviseOutcome:
    command = ReviseCommand(company.manager, lines=(RevisedLine(sku, Decimal(quantity)),))
    return RevisionActivities(engine).revise_order(ReviseRequest(order, number, command, MONDAY))


def requests(engine: Engine, order: str) -> list[tuple[int, str]]:
    with Session(engine) as session:
        rows = session.exec(select(ApprovalRow).where(ApprovalRow.order_id == UUID(order)).order_by(ApprovalRow.id))
        return [(row.revision, row.state) for row in rows]


def revisions(engine: Engine, order: str) -> list[tuple[int, str]]:
    with Session(engine) as session:
        rows = session.exec(select(OrderRevisionRow).where(OrderRevisionRow.order_id == UUID(order)))
        return sorted((row.revision, row.state) for row in rows)


def test_a_new_decision_withdraws_what_was_proposed(engine: Engine, company: Company) -> None:
    """A proposal waits; the reserve lapses and is asked for again, and that decision asks too: one request is open."""
    customer, sku = a_customer(engine, company, prepayment_percent=30), a_product(engine, price="100000", on_hand="99")
    order = quote_of(engine, company, customer, [(sku, "10")])
    decide(engine, company, order)
    reserve(engine, order)
    assert revise(engine, company, order, 3, "16", sku).proposal is not None
    with Session(engine) as session, session.begin():
        session.get_one(CreditAccountRow, customer.credit_account_id).base_limit = Decimal(400_000)
    late = MONDAY + 7 * DAY
    LifetimeActivities(engine).release_order(a_step(order, 4, at=late))
    again = ExtendRequest(order, 5, ExtendCommand(company.manager, "клиент заплатит"), late)
    LifetimeActivities(engine).extend_reservation(again)

    outcome = CreditActivities(engine).decide_order_credit(CreditRequest(order, SYSTEM, "decision-6", late))

    assert outcome.decision.outcome is Outcome.APPROVAL
    assert requests(engine, order) == [(2, "void"), (1, "open")]
    assert revisions(engine, order) == [(1, "in_force"), (2, "withdrawn")]


def test_a_lapse_that_came_too_late_does_not_spend_the_only_end(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company, limit="100000"), a_product(engine, price="300000")
    order = a_quote(engine, company.manager, customer, sku)
    decide(engine, company, order)
    with Session(engine) as session, session.begin():
        session.get_one(CreditAccountRow, customer.credit_account_id).base_limit = Decimal(400_000)
        session.flush()
        reconsider_account(session, customer.credit_account_id, at=MONDAY)
    ends = OrderActivities(engine)
    lapse = EndRequest(
        order, OrderStatus.CANCELLED, SYSTEM, "credit_stop_lapsed", MONDAY + 14 * DAY, OrderStatus.STOPPED
    )
    assert ends.end_order(lapse).state.status is OrderStatus.CONFIRMED

    by_hand = EndRequest(order, OrderStatus.CANCELLED, company.manager, "передумал", MONDAY + 20 * DAY)
    assert ends.end_order(by_hand).state.status is OrderStatus.CANCELLED


def test_details_leave_a_proposal_waiting(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="100000", on_hand="99")
    order = quote_of(engine, company, customer, [(sku, "5")])
    decide(engine, company, order)
    reserve(engine, order)
    proposal = revise(engine, company, order, 3, "15", sku).proposal

    phone = ReviseCommand(company.manager, contact_phone="+7 701 000 00 00")
    outcome = RevisionActivities(engine).revise_order(ReviseRequest(order, 4, phone, MONDAY))

    assert outcome.proposal == proposal
    assert requests(engine, order) == [(2, "open")]


def test_d4_5_whoever_placed_the_order_does_not_approve_it(engine: Engine, company: Company) -> None:
    """Also when the request is opened later, by a payment."""
    customer, sku = a_customer(engine, company), a_product(engine, price="2500000")
    order = a_quote(engine, company.manager, customer, sku)
    placed = CreditRequest(order, company.head, "decision-1", MONDAY)
    assert CreditActivities(engine).decide_order_credit(placed).decision.outcome is Outcome.STOP
    with Session(engine) as session, session.begin():
        session.get_one(CreditAccountRow, customer.credit_account_id).base_limit = Decimal(2_000_000)
        session.flush()
        assert reconsider_account(session, customer.credit_account_id, at=MONDAY) == (order,)

    request = ApprovalRequest(order, ApprovalCommand(company.head, Verdict.APPROVE, "да"), MONDAY)
    with pytest.raises(OwnApprovalError):
        ApprovalActivities(engine).answer_approval(request)


def test_d2_8_a_cleared_order_does_not_grow_under_its_clearance(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company, prepayment_percent=100)
    sku = a_product(engine, price="100000", on_hand="99")
    order = quote_of(engine, company, customer, [(sku, "5")])
    decide(engine, company, order)
    reserve(engine, order)
    with Session(engine) as session, session.begin():
        row = session.get_one(OrderRow, UUID(order))
        row.cleared_revision = row.revision
    open_case(engine, customer)

    assert revise(engine, company, order, 3, "50", sku).in_force is False
    assert revise(engine, company, order, 4, "4", sku).in_force is True
    with Session(engine) as session:
        row = session.get_one(OrderRow, UUID(order))
        assert row.cleared_revision == row.revision


def open_case(engine: Engine, customer: CustomerRow) -> None:
    an_invoice(engine, customer, amount="5000.00")
    with Session(engine) as session, session.begin():
        entity = session.exec(select(InvoiceRow)).first().legal_entity_id
        session.add(
            LegalCaseRow(number="Д-1", customer_id=customer.id, legal_entity_id=entity, state="open", package={},
                         credit_account_id=customer.credit_account_id, opened_on=MONDAY.date())
        )  # fmt: skip


def test_d6_12_a_rejection_after_a_shipment_closes_the_rest_short(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="100000", on_hand="4")
    order = quote_of(engine, company, customer, [(sku, "8")])
    decide(engine, company, order)
    reserve(engine, order)
    pick(engine, company, order)
    ship_picked(engine, company, order, lines=(LineQuantity(sku, Decimal(4)),))
    with Session(engine) as session, session.begin():
        session.get_one(CreditAccountRow, customer.credit_account_id).base_limit = Decimal(500_000)
        row = session.get_one(OrderRow, UUID(order))
        row.status, row.wait = "checking", None
    asked = CreditActivities(engine).decide_order_credit(CreditRequest(order, SYSTEM, "decision-9", MONDAY))
    assert asked.decision.outcome is Outcome.APPROVAL

    no = ApprovalRequest(order, ApprovalCommand(company.director, Verdict.REJECT, "нет"), MONDAY)
    assert ApprovalActivities(engine).answer_approval(no).state.status is OrderStatus.AWAITING_FINAL_PAYMENT


def test_d12_3_the_warehouse_is_called_once(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="1000", on_hand="9")
    order = quote_of(engine, company, customer, [(sku, "5")])
    decide(engine, company, order)
    reserve(engine, order)
    for number in (3, 4):
        FulfilmentActivities(engine).call_for_picking(a_step(order, number))

    with Session(engine) as session:
        assert len(session.exec(select(TaskRow).where(TaskRow.kind == "picking")).all()) == 1


def test_d4_5_giving_the_customer_away_does_not_open_the_limit(engine: Engine, company: Company) -> None:
    """The head's own order waits: whoever the customer is given to, the head does not raise its limit."""
    customer, sku = a_customer(engine, company, manager="head"), a_product(engine, price="1500000")
    order = a_quote(engine, company.head, customer, sku)
    decide(engine, company, order)
    with Session(engine) as session, session.begin():
        session.get_one(CustomerRow, customer.id).manager_id = UUID(company.manager2.id)

    def set_limit(by: Actor, amount: str) -> None:
        with Session(engine) as session, session.begin():
            account, row = lock_customer(session, customer.id, by)
            change_customer(session, account, row, by, credit_limit=Decimal(amount), fields={}, at=MONDAY)

    with pytest.raises(OwnLimitError):
        set_limit(company.head, "9000000")
    set_limit(company.head, "900000")
    set_limit(company.director, "9000000")
