"""Two hundred orders of one customer at once, through the HTTP API of a local stack (D3-1, D3-3, U6)."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

import pytest
from httpx2 import AsyncClient, Limits, Response
from sqlalchemy import Engine, text
from support.api import a_customer, a_product, another_bin
from support.credit_log import Story, install, look
from support.stack import RunningStack, running_stack
from support.storm import deadlocks

from activities.persistence.engine import make_engine
from domain.policy import Policy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ORDERS = 200
BYSTANDERS = 26
CLIENTS = 12
SETTLED_WITHIN = 30.0

_UNSETTLED = text("""
    SELECT count(*) FROM sales_order
     WHERE status IN ('checking', 'confirmed') AND coalesce(wait, 'null') = 'null' OR status = 'shipped'
""")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("races") / "data") as running:
        yield running


@pytest.fixture
def engine(stack: RunningStack) -> Iterator[Engine]:
    engine = make_engine(stack.run_json()["database"], pool_size=2)
    yield engine
    engine.dispose()


@dataclass
class Doors:
    """The API as people call it; every answer is kept by its kind.

    Attributes:
        wrong: answers that nobody may get: an outage, a bug, a refusal without a code.
    """

    http: AsyncClient
    keys: dict[str, str]
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    serial: int = 0

    async def post(self, path: str, body: Any = None, *, by: str) -> Response:
        self.serial += 1
        headers = {"Authorization": f"Bearer {self.keys[by]}", "Idempotency-Key": f"storm-{self.serial:08d}"}
        answer = await self.http.post(f"/api/v1{path}", json=body, headers=headers)
        if answer.status_code < 300:
            self.answers[str(answer.status_code)] += 1
        elif answer.status_code < 500 and answer.json().get("code"):
            self.answers[answer.json()["code"]] += 1
        else:
            self.wrong.append(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer

    async def customer(self, number: int, limit: str) -> tuple[str, str]:
        """A customer of the manager's; its id and tax number."""
        tax_id = another_bin(number)
        body = a_customer(name=f"ТОО «Покупатель {number}»", tax_id=tax_id, credit_limit=limit)
        return str((await self.post("/customers", body, by="head")).json()["id"]), tax_id

    async def quote(self, customer: str, quantity: int, *, prepayment: int = 0) -> dict[str, Any]:
        body = {
            "customer_id": customer,
            "lines": [{"sku": "CEM", "quantity": str(quantity)}],
            "payment_terms": {"deferral_days": 14, "prepayment_percent": prepayment},
        }
        return dict((await self.post("/orders", body, by="manager")).json())

    async def place(self, order: str) -> float:
        """How long the answer took."""
        begun = time.monotonic()
        await self.post(f"/orders/{order}/place", by="manager")
        return time.monotonic() - begun

    async def approve(self, order: str, decision: str = "approve") -> Response:
        return await self.post(f"/orders/{order}/approval", {"decision": decision, "comment": "по звонку"}, by="head")

    async def revise(self, order: str, quantity: int) -> Response:
        body = {"lines": [{"sku": "CEM", "quantity": str(quantity)}], "reason": "правка"}
        return await self.post(f"/orders/{order}/revise", body, by="manager")

    async def cancel(self, order: str) -> Response:
        return await self.post(f"/orders/{order}/cancel", {"reason": "передумали"}, by="manager")

    async def pay(self, tax_id: str, amount: int, purpose: str) -> Response:
        today = time.strftime("%Y-%m-%d")
        body = {
            "external_id": f"storm-{self.serial}",
            "payer_tax_id": tax_id,
            "amount": {"amount": f"{amount}.00", "currency": "KZT"},
            "date": today,
            "purpose": purpose,
        }
        return await self.post("/payments", body, by="accountant")


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


async def from_many_clients(work: list[Callable[[], Awaitable[Any]]]) -> None:
    left = iter(work)

    async def client() -> None:
        for each in left:
            await each()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def settled(engine: Engine) -> None:
    """Until no order has a step of its own to take."""
    deadline = time.monotonic() + SETTLED_WITHIN
    while True:
        with engine.connect() as connection:
            left = connection.execute(_UNSETTLED).scalar_one()
        if not left:
            return
        assert time.monotonic() < deadline, f"{left} orders do not settle"
        await asyncio.sleep(0.2)


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
        await doors.post("/products", a_product(sku="CEM", price="10000.00"), by="head")
        await doors.post(
            "/stock/receipts", {"warehouse": "main", "lines": [{"sku": "CEM", "quantity": "150"}]}, by="warehouse"
        )
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
