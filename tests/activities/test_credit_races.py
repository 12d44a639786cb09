"""Races on credit accounts, on real PostgreSQL with real transactions: no limit passed, no update lost, no deadlock
(D3-1…D3-6, D2-13, V16, V17)."""

import random
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.credit_log import COMMITTED, Story, install, look
from support.money import an_invoice
from support.observer import Observer
from support.storm import Storm, deadlocks, number_of

from activities.credit import CreditActivities
from activities.persistence.engine import make_engine
from activities.persistence.order_tables import CommitmentRow, OrderRow
from domain.credit import Outcome
from domain.credit_steps import ApprovalOutcome, CreditOutcome, CreditRequest, Verdict
from domain.orders import OrderStatus
from domain.policy import Policy

THREADS = 14
KNOWN_ENDS = COMMITTED | {"quoted", "awaiting_approval", "stopped", "cancelled", "rejected"}


@pytest.fixture
def engine(database_url: str):
    engine = make_engine(database_url, pool_size=THREADS + 4)
    yield engine
    engine.dispose()


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [1, 2])
def test_two_hundred_orders_of_one_customer_with_everything_at_once(engine: Engine, company: Company, seed: int):
    rnd = random.Random(seed)
    storm = Storm(engine, company, rnd)
    busy, other = a_customer(engine, company), a_customer(engine, company, name="ООО «Василёк»", segment="vip")
    sku = a_product(engine, price="10000")
    an_invoice(engine, busy, "СФ-000100", "100000")
    an_invoice(engine, busy, "СФ-000101", "50000")
    stories = []
    for customer, how_many in ((busy, 200), (other, 30)):
        for _ in range(how_many):
            terms = {"prepayment_percent": rnd.choice([0, 0, 0, 30, 100]), "deferral_days": rnd.choice([7, 14])}
            quantity = str(rnd.choice([1, 2, 3, 5, 8, 12, 40]))
            order = a_quote(engine, company.manager, customer, sku, quantity=quantity, **terms)
            stories.append(storm.story_of(order, number_of(engine, order), customer, sku))
    stories += [[storm.limit(busy, rnd.randrange(5, 16) * 100_000)] for _ in range(12)]
    stories += [[storm.pay(busy, rnd.randrange(1, 60) * 1000)] for _ in range(12)]
    install(engine)
    before = deadlocks(engine)
    accounts = [str(busy.credit_account_id), str(other.credit_account_id)]

    with Observer(lambda: look(engine, accounts), every=0.1) as observer:
        storm.blow(storm.mix(stories), threads=THREADS)

    story = Story(frozenset(accounts), Policy(), agreed_deferral=14).tell(engine)
    print(f"seed {seed}: {storm.done} {dict(storm.refused)} retried {dict(storm.retried)}, "  # noqa: T201
          f"{story.decisions} decisions, {story.moments} commits, {observer.looks} looks")  # fmt: skip
    assert storm.broken == []
    assert story.wrong == [], "\n".join(story.wrong[:20])
    assert observer.seen == []
    assert deadlocks(engine) == before
    with Session(engine) as session:
        assert {order.status for order in session.exec(select(OrderRow))} <= KNOWN_ENDS
        asked = session.execute(text("SELECT count(*) FROM credit_decision")).scalar_one()
    assert asked == story.decisions > 200


_SET_FREE = text("""
    SELECT row->>'order_id' FROM credit_log
     WHERE source = 'credit_decision' AND xact <> 'before' AND row->>'outcome' = 'auto' ORDER BY seq
""")


# -- the worked examples, with two hundred orders -----------------------------------------------------------------


