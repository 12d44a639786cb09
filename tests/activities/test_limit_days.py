"""Limits by day on real PostgreSQL: V19, scheduled limits, contracts, bans and the limit after a case (D5, D2-13)."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import reserve
from support.invoices import an_invoice, pay, rows
from support.limits import approved, asked, revoked

from activities.credit import CreditActivities
from activities.dunning import DunningActivities
from activities.grants import GrantActivities
from activities.persistence import bans, contracts, credit, parties
from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.legal import close_if_paid
from activities.persistence.limit_changes import fold_due
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import ContractRow, CreditAccountRow, CustomerRow
from activities.persistence.reconsideration import reconsider_account
from activities.persistence.record_tables import JournalRow, OutboundRow, TaskRow
from activities.persistence.stock_tables import ReservationRow
from domain.business_calendar import BusinessCalendar
from domain.credit import Outcome
from domain.credit_steps import CreditOutcome, CreditRequest
from domain.dunning import DunningLook
from domain.grant_life import GrantLook
from domain.limits import GrantKind
from domain.orders import OrderStatus, WaitReason

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.fixture
def customer(engine: Engine, company: Company) -> CustomerRow:
    return a_customer(engine, company)


def on(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of April 2026 on the company's clock; Monday is the 6th."""
    return ALMATY.at(date(2026, 4, day), hour, minute)


def decide(engine: Engine, company: Company, order: str, at: datetime) -> CreditOutcome:
    return CreditActivities(engine).decide_order_credit(CreditRequest(order, company.manager, "decision-1", at))


def status(engine: Engine, order: str) -> str:
    with Session(engine) as session:
        return session.get_one(OrderRow, UUID(order)).status


def look(engine: Engine, grant: CreditGrantRow, at: datetime):
    return GrantActivities(engine).look_at_grant(GrantLook(str(grant.id), at))


def limit_on(engine: Engine, customer: CustomerRow, at: datetime) -> Decimal:
    with Session(engine) as session:
        account = session.get_one(CreditAccountRow, customer.credit_account_id)
        return credit.load_facts(session, account, today=ALMATY.day_of(at)).limit


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        (on(10, 23, 59) + timedelta(seconds=59), Outcome.AUTO),
        (on(11), Outcome.APPROVAL),
    ],
)
def test_v19_a_temporary_limit_through_friday(
    engine: Engine, company: Company, customer: CustomerRow, at: datetime, outcome: Outcome
) -> None:
    """D5-1, D5-2: 2 000 000 through 10.04 23:59 in Almaty; the confirmed order stands, the next one sees the base."""
    grant = asked(engine, company, customer, GrantKind.TEMPORARY, amount="2000000", until=date(2026, 4, 10), at=MONDAY)
    approved(engine, company, grant, at=MONDAY)
    large, small = a_product(engine, price="1800000"), a_product(engine, price="50000")
    first = a_quote(engine, company.manager, customer, large)
    decided = decide(engine, company, first, on(10, 12))
    assert (decided.decision.outcome, decided.decision.exposure) == (Outcome.AUTO, 1_800_000)

    second = decide(engine, company, a_quote(engine, company.manager, customer, small), at)

    assert (second.decision.outcome, second.decision.exposure_before) == (outcome, 1_800_000)
    assert second.decision.limit == (2_000_000 if outcome is Outcome.AUTO else 1_000_000)
    assert status(engine, first) == OrderStatus.CONFIRMED


