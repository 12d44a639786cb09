"""Every route by every role, as one table says (D14)."""

from collections.abc import Iterator

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import LOGINS, NO_TEMPORAL, app_settings, bearer
from support.permissions import (
    NOT_FOR_ADMIN,
    OPEN,
    PERMISSIONS,
    RULE_BOOK,
    asks_for_a_key,
    name,
    roles_at,
    roles_in,
    routes_of,
)

from activities.settings import Settings
from api.app import create_app
from domain.orders import Role

APP = create_app(Settings(database_url="postgresql://127.0.0.1:1/none"))
ROUTES = {name(route): route for route in routes_of(APP)}
PERSONAL = {"POST /orders/{order_id}/approval": "answering"}
"""Doors that ask who the person is, not only their role; the table says what somebody of the role may."""
SOME = {"version": "999999", "sku": "NONE", "code": "NONE", "sha256": "0" * 64, "user_id": "nobody"}
NOBODYS = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def doors(still_engine: Engine) -> Iterator[TestClient]:
    """The API with room for a bad key at each door."""
    settings = app_settings(still_engine, bad_keys_at_once=10_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_ADDRESS", NO_TEMPORAL)
        with TestClient(create_app(settings, engine=still_engine)) as client:
            yield client


def call(api: TestClient, door: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and code of an empty request about something that is not there."""
    method, path = door.split()
    for parameter in ROUTES[door].dependant.path_params:
        path = path.replace(f"{{{parameter.name}}}", SOME.get(parameter.name, NOBODYS))
    path = path.replace("{order_id}", NOBODYS)
    body = None if method == "GET" else {}
    url = path if path.startswith("/codec") else f"/api/v1{path}"
    answer = api.request(method, url, json=body, headers=headers)
    problem = answer.json() if "problem" in answer.headers.get("content-type", "") else {}
    return answer.status_code, problem.get("code", "")


def test_the_table_names_every_route_and_no_other() -> None:
    assert len(ROUTES) > 80
    assert set(ROUTES) == set(PERMISSIONS) | OPEN


def test_no_route_is_hidden_from_the_description() -> None:
    assert [door for door, route in ROUTES.items() if not route.include_in_schema] == []


def test_nothing_but_routes_and_the_description_answers() -> None:
    others = [one.path for one in iter_route_contexts(APP.routes) if one.path not in {r.path for r in ROUTES.values()}]
    assert others == ["/openapi.json"]


@pytest.mark.parametrize("door", ROUTES)
def test_every_route_asks_for_a_key_unless_it_is_known_to_be_open(door: str) -> None:
    assert asks_for_a_key(ROUTES[door].dependant) is (door not in OPEN)


@pytest.mark.parametrize("door", [door for door in PERMISSIONS if door not in PERSONAL])
def test_the_table_is_what_the_routes_require(door: str) -> None:
    assert roles_at(ROUTES[door].dependant) == roles_in(PERMISSIONS[door])


@pytest.mark.parametrize("action", RULE_BOOK)
def test_d14_the_table_is_the_rule_book(action: str) -> None:
    roles, *doors = RULE_BOOK[action]
    for door in doors:
        assert roles_in(PERMISSIONS[door]) == roles_in(roles), door


def test_d14_admin_never_decides_for_the_business() -> None:
    decisions = [door for door in PERMISSIONS if door.startswith("POST") and door.rsplit("/", 1)[1] in NOT_FOR_ADMIN]
    assert len(decisions) >= 12
    assert [door for door in decisions if Role.ADMIN in roles_in(PERMISSIONS[door])] == []


@pytest.mark.parametrize("door", PERMISSIONS)
def test_every_door_by_every_role(doors: TestClient, door: str) -> None:
    """Nobody and a wrong key get a 401, the wrong role a 403, the right one gets past both."""
    assert call(doors, door, {}) == (401, "unauthenticated")
    assert call(doors, door, {"Authorization": "Bearer nobody-has-this"}) == (401, "unauthenticated")
    for login, role in LOGINS.items():
        status, code = call(doors, door, bearer(login, if_match="*"))
        if role in roles_in(PERMISSIONS[door]):
            assert status not in {401, 403, 500}, f"{login}: {status} {code}"
        else:
            assert (status, code) == (403, "forbidden"), login
