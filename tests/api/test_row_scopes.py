"""Another manager's objects do not exist: whatever is asked or ordered about them (D14)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import LOGINS, NO_TEMPORAL, a_product, bearer, doors
from support.owned import made, objects_of
from support.permissions import PERMISSIONS, roles_in
from support.samples import body_of

from activities.settings import Settings
from api.app import create_app
from domain.orders import Role

NOBODYS = "0199f000-0000-7000-8000-00000000beef"
COMMON = {"sku", "code", "version", "sha256", "receipt_id", "absence_id", "user_id"}
"""Path parameters of what belongs to everybody: goods, policies, deliveries, days away; people are the admin's."""
DESCRIPTION = create_app(Settings(database_url="postgresql://127.0.0.1:1/none")).openapi()
IN_PATH = re.compile(r"\{(\w+)\}")
OWNED = [door for door in PERMISSIONS if set(IN_PATH.findall(door)) - COMMON]
"""Every door with an object in its path that is somebody's."""
MANAGERS = [door for door in OWNED if Role.MANAGER in roles_in(PERMISSIONS[door])]
BODIES = {
    "PATCH /customers/{customer_id}": {"region": "Алматы"},
    "POST /customers/{customer_id}/contracts": {"number": "Д-2", "signed_on": "2026-01-12"},
    "POST /orders/{order_id}/approval": {"decision": "approve"},
    "POST /payments/{payment_id}/allocate": {"order_id": NOBODYS},
}
"""Where the description has no example that a manager may send."""


@dataclass
class World:
    """A manager's objects by the path parameter that names them."""

    api: TestClient
    engine: Engine
    objects: Mapping[str, str]


@pytest.fixture(scope="module")
def world(still_engine: Engine) -> Iterator[World]:
    """One of everything that belongs to the first manager."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_ADDRESS", NO_TEMPORAL)
        with doors(create_app, still_engine) as api:
            made(api, "products", a_product(), "head")
            yield World(api, still_engine, objects_of("manager", api, still_engine))


def ask(world: World, door: str, ids: Mapping[str, str], by: str) -> tuple[int, Any]:
    """What a door says about these ids; the ids themselves are taken out of the answer."""
    method, path = door.split()
    operation = DESCRIPTION["paths"][f"/api/v1{path}"][method.lower()]
    for parameter in IN_PATH.findall(path):
        path = path.replace(f"{{{parameter}}}", ids.get(parameter, NOBODYS))
    body = BODIES.get(door) or body_of(operation, DESCRIPTION, {})
    headers = bearer(by, if_match="*")
    if body is None and method != "GET":
        body_sent: dict[str, Any] = {"content": b"%PDF-1.4", "headers": headers}
    else:
        body_sent = {"json": body, "headers": headers}
    answer = world.api.request(method, f"/api/v1{path}", **body_sent)
    text = answer.text
    for known in ids.values():
        text = text.replace(known, "…")
    shape = sorted(set(answer.headers) - {"content-length"})
    return answer.status_code, (text, shape)


def everything(engine: Engine) -> dict[str, Any]:
    """What is written in each table, but for how often somebody called."""
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'rate_limit'"
    digest = 'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM "{}" t'
    with engine.connect() as connection:
        names = connection.exec_driver_sql(tables).scalars().all()
        return {name: connection.exec_driver_sql(digest.format(name)).scalar() for name in names}


def test_the_world_has_one_of_everything(world: World) -> None:
    named = {parameter for door in MANAGERS for parameter in IN_PATH.findall(door)} - COMMON
    assert named <= set(world.objects)
    assert len(MANAGERS) >= 28


@pytest.mark.parametrize("door", MANAGERS)
def test_another_managers_object_is_not_there(world: World, door: str) -> None:
    before = everything(world.engine)
    theirs = ask(world, door, world.objects, "manager2")
    nobodys = ask(world, door, dict.fromkeys(world.objects, NOBODYS), "manager2")
    if door == "POST /orders/{order_id}/approval":
        assert theirs[0] == 403, "a manager who is nobody's deputy answers no request at all"
    else:
        assert theirs[0] == 404, theirs
    assert theirs == nobodys
    assert everything(world.engine) == before


@pytest.mark.parametrize("door", OWNED)
def test_what_is_not_there_is_not_found(world: World, door: str) -> None:
    role = PERMISSIONS[door].split()[0]
    login = next(login for login, known in LOGINS.items() if known == role)
    assert ask(world, door, {}, login)[0] == 404


@pytest.mark.parametrize("door", [door for door in MANAGERS if door.startswith("GET")])
def test_its_owner_sees_it(world: World, door: str) -> None:
    """The world is real: each of these answers is there for its owner."""
    assert ask(world, door, world.objects, "manager")[0] == 200


def queries() -> Iterator[tuple[str, str]]:
    for path, operations in DESCRIPTION["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", []):
            if parameter["in"] == "query" and parameter["name"].endswith("_id"):
                yield path, parameter["name"]


@pytest.mark.parametrize(("path", "parameter"), list(queries()))
def test_another_managers_object_filters_nothing_out(world: World, path: str, parameter: str) -> None:
    url = path.replace("{sku}", "CEM-50")
    theirs, nobodys = (
        world.api.get(url, params={parameter: value}, headers=bearer("manager2"))
        for value in (world.objects[parameter], NOBODYS)
    )
    assert (theirs.status_code, theirs.text) == (nobodys.status_code, nobodys.text)


def test_another_managers_object_in_a_body_is_not_there(world: World) -> None:
    lines = [{"sku": "CEM-50", "quantity": "1"}]
    goods = {"sku": "CEM-50", "quantity": "1", "reason": "VIP", "from_order_id": NOBODYS}
    before = everything(world.engine)
    for path, body, field in (
        ("/orders", {"lines": lines}, "customer_id"),
        ("/stock/reassignments", goods, "to_order_id"),
    ):
        theirs, nobodys = (
            world.api.post(f"/api/v1{path}", json=body | {field: value}, headers=bearer("manager2"))
            for value in (world.objects[field], NOBODYS)
        )
        assert theirs.status_code == 404, theirs.text
        assert theirs.text == nobodys.text
    assert everything(world.engine) == before