def test_d1_9_folding_a_scheduled_limit_changes_no_limit(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    grant = asked(engine, company, customer, GrantKind.BASE, amount="3000000", since=date(2026, 4, 10), at=MONDAY)
    approved(engine, company, grant, at=MONDAY)
    assert rows(engine, CreditGrantRow)[0].state == "scheduled"
    assert limit_on(engine, customer, on(9, 23, 59)) == 1_000_000
    assert limit_on(engine, customer, on(10)) == 3_000_000

    early = look(engine, grant, on(9, 23, 59))
    assert early.wait is not None
    assert (early.wait.reason, early.wait.until) == (WaitReason.LIMIT_START, on(10))
    assert rows(engine, CreditAccountRow)[0].base_limit == 1_000_000
    begun = look(engine, grant, on(10))

    assert (begun.state, begun.wait) == ("in_force", None)
    assert rows(engine, CreditAccountRow)[0].base_limit == 3_000_000
    assert rows(engine, CreditGrantRow)[0].state == "in_force"
    assert limit_on(engine, customer, on(10)) == limit_on(engine, customer, on(20)) == 3_000_000
    assert look(engine, grant, on(10)) == begun, "a repeat changes nothing"


def test_two_scheduled_limits_are_folded_in_the_order_of_their_days(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    """However late the look, and whichever was approved first."""
    for day, amount in ((12, "3000000"), (8, "2000000")):
        grant = asked(engine, company, customer, GrantKind.BASE, amount=amount, since=date(2026, 4, day), at=MONDAY)
        approved(engine, company, grant, at=MONDAY)
    before = [limit_on(engine, customer, on(day)) for day in (7, 8, 11, 12, 20)]
    assert before == [1_000_000, 2_000_000, 2_000_000, 3_000_000, 3_000_000]
    with Session(engine) as session, session.begin():
        account = credit.lock_account(session, customer.credit_account_id)
        fold_due(session, account, today=date(2026, 4, 20))
    assert limit_on(engine, customer, on(20)) == 3_000_000


def test_a_limit_set_today_outweighs_one_that_was_due_and_not_folded_yet(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    grant = asked(engine, company, customer, GrantKind.BASE, amount="3000000", since=date(2026, 4, 8), at=MONDAY)
    approved(engine, company, grant, at=MONDAY)
    lower = asked(engine, company, customer, GrantKind.BASE, amount="500000", at=on(9))
    approved(engine, company, lower, at=on(9))
    assert limit_on(engine, customer, on(9)) == 500_000
    assert {row.previous for row in rows(engine, CreditGrantRow)} == {Decimal(1_000_000), Decimal(3_000_000)}


def test_d2_13_a_higher_limit_sets_a_waiting_order_free(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    """On the day it begins, and not before; the process tells the order."""
    order = a_quote(engine, company.manager, customer, a_product(engine, price="1500000"))
    assert decide(engine, company, order, MONDAY).decision.outcome is Outcome.APPROVAL
    grant = asked(
        engine, company, customer, GrantKind.TEMPORARY, amount="2000000", since=date(2026, 4, 7),
        until=date(2026, 4, 10), at=MONDAY,
    )  # fmt: skip
    assert approved(engine, company, grant, at=MONDAY) == ()
    assert look(engine, grant, on(6, 23, 59)).moved == ()
    assert look(engine, grant, on(7)).moved == (order,)
    assert status(engine, order) == OrderStatus.CONFIRMED


def test_d5_2_the_end_is_announced_once_and_undoes_nothing(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    grant = asked(engine, company, customer, GrantKind.TEMPORARY, amount="2000000", until=date(2026, 4, 10), at=MONDAY)
    approved(engine, company, grant, at=MONDAY)
    order = a_quote(engine, company.manager, customer, a_product(engine, price="1800000"))
    decide(engine, company, order, MONDAY)
    waiting = look(engine, grant, on(9, 9, 59))
    assert waiting.wait is not None
    assert waiting.wait.until == on(9, 10)
    assert not [row for row in rows(engine, OutboundRow) if row.template == "limit_ends"]

    for _ in range(2):
        warned = look(engine, grant, on(9, 10))

    (notice,) = [row for row in rows(engine, OutboundRow) if row.template == "limit_ends"]
    assert notice.key in warned.notices
    assert notice.recipient == "manager@opora.local"
    assert notice.body == (
        "ООО «Ромашка»: временный лимит 2\u00a0000\u00a0000,00\u00a0₸ действует по 10.04.2026 включительно, "
        "дальше — 1\u00a0000\u00a0000,00\u00a0₸. Подтверждённые заказы останутся в силе"
    )
    ended = look(engine, grant, on(11))
    assert (ended.state, ended.wait) == ("ended", None)
    (event,) = [row for row in rows(engine, JournalRow) if row.event == "grant_ended"]
    assert (event.data["over_limit"], event.data["exposure"], event.data["limit"]) == (True, "1800000.00", "1000000.00")
    assert status(engine, order) == OrderStatus.CONFIRMED
    with Session(engine) as session:
        row = session.get_one(CustomerRow, customer.id)
        card = parties.load_card(session, row, today=date(2026, 4, 11))
        assert (card.over_limit, card.limit) == (True, 1_000_000)  # D5-3
        assert not parties.load_card(session, row, today=date(2026, 4, 10)).over_limit


def test_a_look_that_comes_after_the_end_warns_nobody(engine: Engine, company: Company, customer: CustomerRow) -> None:
    grant = asked(engine, company, customer, GrantKind.TEMPORARY, amount="2000000", until=date(2026, 4, 10), at=MONDAY)
    approved(engine, company, grant, at=MONDAY)
    assert look(engine, grant, on(20)).state == "ended"
    assert not [row for row in rows(engine, OutboundRow) if row.template == "limit_ends"]


def test_a_revoked_limit_counts_no_more(engine: Engine, company: Company, customer: CustomerRow) -> None:
    grant = asked(engine, company, customer, GrantKind.TEMPORARY, amount="2000000", until=date(2026, 4, 10), at=MONDAY)
    approved(engine, company, grant, at=MONDAY)
    assert limit_on(engine, customer, on(8)) == 2_000_000
    revoked(engine, company, grant, at=on(8))
    assert limit_on(engine, customer, on(8)) == 1_000_000
    assert (look(engine, grant, on(8)).state, look(engine, grant, on(8)).wait) == ("revoked", None)


def test_nothing_is_given_for_days_that_are_over(engine: Engine, company: Company, customer: CustomerRow) -> None:
    """A request that waited for its decision begins on the day of the decision."""
    grant = asked(engine, company, customer, GrantKind.TEMPORARY, amount="2000000", until=date(2026, 4, 10), at=MONDAY)
    approved(engine, company, grant, at=on(8))
    assert limit_on(engine, customer, on(7)) == 1_000_000
    assert rows(engine, CreditGrantRow)[0].valid_from == date(2026, 4, 8)


def test_d5_6_the_contract_says_how_long_a_reserve_lasts(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    """On the day of the reservation: the contract before the card, the card before the policy."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE customer SET reservation_days = 3"))
    changes = {"reservation_days": 14}
    grant = asked(engine, company, customer, GrantKind.POLICY, until=date(2026, 4, 10), changes=changes, at=MONDAY)
    approved(engine, company, grant, at=MONDAY)
    sku = a_product(engine, on_hand="10")
    found = []
    for at in (on(10, 23, 59), on(11)):
        order = a_quote(engine, company.manager, customer, sku, prepayment_percent=100)
        decide(engine, company, order, MONDAY)
        reserve(engine, order, at=at)
        with Session(engine) as session:
            found.append(session.get_one(ReservationRow, UUID(order)).ttl_days)
    assert found == [14, 3]


def test_d2_6_a_contract_sets_the_order_free_that_lacked_one(engine: Engine, company: Company) -> None:
    customer = a_customer(engine, company, contract=False)
    order = a_quote(engine, company.manager, customer, a_product(engine))
    decided = decide(engine, company, order, MONDAY).decision
    assert [reason.code for reason in decided.reasons] == ["NO_CONTRACT"]
    with Session(engine) as session, session.begin():
        account, row = parties.lock_customer(session, customer.id, company.manager)
        contract = ContractRow(customer_id=customer.id, number="Д-7", signed_on=MONDAY.date())
        contracts.add_contract(session, row, contract, company.manager, at=MONDAY)
        assert reconsider_account(session, account.id, at=MONDAY) == (order,)
    assert status(engine, order) == OrderStatus.CONFIRMED


def test_d2_8_a_lifted_stop_sets_its_orders_free(engine: Engine, company: Company, customer: CustomerRow) -> None:
    with Session(engine) as session, session.begin():
        account, row = parties.lock_customer(session, customer.id, company.lawyer)
        bans.stop_trade(session, account, row, company.lawyer, reason="Проверка", at=MONDAY)
    order = a_quote(engine, company.manager, customer, a_product(engine), prepayment_percent=100)
    assert decide(engine, company, order, MONDAY).decision.outcome is Outcome.STOP
    with Session(engine) as session, session.begin():
        account, row = parties.lock_customer(session, customer.id, company.head)
        bans.lift_stop(session, account, row, company.head, reason="Проверили", at=MONDAY)
        assert reconsider_account(session, account.id, at=MONDAY) == (order,)


def test_d5_8_after_a_case_the_limit_stays_zero_until_the_director_gives_it_back(
    engine: Engine, company: Company, customer: CustomerRow
) -> None:
    line = an_invoice(engine, customer)
    at = MONDAY
    for days in (14, 30):
        at = ALMATY.at(date(2026, 4, 15) + timedelta(days=days), 10)
        DunningActivities(engine).look_at_invoice(DunningLook(line, at))
    with Session(engine) as session, session.begin():
        account, row = parties.lock_customer(session, customer.id, company.director)
        with pytest.raises(Exception, match="limit_not_suspended"):  # the case is open
            bans.restore_limit(session, account, row, company.director, comment="Верю", at=at)
    pay(engine, line)
    DunningActivities(engine).look_at_invoice(DunningLook(line, at))
    with Session(engine) as session, session.begin():
        assert close_if_paid(session, UUID(line), company.lawyer, at=at) == customer.credit_account_id
    (task,) = rows(engine, TaskRow, kind="restore_limit")
    assert (task.role, task.state, task.subject) == (
        "director", "open", "Дело Д-000001 закрыто: вернуть лимит ООО «Ромашка»"
    )  # fmt: skip
    assert limit_on(engine, customer, at) == 0
    order = a_quote(engine, company.manager, customer, a_product(engine), now=at)
    decided = decide(engine, company, order, at).decision
    assert [reason.code for reason in decided.reasons] == ["NO_CREDIT"]

    with Session(engine) as session, session.begin():
        account, row = parties.lock_customer(session, customer.id, company.director)
        assert parties.load_card(session, row, today=ALMATY.day_of(at)).verdict == "suspended"
        bans.restore_limit(session, account, row, company.director, comment="Верю", at=at)
        assert reconsider_account(session, account.id, at=at) == (order,)

    assert limit_on(engine, customer, at) == 1_000_000
    (task,) = rows(engine, TaskRow, kind="restore_limit")
    assert (task.state, task.comment) == ("done", "Верю")


def test_two_deciders_at_once_the_first_wins(engine: Engine, company: Company, customer: CustomerRow) -> None:
    grant = asked(engine, company, customer, GrantKind.BASE, amount="3000000", at=MONDAY)
    approved(engine, company, grant, at=MONDAY)
    with pytest.raises(Exception, match="grant_decided"):
        approved(engine, company, grant, at=MONDAY)


def test_d5_1_the_database_wants_two_people(engine: Engine, company: Company, customer: CustomerRow) -> None:
    grant = asked(engine, company, customer, GrantKind.TEMPORARY, amount="2000000", until=date(2026, 4, 10), at=MONDAY)
    by_himself = text("UPDATE credit_grant SET state = 'in_force', decided_by = requested_by, decided_at = now()")
    with engine.connect() as connection, pytest.raises(IntegrityError, match="four_eyes"):
        connection.execute(by_himself)
    assert rows(engine, CreditGrantRow)[0].id == grant.id
