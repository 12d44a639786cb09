"""No list shows a manager what is another manager's (D14): every list of the description, with every filter it has."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, update
from sqlmodel import Session, col, select
from starlette.testclient import TestClient
from support.api import LOGINS, NO_TEMPORAL, a_product, bearer, doors
from support.owned import made, objects_of
from support.permissions import OPEN, PERMISSIONS, roles_in
from support.samples import resolve

from activities.persistence.order_tables import OrderRow
from activities.persistence.outbound import plan_message
from activities.persistence.party_tables import UserRow
from activities.persistence.stock_tables import ReservationLineRow, ReservationRow, StockRow
from activities.settings import Settings
from api.app import create_app
from domain.orders import Role

MANAGERS = [login for login, role in LOGINS.items() if role == Role.MANAGER]
DESCRIPTION = create_app(Settings(database_url="postgresql://127.0.0.1:1/none")).openapi()
LISTS = [
    door
    for path, operations in DESCRIPTION["paths"].items()
    if "get" in operations and "{" not in path
    for door in [f"GET {path.removeprefix('/api/v1')}"]
    if door not in OPEN and Role.MANAGER in roles_in(PERMISSIONS[door])
]
"""Every GET that names no object and that a manager may ask."""
EVERYBODYS = {
    "GET /users/me": "the caller alone",
    "GET /products": "goods are sold by everybody",
    "GET /item-groups": "so are their groups",
    "GET /supply/expected-receipts": "what suppliers owe belongs to no order",
    "GET /absences": "who is away is told to everybody",
    "GET /policies": "one policy for the company",
    "GET /exchange-rates": "of the central banks",
}
"""Lists without a row that is somebody's; the test still looks for one."""


@dataclass
class World:
    """The objects of each manager."""

    api: TestClient
    engine: Engine
    objects: Mapping[str, Mapping[str, str]]

    def marks(self, login: str) -> set[str]:
        """What an answer about this manager's objects would show: their ids, and the customer's name."""
        return {*self.objects[login].values(), f"ТОО «Клиент {login}»"}


@pytest.fixture(scope="module")
def world(still_engine: Engine) -> Iterator[World]:
    """Both managers have one of everything that a list can show."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_ADDRESS", NO_TEMPORAL)
        with doors(create_app, still_engine, calls_at_once=10_000) as api:
            made(api, "products", a_product(), "head")
            made(api, "stock/receipts", {"warehouse": "main", "lines": [{"sku": "CEM-50", "quantity": "9"}]}, "head")
            objects = {}
            for number, login in enumerate(MANAGERS, 1):
                objects[login] = objects_of(login, api, still_engine, number=number)
                hold(still_engine, login, UUID(objects[login]["order_id"]))
            yield World(api, still_engine, objects)


def hold(engine: Engine, login: str, order_id: UUID) -> None:
    """Goods set aside for an order that has to be paid by tomorrow, more that it waits for, and a notice of both."""
    now = datetime.now(UTC)
    with Session(engine) as session, session.begin():
        order = session.get_one(OrderRow, order_id)
        order.status, order.confirmed_at = "awaiting_payment", now
        expires = now + timedelta(days=1)
        order.wait = {"reason": "payment", "since": now.isoformat(), "until": expires.isoformat(), "who": "customer",
                      "on_expiry": "release"}  # fmt: skip
        session.add(ReservationRow(order_id=order_id, status="active", reserved_at=now, expires_at=expires, ttl_days=1))
        session.flush()
        session.execute(update(StockRow).values(reserved=col(StockRow.reserved) + Decimal("0.5")))
        line: dict[str, Any] = {"order_id": order_id, "line_no": 1, "warehouse": "main", "sku": "CEM-50"}
        session.add(ReservationLineRow(**line, state="reserved", quantity=Decimal("0.5")))
        session.add(ReservationLineRow(**line, state="waiting", quantity=Decimal("0.5"), since=now))
        person = session.exec(select(UserRow).where(UserRow.login == login)).one()
        plan_message(
            session, f"notice:{login}", audience="staff", template="quote_expires", recipient=person.email or "",
            subject="Заказ ждёт оплаты", body=f"ТОО «Клиент {login}»", created_at=now, user_id=person.id,
            order_id=order_id,
        )  # fmt: skip


def filters(door: str, others: World, other: str) -> Iterator[dict[str, Any]]:
    """Every way to ask a list: no filter, and each value of each filter that could reach the other's objects."""
    path = door.split()[1]
    choices: list[list[tuple[str, Any]]] = []
    for parameter in DESCRIPTION["paths"][f"/api/v1{path}"]["get"].get("parameters", []):
        name, schema = parameter["name"], resolve(parameter["schema"], DESCRIPTION)
        if name == "limit":
            choices.append([("limit", schema["maximum"])])
        elif name == "manager":
            choices.append([("", None), ("manager", manager_id(others, other))])
        elif name in others.objects[other]:
            choices.append([("", None), (name, others.objects[other][name])])
        elif "enum" in schema:
            choices.append([("", None), *((name, value) for value in schema["enum"])])
    for chosen in itertools.product(*choices):
        yield {name: value for name, value in chosen if name}


def manager_id(world: World, login: str) -> str:
    with Session(world.engine) as session:
        return str(session.exec(select(UserRow.id).where(UserRow.login == login)).one())


def shown(world: World, door: str, asked: Mapping[str, Any], by: str) -> str:
    answer = world.api.get(f"/api/v1{door.split()[1]}", params=dict(asked), headers=bearer(by))
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("me", MANAGERS)
@pytest.mark.parametrize("door", LISTS)
def test_no_list_shows_what_is_another_managers(world: World, door: str, me: str) -> None:
    (other,) = set(MANAGERS) - {me}
    for asked in filters(door, world, other):
        text = shown(world, door, asked, me)
        assert [mark for mark in world.marks(other) if mark in text] == [], f"{me} asks {door} {asked}"


@pytest.mark.parametrize("door", LISTS)
def test_the_world_has_a_row_of_every_list(world: World, door: str) -> None:
    """Else the test above could not fail: a new list needs a row of each manager, or a word why it has none."""
    for me in MANAGERS:
        texts = [shown(world, door, asked, me) for asked in filters(door, world, me)]
        own = any(mark in text for mark in world.marks(me) for text in texts)
        assert own is (door not in EVERYBODYS), (
            f"{door} is a new list: make a row of it for each manager in `hold` or `objects_of`, "
            "or say in EVERYBODYS why none is anybody's"
        )


def test_the_lists_are_those_of_the_description() -> None:
    """As `EVERYBODYS` names them; the manager's is the one role of which two people have rows of their own."""
    assert len(LISTS) >= 15
    assert set(EVERYBODYS) < set(LISTS)
    assert len(MANAGERS) == 2
