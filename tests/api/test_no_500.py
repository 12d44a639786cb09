"""Every operation of the description, fed with what people and programs get wrong: never a 500.

The API runs without Temporal, so that a command that gets as far as its workflow answers 503.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import a_customer, a_product, bearer, doors

from api.app import create_app

ZERO = "00000000-0000-0000-0000-000000000000"
NASTY = (
    None, True, 0, -1, 10**30, 1.5, "", " ", "0", "-1", "9" * 40, "1.00001", "NaN", "x" * 5000, "\u202eотмена",
    "'; DROP TABLE customer; --", "{0} %s", "2026-02-30", "9999-12-31", "0001-01-01", ZERO, [], {}, [None], {"a": {}},
)  # fmt: skip
PATH_VALUES = (ZERO, "1", "a b", "..", "%ff", "😀", "x" * 300)


@pytest.fixture
def world(engine: Engine, company: object) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """An API that answers bugs with its 500 instead of raising them, and ids of things that exist."""
    with doors(create_app, engine) as api:
        customer = api.post("/api/v1/customers", json=a_customer(), headers=bearer("head")).json()["id"]
        api.post("/api/v1/products", json=a_product(sku="CEM"), headers=bearer("head"))
        body = {"customer_id": customer, "lines": [{"sku": "CEM", "quantity": "1"}]}
        order = api.post("/api/v1/orders", json=body, headers=bearer("manager")).json()["id"]
        api._transport.raise_server_exceptions = False  # type: ignore[attr-defined]
        yield api, {"customer_id": customer, "order_id": order, "sku": "CEM"}


def resolve(schema: dict[str, Any], description: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for option in schema.get("anyOf", []):
        if option.get("type") != "null":
            return resolve(option, description) | {"examples": schema.get("examples", [])}
    return schema


def sample(schema: dict[str, Any], description: dict[str, Any], ids: dict[str, str], name: str = "") -> Any:
    """A plausible value of a schema."""
    schema = resolve(schema, description)
    if name in ids:
        return ids[name]
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {key: sample(value, description, ids, key) for key, value in properties.items()}
        case "array":
            return [sample(schema.get("items", {}), description, ids)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case _:
            formats = {"date": "2026-11-23", "uuid": ZERO, "date-time": "2026-11-23T10:00:00Z"}
            return formats.get(schema.get("format", ""), "5")


_turn = itertools.count()


def some_nasty(share: int = 5) -> Iterator[Any]:
    """Every fifth nasty value, other ones each time: together the fields of the API see them all."""
    return itertools.islice(NASTY, next(_turn) % share, None, share)


def mutations(body: Any) -> Iterator[Any]:
    """The body with one value at a time replaced by a nasty one, at every depth."""
    if isinstance(body, dict):
        for key, value in body.items():
            for nasty in some_nasty():
                yield body | {key: nasty}
            yield {name: one for name, one in body.items() if name != key}
            for inner in mutations(value):
                yield body | {key: inner}
        yield body | {"unexpected": 1}
    elif isinstance(body, list) and body:
        for inner in mutations(body[0]):
            yield [inner]
        yield body * 2


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_people_send_breaks_the_api(world: tuple[TestClient, dict[str, str]]) -> None:
    api, ids = world
    description = api.get("/openapi.json").json()
    broken = []
    calls = 0
    for path, operations in description["paths"].items():
        if path == "/readyz":
            continue
        for method, operation in operations.items():
            for url, body in requests(path, operation, description, ids):
                answer = api.request(method, url, json=body, headers=bearer(caller(operation), if_match="*"))
                calls += 1
                if answer.status_code >= 500 and answer.status_code != 503:
                    broken.append(f"{method} {url[:80]} {str(body)[:160]} -> {answer.text[:160]}")
                elif answer.status_code >= 400:
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert answer.json()["detail"]
    assert broken == []
    assert calls > 500


def caller(operation: dict[str, Any]) -> str:
    """Somebody whose role gets far enough to matter."""
    tags = operation.get("tags", [])
    name = operation["operationId"]
    if "stock" in tags or name in {"start_picking", "ship_order"}:
        return "warehouse"
    return "accountant" if "payments" in tags else "lawyer" if "legal" in tags else "head"


def requests(
    path: str, operation: dict[str, Any], description: dict[str, Any], ids: dict[str, str]
) -> Iterator[tuple[str, Any]]:
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
    known = path
    for name in names:
        known = known.replace(f"{{{name}}}", ids.get(name, ZERO))
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    whole = sample(content["schema"], description, ids) if content else None
    for name in names:
        for value in itertools.islice(PATH_VALUES, next(_turn) % 2, None, 2):
            yield path.replace(f"{{{name}}}", value), whole
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            for nasty in some_nasty(2):
                yield f"{known}?{parameter['name']}={nasty}".replace("%", "%25").replace("#", "%23"), whole
    if content is not None:
        yield from ((known, body) for body in mutations(whole))
        yield from ((known, nasty) for nasty in NASTY)
    yield known, whole
