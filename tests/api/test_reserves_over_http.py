"""Reserves through the doors: extensions, proofs of payment (D7-10), and the list of those about to end."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from httpx2 import Response
from sqlalchemy import Engine
from sqlmodel import Session
from support.api import bearer
from support.goods import tie_money
from support.shop import API, Shop, a_shop
from temporalio.client import Client

from activities.persistence.order_tables import OrderRow
from activities.persistence.stock import lock_shelves, move_quantity, reservation_lines
from activities.persistence.stock_tables import ReservationRow
from domain.reserve_life import LARGEST_PROOF

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
PDF = b"%PDF-1.7 payment order 17"


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


async def unpaid(shop: Shop, sku: str = "CEM", *, by: str = "manager", **customer: Any) -> str:
    """A reserve of five pieces that must be paid; its order."""
    terms = {"payment_terms": {"deferral_days": 0, "prepayment_percent": 100}}
    order = await shop.a_quote(await shop.a_customer(**terms, **customer), sku, "5", by=by)
    await shop.place(order, by=by)
    await shop.house.reaches(order, "awaiting_payment")
    return order


def proofs(order: str) -> str:
    return f"/orders/{order}/reservation/proof-of-payment"


async def send(shop: Shop, order: str, content: bytes, *, by: str = "manager", **headers: str) -> Response:
    told = bearer(by, **headers) | {"content-type": "application/octet-stream"}
    return await shop.http.post(API + proofs(order), content=content, headers=told)


def refused(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["detail"]
    return answer.status_code, answer.json()["code"]


def ends(body: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(body["reservation"]["expires_at"])


async def test_d7_10_a_proof_is_kept_prolongs_once_and_is_given_back(shop: Shop) -> None:
    await shop.a_product(on_hand="10")
    order = await unpaid(shop)
    before = ends(await shop.get(f"/orders/{order}"))

    shown = await send(shop, order, PDF, idempotency_key="proof-key-1")
    assert shown.status_code == 201, shown.text
    proof = shown.json()["proof"]
    assert before + DAY < ends(shown.json()["order"]) <= before + 6 * DAY
    for again in (await send(shop, order, PDF, idempotency_key="proof-key-1"), await send(shop, order, PDF)):
        assert (again.status_code, again.json()["proof"]) == (200, proof)
        assert ends(again.json()["order"]) == ends(shown.json()["order"])
    other = await send(shop, order, PDF + b"18", by="head")
    assert (other.status_code, ends(other.json()["order"])) == (201, ends(shown.json()["order"]))
    assert refused(await send(shop, order, PDF + b"19", idempotency_key="proof-key-1")) == (
        422,
        "idempotency_key_reused",
    )

    listed = await shop.get(proofs(order), by="accountant")
    assert [each["id"] for each in listed["items"]] == [proof["id"], other.json()["proof"]["id"]]
    file = await shop.http.get(proof["href"], headers=bearer("accountant"))
    assert (file.status_code, file.content, file.headers["content-type"]) == (200, PDF, "application/pdf")
    assert file.headers["content-disposition"].startswith("attachment; filename=")
    assert file.headers["x-content-type-options"] == "nosniff"
    found = [task["kind"] for task in (await shop.get("/tasks", by="accountant"))["items"]]
    assert found == ["find_payment", "find_payment"]


async def test_d7_10_what_is_no_proof_is_refused_and_leaves_nothing(shop: Shop) -> None:
    await shop.a_product(on_hand="10")
    order = await unpaid(shop)

    assert refused(await send(shop, order, b"")) == (422, "proof_empty")
    assert refused(await send(shop, order, b"MZ an executable")) == (415, "proof_type")
    assert refused(await send(shop, order, PDF.ljust(LARGEST_PROOF + 1))) == (413, "proof_too_large")
    assert refused(await send(shop, order, PDF, by="warehouse")) == (403, "forbidden")
    assert refused(await send(shop, order, PDF, by="manager2")) == (404, "order_not_found")
    quote = await shop.a_quote(await shop.a_customer(), "CEM", "1")
    assert refused(await send(shop, quote, PDF)) == (409, "wrong_state")
    assert [(await shop.get(proofs(each)))["items"] for each in (order, quote)] == [[], []]

    proof = (await send(shop, order, PDF)).json()["proof"]
    strange = await shop.http.get(API + proofs(quote) + f"/{proof['id']}", headers=bearer("head"))
    assert refused(strange) == (404, "proof_not_found")
    assert refused(await shop.http.get(proof["href"], headers=bearer("warehouse"))) == (403, "forbidden")


async def test_d7_10_the_manager_says_for_how_many_days(shop: Shop) -> None:
    await shop.a_product(on_hand="10")
    order = await unpaid(shop)
    door = f"/orders/{order}/reservation/extend"
    body = {"reason": "клиент платит завтра"}

    too_long = await shop.post(door, body | {"days": 8}, by="manager")
    assert refused(too_long) == (422, "extension_too_long")
    assert (too_long.json()["days"], too_long.json()["most"]) == (8, 7)
    for days in (0, 366, "2", 1.5):
        assert (await shop.post(door, body | {"days": days}, by="head")).status_code == 422
    before = ends(await shop.get(f"/orders/{order}"))
    longer = await shop.post(door, body | {"days": 2}, by="manager")
    assert before + 2 * DAY <= ends(longer.json()) <= before + 6 * DAY
    assert refused(await shop.post(door, body, by="manager")) == (409, "extension_used")
    assert ends((await shop.post(door, body | {"days": 30}, by="head")).json()) > before + 30 * DAY


def end_in(shop: Shop, order: str, left: timedelta, *, asked: timedelta | None = None) -> None:
    """As if the reserve had been made so long ago that this is left of it."""
    now = datetime.now(UTC)
    with Session(shop.house.engine) as session, session.begin():
        session.get_one(ReservationRow, UUID(order)).expires_at = now + left
        row = session.get_one(OrderRow, UUID(order))
        asked_at = {} if asked is None else {"reminder_at": (now + asked).isoformat()}
        row.wait = {**(row.wait or {}), "until": (now + left).isoformat(), **asked_at}


async def listed(shop: Shop, *, by: str = "head", **query: Any) -> list[dict[str, Any]]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return (await shop.get(f"/reservations?{asked}", by=by))["items"]


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["order"]["id"] for item in items]


async def test_reserves_about_to_end_are_listed_by_their_end(shop: Shop) -> None:
    await shop.a_product(on_hand="100")
    soon, later, vip = await unpaid(shop), await unpaid(shop), await unpaid(shop, segment="vip", by="manager2")
    tie_money(shop.house.engine, vip, "1000")
    hours = timedelta(hours=1)
    for order, left in ((soon, 47 * hours), (later, 49 * hours), (vip, hours)):
        end_in(shop, order, left)

    found = await listed(shop)
    for caller in ("head", "warehouse", "director"):
        assert ids(await listed(shop, by=caller)) == [vip, soon]
    assert [item["customer"]["vip"] for item in found] == [True, False]
    first = found[0]
    assert (first["waits_for"], first["days_left"], first["age_days"]) == ("payment", 1, 0)
    assert first["lines"] == [
        {"sku": "CEM", "name": "Цемент М500", "unit": "меш", "quantity": "5", "warehouse": "main"}
    ]
    assert (first["paid"]["amount"], first["required"]["amount"]) == ("1000.00", "5000.00")
    assert first["extensions"] == {"by_person": 0, "by_proof": False, "by_part_payment": False, "by_silence": False}
    assert [act["action"] for act in first["actions"]] == ["extend", "show_proof_of_payment", "revise", "cancel"]

    assert ids(await listed(shop, by="manager")) == [soon]
    assert ids(await listed(shop, within_days=3)) == [vip, soon, later]
    assert ids(await listed(shop, within_days=0)) == []
    assert ids(await listed(shop, warehouse="main")) == [vip, soon]
    assert ids(await listed(shop, warehouse="other")) == []
    assert ids(await listed(shop, customer_id=first["customer"]["id"])) == [vip]
    assert (await shop.http.get(f"{API}/reservations", headers=bearer("accountant"))).status_code == 403

    page = await shop.get("/reservations?limit=1")
    rest = await shop.get(f"/reservations?limit=1&after={page['next']}")
    assert ids(page["items"] + rest["items"]) == [vip, soon]
    assert rest["next"] is None
    bad = await shop.http.get(f"{API}/reservations?after=x", headers=bearer("head"))
    assert bad.status_code == 422


async def test_a_deferral_order_of_which_somebody_was_asked_stands_there_to_its_end(shop: Shop) -> None:
    """D7-5: its task is due, its end is days away."""
    await shop.a_product(on_hand="100")
    order = await shop.a_quote(await shop.a_customer(), "CEM", "5")
    await shop.place(order)
    await shop.house.reaches(order, "ready")
    end_in(shop, order, 7 * DAY, asked=timedelta(minutes=1))
    assert await listed(shop) == []

    end_in(shop, order, 7 * DAY, asked=-timedelta(minutes=1))
    [item] = await listed(shop)

    assert (item["waits_for"], item["required"]["amount"]) == ("shipment", "0.00")
    assert item["asked_at"] is not None
    [act] = (await listed(shop, by="warehouse"))[0]["actions"]
    assert act == {"action": "start_picking", "method": "POST", "href": f"/api/v1/orders/{order}/start-picking"}


async def test_d8_5_gathered_goods_stand_there_with_the_day_they_are_given_up(shop: Shop) -> None:
    await shop.a_product(on_hand="5")
    order = await shop.a_quote(await shop.a_customer(), "CEM", "10", ship_complete=True)
    await shop.place(order)
    await shop.house.asks_for_goods(order)
    with Session(shop.house.engine) as session, session.begin():
        since = datetime.now(UTC) - 6 * DAY
        gather(session, order, since)

    [item] = await listed(shop)

    assert (item["waits_for"], item["days_left"]) == ("gathering", 1)
    assert datetime.fromisoformat(item["expires_at"]) == since + 7 * DAY
    assert [(line["sku"], line["quantity"]) for line in item["lines"]] == [("CEM", "5")]
    assert await listed(shop, within_days=0) == []


def gather(session: Session, order: str, since: datetime) -> None:
    """The queue's doing: half of the order lies aside for it."""
    shelves = lock_shelves(session, [("main", "CEM")])
    [line] = reservation_lines(session, UUID(order), "waiting")
    line.gathering_since = since
    move_quantity(session, shelves, line, "reserved", Decimal(5))
