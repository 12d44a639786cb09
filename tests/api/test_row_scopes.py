"""Another manager's objects do not exist: whatever is asked or ordered about them (D14)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import LOGINS, NO_TEMPORAL, a_customer, a_product, another_bin, bearer, doors
from support.invoices import an_invoice
from support.permissions import PERMISSIONS, roles_in
from support.samples import body_of

from activities.persistence.money_tables import LegalCaseRow
from activities.persistence.party_tables import CustomerRow, LegalEntityRow, UserRow
from activities.persistence.record_tables import TaskRow
from activities.persistence.stock_tables import PaymentProofRow, ReassignmentRow
from activities.settings import Settings
from api.app import create_app
from domain.orders import Role

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
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
            yield World(api, still_engine, _objects(api, still_engine))


def _objects(api: TestClient, engine: Engine) -> dict[str, str]:
    body = a_customer(manager="manager", tax_id=another_bin(1), credit_limit="0")
    customer_id = _made(api, "customers", body, "head")
    _made(api, "products", a_product(), "head")
    lines = [{"sku": "CEM-50", "quantity": "1"}]
    orders = [_made(api, "orders", {"customer_id": customer_id, "lines": lines}, "manager") for _ in range(2)]
    with Session(engine, expire_on_commit=False) as session:
        customer = session.get_one(CustomerRow, UUID(customer_id))
    line = an_invoice(engine, customer)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        people = {user.login: user.id for user in session.exec(select(UserRow))}
        rows = {
            "task_id": TaskRow(
                key="a", kind="call_overdue", role="manager", assignee_id=people["manager"], subject="Позвонить",
                details={}, due_at=NOW, created_at=NOW, customer_id=customer.id, schedule_line_id=UUID(line),
            ),
            "case_id": LegalCaseRow(
                number="Д-000001", customer_id=customer.id, credit_account_id=customer.credit_account_id, state="open",
                legal_entity_id=session.exec(select(LegalEntityRow)).one().id, opened_on=NOW.date(), package={},
            ),
            "reassignment_id": ReassignmentRow(
                warehouse="main", sku="CEM-50", quantity=Decimal(1), from_order_id=UUID(orders[1]),
                to_order_id=UUID(orders[0]), reason="VIP", state="requested", requested_by=people["manager"],
                requested_at=NOW,
            ),
            "proof_id": PaymentProofRow(
                order_id=UUID(orders[0]), sha256="0" * 64, content_type="application/pdf", content=b"%PDF-",
                uploaded_by=people["manager"], uploaded_at=NOW,
            ),
        }  # fmt: skip
        session.add_all(rows.values())
        session.flush()
        made = {parameter: str(row.id) for parameter, row in rows.items()}
    return {"customer_id": customer_id, "order_id": orders[0], "to_order_id": orders[0], "invoice_id": line, **made}


def _made(api: TestClient, path: str, body: Any, by: str) -> str:
    answer = api.post(f"/api/v1/{path}", json=body, headers=bearer(by))
    assert answer.status_code in {201, 503}, answer.text
    if answer.status_code == 503:  # a quote is written before its workflow is started
        return str(api.get(f"/api/v1/{path}", headers=bearer(by)).json()["items"][0]["id"])
    return str(answer.json().get("id", ""))


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
