"""D7-12: substitutes are kept with the product, ranked, and shown with what decides between them."""

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import a_product, bearer

from activities.persistence.record_tables import JournalRow
from activities.persistence.substitutes import substitutes_of

URL = "/api/v1/products/CEM-50/substitutes"


@pytest.fixture(autouse=True)
def products(api: TestClient) -> None:
    for sku, price in (("CEM-50", "2450.50"), ("CEM-40", "2100.00"), ("CEM-25", "1300.00")):
        body = a_product(sku=sku, name=f"Цемент {sku}", price=price)
        assert api.post("/api/v1/products", json=body, headers=bearer("head")).status_code == 201


def put(api: TestClient, *substitutes: str, by: str = "buyer") -> dict[str, object]:
    answer = api.put(URL, json={"substitutes": list(substitutes)}, headers=bearer(by))
    body: dict[str, object] = answer.json()
    return {"status": answer.status_code, **body}


def ranked(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return substitutes_of(session, ["CEM-50", "CEM-40"]).get("CEM-50", [])


def test_the_whole_list_is_replaced_and_ranked_by_its_order(api: TestClient, engine: Engine) -> None:
    lines = [{"sku": "CEM-25", "quantity": "7"}]
    for warehouse in ("main", "east"):
        body = {"warehouse": warehouse, "lines": lines}
        api.post("/api/v1/stock/receipts", json=body, headers=bearer("warehouse"))
    put(api, "CEM-40", "CEM-25")
    assert ranked(engine) == ["CEM-40", "CEM-25"]
    no_currency = {"currency": None}
    answer = put(api, "CEM-25", "CEM-40", by="manager")
    assert answer == {
        "status": 200,
        "sku": "CEM-50",
        "items": [
            {"sku": "CEM-25", "name": "Цемент CEM-25", "unit": "меш", "price": "1300.00", "free": "14"} | no_currency,
            {"sku": "CEM-40", "name": "Цемент CEM-40", "unit": "меш", "price": "2100.00", "free": "0"} | no_currency,
        ],
    }
    assert api.get(URL, headers=bearer("warehouse")).json() == {k: v for k, v in answer.items() if k != "status"}
    assert put(api)["items"] == []
    assert ranked(engine) == []


def test_a_list_that_cannot_be_leaves_the_old_one(api: TestClient, engine: Engine) -> None:
    put(api, "CEM-40")
    for list_, status, code in (
        (["CEM-25", "NONE"], 404, "product_not_found"),
        (["CEM-25", "CEM-50"], 422, "substitute_itself"),
        (["CEM-25", "CEM-40", "CEM-25"], 422, "duplicate_substitute"),
    ):
        answer = put(api, *list_)
        assert (answer["status"], answer["code"]) == (status, code)
        assert ranked(engine) == ["CEM-40"]
    unknown = api.get("/api/v1/products/NONE/substitutes", headers=bearer("head"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "product_not_found")


def test_the_journal_tells_a_change_and_nothing_when_nothing_changed(api: TestClient, engine: Engine) -> None:
    put(api, "CEM-40")
    put(api, "CEM-40")
    put(api)
    with Session(engine) as session:
        rows = session.exec(select(JournalRow).where(JournalRow.event.in_(["substitutes_set", "substitutes_cleared"])))  # type: ignore[attr-defined]
        told = [(row.event, row.data["substitutes"], row.data["before"]) for row in rows]
    assert told == [("substitutes_set", "CEM-40", ""), ("substitutes_cleared", "", "CEM-40")]