def all_at_once(engine: Engine, company: Company, orders: list[str]) -> list[CreditOutcome]:
    storm, outcomes = Storm(engine, company, random.Random(0)), []
    credit = CreditActivities(engine)
    requests = [CreditRequest(order, company.manager, "decision-1", storm.at()) for order in orders]
    storm.blow([lambda r=r: outcomes.append(credit.decide_order_credit(r)) for r in requests], threads=THREADS)
    assert (storm.broken, storm.refused) == ([], {})
    return outcomes


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_v16_of_two_hundred_orders_at_once_exactly_one_passes(engine: Engine, company: Company):
    customer, sku = a_customer(engine, company), a_product(engine, price="600000")
    orders = [a_quote(engine, company.manager, customer, sku) for _ in range(200)]

    outcomes = all_at_once(engine, company, orders)

    figures = Counter((each.decision.outcome, each.decision.exposure) for each in outcomes)
    assert figures == {(Outcome.AUTO, Decimal(600_000)): 1, (Outcome.APPROVAL, Decimal(1_200_000)): 199}
    with Session(engine) as session:
        assert [row.uninvoiced for row in session.exec(select(CommitmentRow))] == [600_000]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_v17_of_two_hundred_orders_one_more_is_approved_and_the_rest_meet_a_stop(engine: Engine, company: Company):
    """However many heads press the button at once."""
    customer, sku = a_customer(engine, company), a_product(engine, price="800000")
    orders = [a_quote(engine, company.manager, customer, sku) for _ in range(200)]
    decided = all_at_once(engine, company, orders)
    assert Counter(each.decision.outcome for each in decided) == {Outcome.AUTO: 1, Outcome.APPROVAL: 199}
    with Session(engine) as session:
        waiting = [str(row.id) for row in session.exec(select(OrderRow)) if row.status == "awaiting_approval"]
    storm, answers = Storm(engine, company, random.Random(0)), list[ApprovalOutcome]()

    steps = [storm.answer(order, Verdict.APPROVE) for order in waiting]
    storm.blow([lambda step=step: answers.append(step()) for step in steps], threads=THREADS)

    assert (storm.broken, storm.refused) == ([], {})
    assert Counter((each.refusal, each.state.status) for each in answers) == {
        (None, OrderStatus.CONFIRMED): 1,
        ("approval_stopped", OrderStatus.STOPPED): 198,
    }
    with Session(engine) as session:
        assert sum(row.uninvoiced for row in session.exec(select(CommitmentRow))) == 1_600_000


def test_d2_13_payments_at_once_set_stopped_orders_free_by_class_then_by_time(engine: Engine, company: Company):
    """One account, a VIP and others; whichever payment is first, nobody passes somebody ahead of him."""
    standard, sku = a_customer(engine, company, limit="200000"), a_product(engine, price="50000")
    vip = a_customer(engine, company, segment="vip")
    with Session(engine) as session, session.begin():
        session.execute(
            text("UPDATE customer SET credit_account_id = :account WHERE id = :vip"),
            {"account": standard.credit_account_id, "vip": vip.id},
        )
    an_invoice(engine, standard, "СФ-1", "1000000")
    credit, storm, expected = CreditActivities(engine), Storm(engine, company, random.Random(3)), []
    for customer, minutes in ((standard, 3), (vip, 9), (standard, 1), (vip, 5), (standard, 7), (vip, 2)):
        order = a_quote(engine, company.manager, customer, sku)
        at = MONDAY + timedelta(minutes=minutes)
        outcome = credit.decide_order_credit(CreditRequest(order, company.manager, "decision-1", at))
        assert outcome.decision.outcome is Outcome.STOP
        expected.append((customer is not vip, minutes, order))
    order_of_service = [order for _, _, order in sorted(expected)]
    install(engine)

    storm.blow([storm.pay(standard, 100_000) for _ in range(10)], threads=10)

    story = Story(frozenset([str(standard.credit_account_id)]), Policy(), agreed_deferral=14).tell(engine)
    assert (storm.broken, story.wrong) == ([], [])
    with Session(engine) as session:
        freed = session.execute(_SET_FREE).scalars().all()
        waiting = session.exec(select(OrderRow.id).where(OrderRow.status != "confirmed")).all()
    assert freed == order_of_service[:4], "200 000 of room for orders of 50 000"
    assert set(waiting) == {UUID(order) for order in order_of_service[4:]}
