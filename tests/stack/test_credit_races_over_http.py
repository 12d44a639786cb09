"""Two hundred orders of one customer at once, through the HTTP API of a local stack (D3-1, D3-3, U6)."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import pytest
from httpx2 import AsyncClient, Limits
from sqlalchemy import Engine, text
from support.api import a_product
from support.credit_log import Story, install, look
from support.doors import CLIENTS, SKU, Doors, from_many_clients, settled
from support.stack import RunningStack, running_stack
from support.storm import deadlocks

from activities.persistence.engine import make_engine
from domain.policy import Policy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ORDERS = 200
BYSTANDERS = 26


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("races") / "data") as running:
        yield running


@pytest.fixture
def engine(stack: RunningStack) -> Iterator[Engine]:
    engine = make_engine(stack.run_json()["database"], pool_size=2)
    yield engine
    engine.dispose()


async def one_story(doors: Doors, rnd: random.Random, order: dict[str, Any], tax_id: str) -> None:
    """Place one order, then what people may do to it."""
    await doors.place(order["id"])
    for _ in range(rnd.choice([0, 0, 1, 2])):
        match rnd.randrange(6):
            case 0:
                await doors.cancel(order["id"])
            case 1:
                await doors.pay(tax_id, rnd.randrange(1, 40) * 1000, f"Оплата заказа {order['number']}")
            case 2:
                await doors.revise(order["id"], rnd.randrange(1, 13))
            case 3:
                await doors.approve(order["id"], "reject")
            case _:
                await doors.approve(order["id"])


async def bystander(doors: Doors, orders: list[dict[str, Any]], over: asyncio.Event) -> list[float]:
    """Another customer's orders, placed one by one until it is over or there are none left."""
    took = []
    for order in orders:
        took.append(await doors.place(order["id"]))
        if over.is_set():
            break
    return took


@pytest.mark.anyio
async def test_two_hundred_orders_at_once(stack: RunningStack, engine: Engine, capsys: pytest.CaptureFixture[str]):
    rnd = random.Random(5)
    known, opened = stack.run_json(), time.monotonic()
    many = Limits(max_connections=CLIENTS + 8)
    async with AsyncClient(base_url=known["api"], timeout=30, limits=many, trust_env=False) as http:
        doors = Doors(http, known["keys"])
        await doors.post("/products", a_product(sku=SKU, price="10000.00"), by="head")
        await doors.receive("150")
        busy, tax_id = await doors.customer(11, "1000000.00")
        other, _ = await doors.customer(12, "9000000.00")
        made: list[dict[str, Any]] = []
        calm: list[dict[str, Any]] = []

        async def quote(into: list[dict[str, Any]], customer: str, quantity: int, prepayment: int) -> None:
            into.append(await doors.quote(customer, quantity, prepayment=prepayment))

        sizes = [(rnd.choice([1, 2, 3, 5, 8, 30]), rnd.choice([0, 0, 30, 100])) for _ in range(ORDERS)]
        await from_many_clients(
            [partial(quote, made, busy, *size) for size in sizes] + [partial(quote, calm, other, 1, 0)] * BYSTANDERS
        )
        quoted = time.monotonic() - opened
        before = [await doors.place(order["id"]) for order in calm[:10]]
        await settled(engine)
        install(engine)
        seen, begun, over = deadlocks(engine), time.monotonic(), asyncio.Event()
        watching = asyncio.create_task(bystander(doors, calm[10:], over))
        work: list[Callable[[], Awaitable[Any]]] = [partial(one_story, doors, rnd, order, tax_id) for order in made]
        work += [partial(doors.pay, tax_id, n * 1000, "Оплата по договору") for n in range(1, 9)]
        rnd.shuffle(work)
        await from_many_clients(work)
        over.set()
        during = await watching
        stormed = time.monotonic() - begun
        await settled(engine)

    with engine.connect() as connection:
        accounts = [str(each) for each in connection.execute(text("SELECT id FROM credit_account")).scalars()]
        counted = connection.execute(text("SELECT status, count(*) AS n FROM sales_order GROUP BY 1"))
        statuses = {row.status: row.n for row in counted}
    story = Story(frozenset(accounts), Policy(), agreed_deferral=14, checks_ask=False).tell(engine)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{ORDERS} orders, quoted in {quoted:.1f} s, in the storm for {stormed:.1f} s: {dict(doors.answers)}\n"
            f"{statuses}\n"
            f"{story.decisions} decisions, {story.moments} commits; a bystander's order took {median(before):.3f} s "
            f"before and {median(during):.3f} s ({max(during):.3f} s at most) in the storm, "
            f"{median(during) / median(before):.1f} times as long"
        )
    assert doors.wrong == []
    assert story.wrong == [], "\n".join(story.wrong[:20])
    assert not any(look(engine, accounts).values())
    assert deadlocks(engine) == seen
    assert sum(statuses.values()) == ORDERS + BYSTANDERS
    assert "checking" not in statuses
