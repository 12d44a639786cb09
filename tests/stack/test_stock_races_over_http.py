"""Two hundred orders for one scarce product at once, through the HTTP API of a local stack (D3-7, D3-9, D8-1, D8-2)."""

import random
import time
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from httpx2 import AsyncClient, Limits
from sqlalchemy import Engine, text
from support.api import a_product
from support.doors import CLIENTS, SKU, Doors, from_many_clients, settled
from support.goods_log import install, look
from support.goods_story import GoodsStory
from support.stack import RunningStack, running_stack
from support.storm import deadlocks

from activities.persistence.engine import make_engine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ORDERS, VIPS = 200, 24
ON_HAND, HELD_BACK = 60, 6
RECEIVED = 40
"""With it a hundred are on hand, and ten of them are held back."""

_HOLDERS = text("""
    SELECT customer.segment, line.state, count(*) AS orders, sum(line.quantity) AS quantity
      FROM reservation_line line JOIN sales_order o ON o.id = line.order_id
      JOIN customer ON customer.id = o.customer_id GROUP BY 1, 2
""")
_QUEUE = text("""
    SELECT o.id FROM reservation_line line JOIN sales_order o ON o.id = line.order_id
      JOIN customer ON customer.id = o.customer_id
     WHERE line.state = 'waiting' AND customer.segment = :segment ORDER BY o.confirmed_at, o.id
""")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("goods") / "data") as running:
        yield running


@pytest.fixture
def engine(stack: RunningStack) -> Iterator[Engine]:
    engine = make_engine(stack.run_json()["database"], pool_size=2)
    yield engine
    engine.dispose()


def holders(engine: Engine) -> dict[tuple[str, str], int]:
    """How much key and ordinary customers hold, or wait for."""
    with engine.connect() as connection:
        return {(row.segment, row.state): int(row.quantity) for row in connection.execute(_HOLDERS)}


def waiting(engine: Engine, segment: str) -> list[str]:
    """Orders that wait, by the time they were confirmed at."""
    with engine.connect() as connection:
        return [str(order) for order in connection.execute(_QUEUE, {"segment": segment}).scalars()]


async def quoted(doors: Doors) -> list[str]:
    """Quotes of one piece each; those of key customers are among the last to be placed."""
    quotes: dict[str, list[str]] = {"standard": [], "vip": []}
    customers = {"standard": [], "vip": []}
    for number, segment in enumerate(["standard"] * 4 + ["vip"] * 2, start=21):
        customers[segment].append((await doors.customer(number, "9000000.00", segment=segment))[0])

    async def quote(segment: str, customer: str) -> None:
        quotes[segment].append((await doors.quote(customer, 1))["id"])

    asked = [("vip", customers["vip"][n % 2]) for n in range(VIPS)]
    asked += [("standard", customers["standard"][n % 4]) for n in range(ORDERS - VIPS)]
    await from_many_clients([partial(quote, *each) for each in asked])
    early, late = quotes["standard"][: ORDERS // 2], quotes["standard"][ORDERS // 2 :] + quotes["vip"]
    random.Random(7).shuffle(late)
    return early + late


@pytest.mark.anyio
async def test_v26_two_hundred_orders_for_one_scarce_product(
    stack: RunningStack, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    known, opened = stack.run_json(), time.monotonic()
    many = Limits(max_connections=CLIENTS + 4)
    async with AsyncClient(base_url=known["api"], timeout=30, limits=many, trust_env=False) as http:
        doors = Doors(http, known["keys"])
        await doors.post("/products", a_product(sku=SKU, price="1000.00"), by="head")
        await doors.receive(str(ON_HAND))
        orders = await quoted(doors)
        install(engine)
        seen, begun = deadlocks(engine), time.monotonic()
        work: list[Callable[[], Awaitable[Any]]] = [partial(doors.place, order) for order in orders]
        await from_many_clients(work)
        stormed = time.monotonic() - begun
        await settled(engine)
        placed = holders(engine)
        vips, others = waiting(engine, "vip"), waiting(engine, "standard")
        received = await doors.receive(str(RECEIVED))

    story = GoodsStory({SKU: Decimal(10)}).tell(engine)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{ORDERS} orders quoted in {begun - opened:.1f} s, placed in {stormed:.1f} s: {placed}; "
            f"{story.moments} commits, {story.runs} runs of the queue"
        )
    assert doors.wrong == []
    assert story.wrong == [], "\n".join(story.wrong[:20])
    assert placed["vip", "reserved"] + placed["standard", "reserved"] == ON_HAND
    assert placed["standard", "reserved"] <= ON_HAND - HELD_BACK
    assert sum(placed.values()) == ORDERS
    assert vips
    for_others = RECEIVED - len(vips) - (ON_HAND + RECEIVED) // 10
    assert for_others > 0
    assert received.json()["served_orders"] == vips + others[:for_others]
    assert not any(look(engine).values())
    assert deadlocks(engine) == seen
    logs = [path.read_text(errors="replace") for path in stack.data.rglob("*postgres*.log")]
    assert logs
    assert not any("deadlock" in log for log in logs)
