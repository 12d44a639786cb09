"""Keys and roles: nobody gets in without a key, and every door asks for one."""

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import LOGINS, a_customer, a_product, bearer

from activities.settings import Settings
from api.app import create_app

NOBODYS = "/api/v1/supply/expected-receipts/00000000-0000-0000-0000-000000000000"
OPEN = {"/healthz", "/readyz", "/version", "/mail"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer nobody-has-this"},
        {"Authorization": "Basic dGVzdC1rZXktb2YtaGVhZA=="},
        {"Authorization": "test-key-of-head"},
        {"Authorization": "Bearer test-key-of-head "},
        {"Authorization": "Bearer " + "x" * 10_000},
        {"X-Api-Key": "test-key-of-head"},
    ],
)
def test_without_a_known_key_nothing_opens(still_api: TestClient, headers: dict[str, str]) -> None:
    answer = still_api.get("/api/v1/users/me", headers=headers)
    if headers.get("Authorization", "").strip() == "Bearer test-key-of-head":
        assert answer.status_code == 200  # blanks around a header are no part of it
        return
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthenticated"


def test_a_key_is_known_by_its_hash_alone(still_api: TestClient, still_engine: Engine) -> None:
    with still_engine.connect() as connection:
        dump = str(connection.exec_driver_sql("SELECT * FROM app_user").all())
    assert "test-key-of" not in dump


def test_d14_what_is_stored_of_a_key_opens_nothing(still_api: TestClient, still_engine: Engine) -> None:
    """Whoever reads the database, or a copy of it, cannot call in anybody's name."""
    with still_engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT key_hash FROM app_user").scalars().all()
    assert len(stored) == len(LOGINS)
    for key_hash in stored:
        answer = still_api.get("/api/v1/users/me", headers={"Authorization": f"Bearer {key_hash}"})
        assert answer.status_code == 401


@pytest.mark.parametrize("login", LOGINS)
def test_everybody_learns_who_they_are(still_api: TestClient, login: str) -> None:
    me = still_api.get("/api/v1/users/me", headers=bearer(login)).json()
    assert (me["login"], me["role"]) == (login, LOGINS[login])
    assert me["role_name"]


def test_every_route_of_the_api_asks_for_a_key(still_engine: Engine, still_api: TestClient) -> None:
    """A forgotten dependency shows here: each operation, with plausible path values and no key."""
    description = still_api.get("/openapi.json").json()
    some_id = "00000000-0000-0000-0000-000000000000"
    closed = 0
    for path, operations in description["paths"].items():
        if path in OPEN:
            continue
        url = path
        for name in (
            "customer_id",
            "order_id",
            "payment_id",
            "invoice_id",
            "task_id",
            "case_id",
            "absence_id",
            "user_id",
            "grant_id",
            "reassignment_id",
            "receipt_id",
            "proof_id",
            "version",
            "sku",
            "sha256",
            "code",
        ):
            url = url.replace(f"{{{name}}}", "1" if name == "version" else some_id)
        assert "{" not in url, f"say in this test what {path} is called with"
        for method in operations:
            answer = still_api.request(method, url, json={} if method in {"post", "patch", "put"} else None)
            assert answer.status_code == 401, f"{method} {path} answers {answer.status_code} without a key"
            assert operations[method].get("security"), f"{method} {path} does not declare its key"
            closed += 1
    assert closed >= 10


def test_no_route_is_hidden_from_the_description(engine: Engine) -> None:
    app = create_app(Settings(database_url="postgresql://127.0.0.1:1/none"), engine=engine)
    assert [route.path for route in app.routes if isinstance(route, APIRoute) and not route.include_in_schema] == []


@pytest.mark.parametrize(
    ("method", "url", "body", "allowed"),
    [
        (
            "POST",
            "/api/v1/customers",
            a_customer(credit_limit="0"),
            {"manager", "head", "director", "accountant", "admin"},
        ),
        ("POST", "/api/v1/products", a_product(), {"manager", "head", "director", "accountant", "admin"}),
        (
            "POST",
            "/api/v1/stock/receipts",
            {"warehouse": "main", "lines": [{"sku": "NONE", "quantity": "1"}]},
            {"warehouse", "head", "admin"},
        ),
        ("GET", "/api/v1/supply/needs", None, {"buyer", "head", "director", "warehouse", "manager"}),
        ("GET", "/api/v1/supply/expected-receipts", None, {"buyer", "head", "director", "warehouse", "manager"}),
        ("GET", NOBODYS, None, {"buyer", "head", "director", "warehouse", "manager"}),
        (
            "POST",
            "/api/v1/supply/expected-receipts",
            {"supplier": "S", "expected_on": "2035-04-15", "lines": [{"sku": "NONE", "quantity": "1"}]},
            {"buyer", "head"},
        ),
        ("PATCH", NOBODYS, {"comment": "later"}, {"buyer", "head"}),
        ("POST", f"{NOBODYS}/cancel", {"reason": "no"}, {"buyer", "head"}),
        ("PUT", "/api/v1/products/NONE/substitutes", {"substitutes": []}, {"manager", "head", "buyer"}),
    ],
)
def test_roles(api: TestClient, method: str, url: str, body: dict[str, object] | None, allowed: set[str]) -> None:
    """D14: the wrong role gets a 403 with a code; the right one gets past the door."""
    for login, role in LOGINS.items():
        answer = api.request(method, url, json=body, headers=bearer(login, if_match="*"))
        if role in allowed:
            assert answer.status_code in {200, 201, 404, 409}, f"{login}: {answer.text}"
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), login
