"""Races on goods, on real PostgreSQL with real transactions: the count never lies, nobody is passed over, no deadlock
(D3-6, D3-7, D3-9, D7, D8).

`OPORA_STORMS=40 pytest tests/activities/test_stock_races.py -k everything` blows many storms, each of its own seed.
"""

import os
from collections.abc import Iterator
from statistics import median

import pytest
from sqlalchemy import Engine
from support.company import Company, a_company
from support.goods_log import install, look
from support.goods_storm import HOLD_BACK, GoodsStorm
from support.goods_story import GoodsStory
from support.observer import Observer
from support.storm import deadlocks

from activities.persistence.engine import LOCK_WAIT_MS, make_engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

THREADS = 10
ORDERS = 40
STEPS = 260
SEEDS = range(1, int(os.environ.get("OPORA_STORMS", "3")) + 1)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url, pool_size=THREADS + 4)
    yield engine
    engine.dispose()


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


@pytest.mark.parametrize("seed", SEEDS)
def test_d3_9_d8_1_everything_at_once(engine: Engine, company: Company, seed: int) -> None:
    storm = GoodsStorm(engine, company, seed)
    storm.prepare(ORDERS)
    install(engine)
    before, watcher = deadlocks(engine), make_engine(str(engine.url.render_as_string(hide_password=False)), 1)

    with Observer(lambda: look(watcher), every=0.2) as observer:
        storm.blow(STEPS, threads=THREADS)

    watcher.dispose()
    story = GoodsStory(HOLD_BACK).tell(engine)
    print(  # noqa: T201
        f"seed {seed}: {dict(storm.done)} refused {dict(storm.refused)} retried {dict(storm.retried)}; "
        f"{story.moments} commits, {story.runs} runs of the queue {dict(story.rules)}, {observer.looks} looks"
    )
    assert (storm.broken, story.wrong) == ([], []), "\n".join([*storm.broken[:3], *story.wrong[:20]])
    assert observer.seen == []
    assert deadlocks(engine) == before
    assert story.runs > 40
    assert {"aborted", "cut"} <= set(storm.retried)
    overloaded = median(storm.took) * THREADS > LOCK_WAIT_MS / 1000
    assert overloaded or not storm.retried["waited"]
