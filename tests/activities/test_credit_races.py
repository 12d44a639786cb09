"""Races on credit accounts, on real PostgreSQL with real transactions: no limit passed, no update lost, no deadlock
(D3-1…D3-6, D2-13, V16, V17)."""

import random
import threading

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import Company, a_company, a_customer, a_product, a_quote
from support.credit_log import COMMITTED, Story, install, look
from support.money import an_invoice
from support.storm import Storm, deadlocks, number_of

from activities.persistence.engine import make_engine
from activities.persistence.tables import OrderRow
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


class Observer:
    """Somebody who looks at the accounts all the time, without a lock."""

    def __init__(self, engine: Engine, accounts: list[str]) -> None:
        self.engine, self.accounts = engine, accounts
        self.looks, self.seen = 0, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Observer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.looks += 1
            figures = look(self.engine, self.accounts)
            if any(figures.values()):
                self.seen.append(figures)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [1, 2, 3])
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

    with Observer(engine, accounts) as observer:
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
