"""Products, their prices, and goods that come in."""

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import a_product, bearer

from activities.persistence.record_tables import JournalRow
from activities.persistence.stock_tables import ProductRow, StockMovementRow

PRODUCTS = "/api/v1/products"
RECEIPTS = "/api/v1/stock/receipts"


def test_a_product_is_answered_as_it_was_sent(api: TestClient) -> None:
    body = a_product(cost="2000.00")
    answer = api.post(PRODUCTS, json=body, headers=bearer("head"))
    assert answer.status_code == 201, answer.text
    assert answer.json() == body | {"currency": None, "item_group": None, "pack": None, "version": 1}
    assert api.get(f"{PRODUCTS}/CEM-50", headers=bearer("warehouse")).json() == answer.json()


def test_a_product_has_its_own_currency(api: TestClient) -> None:
    rub = api.post(PRODUCTS, json=a_product(currency="RUB"), headers=bearer("head"))
    assert rub.json()["currency"] == "RUB"
    named = a_product(sku="X-1", price={"amount": "5.00", "currency": "RUB"})
    assert api.post(PRODUCTS, json=named, headers=bearer("head")).json()["currency"] == "RUB"
    mixed = a_product(sku="X-2", currency="KZT", price={"amount": "5.00", "currency": "RUB"})
    refused = api.post(PRODUCTS, json=mixed, headers=bearer("head"))
    assert (refused.status_code, refused.json()["code"]) == (422, "wrong_currency")


def test_an_article_may_be_russian(api: TestClient) -> None:
    created = api.post(PRODUCTS, json=a_product(sku="ЦЕМ М500"), headers=bearer("head"))
    assert created.status_code == 201
    assert api.get(created.headers["Location"], headers=bearer("head")).json()["sku"] == "ЦЕМ М500"


def test_the_same_article_twice_is_refused(api: TestClient) -> None:
    api.post(PRODUCTS, json=a_product(), headers=bearer("head"))
    again = api.post(PRODUCTS, json=a_product(price="1"), headers=bearer("head"))
    assert (again.status_code, again.json()["code"]) == (409, "product_exists")
    assert again.json()["sku"] == "CEM-50"
    assert api.get(f"{PRODUCTS}/CEM-50", headers=bearer("head")).json()["price"] == "2450.50"


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"price": "1.00005"}, "price", "too_many_decimals"),
        ({"price": "-1"}, "price", "negative"),
        ({"price": "1" * 40}, "price", "too_large"),
        ({"price": "дорого"}, "price", "not_a_number"),
        ({"vat_rate": "0.12"}, "vat_rate", "bad_vat_rate"),
        ({"vat_rate": "100"}, "vat_rate", "too_large"),
        ({"currency": "USD"}, "currency", "wrong_currency"),
        ({"sku": ""}, "sku", "empty"),
        ({"sku": "a/b"}, "sku", "bad_sku"),
        ({"sku": "x" * 65}, "sku", "string_too_long"),
        ({"unit": None}, "unit", "string_type"),
        ({"colour": "grey"}, "colour", "extra_forbidden"),
    ],
)
def test_bad_products(
    still_api: TestClient, still_engine: Engine, changes: dict[str, Any], field: str, code: str
) -> None:
    answer = still_api.post(PRODUCTS, json=a_product(**changes), headers=bearer("head"))
    assert answer.status_code == 422
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    with Session(still_engine) as session:
        assert session.exec(select(ProductRow).where(ProductRow.sku != "CEM-50")).all() == []


def test_a_new_price_names_the_version_it_replaces(api: TestClient, engine: Engine) -> None:
    created = api.post(PRODUCTS, json=a_product(), headers=bearer("head"))
    url = f"{PRODUCTS}/CEM-50"
    missing = api.patch(url, json={"price": "2500"}, headers=bearer("manager"))
    assert (missing.status_code, missing.json()["code"]) == (428, "version_required")
    changed = api.patch(url, json={"price": "2500"}, headers=bearer("manager", if_match=created.headers["ETag"]))
    assert (changed.status_code, changed.json()["price"], changed.headers["ETag"]) == (200, "2500.00", '"2"')
    stale = api.patch(url, json={"price": "1"}, headers=bearer("manager", if_match=created.headers["ETag"]))
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    with Session(engine) as session:
        event = session.exec(select(JournalRow).where(JournalRow.event == "product_changed")).one()
    assert event.data["changes"] == {"price": {"from": "2450.5000", "to": "2500.0000"}}


def test_products_are_listed_by_name_in_pages(api: TestClient) -> None:
    for number, name in enumerate(["Щебень", "цемент М400", "Цемент М500", "Арматура"]):
        api.post(PRODUCTS, json=a_product(sku=f"S-{number}", name=name), headers=bearer("head"))
    first = api.get(PRODUCTS, params={"limit": 3}, headers=bearer("head")).json()
    rest = api.get(PRODUCTS, params={"limit": 3, "after": first["next"]}, headers=bearer("head")).json()
    assert [one["name"] for one in first["items"] + rest["items"]] == [
        "Арматура", "цемент М400", "Цемент М500", "Щебень",
    ]  # fmt: skip
    assert rest["next"] is None
    assert len(api.get(PRODUCTS, params={"name": "ЦЕМ"}, headers=bearer("head")).json()["items"]) == 2


def test_goods_that_come_in_are_free(api: TestClient, engine: Engine) -> None:
    api.post(PRODUCTS, json=a_product(), headers=bearer("head"))
    api.post(PRODUCTS, json=a_product(sku="NAIL"), headers=bearer("head"))
    body = {
        "warehouse": "main",
        "lines": [
            {"sku": "CEM-50", "quantity": "100"},
            {"sku": "NAIL", "quantity": 0.5},
            {"sku": "CEM-50", "quantity": "1.250"},
        ],
    }
    answer = api.post(RECEIPTS, json=body, headers=bearer("warehouse"))
    assert answer.status_code == 201, answer.text
    assert answer.json()["lines"][2] == {"sku": "CEM-50", "quantity": "1.25"}
    api.post(RECEIPTS, json=body | {"warehouse": "склад-2"}, headers=bearer("warehouse"))

    shown = api.get("/api/v1/stock/CEM-50", headers=bearer("manager")).json()
    figures = {"on_hand": "101.25", "reserved": "0", "picking": "0", "free": "101.25"}
    assert shown["warehouses"] == [{"warehouse": "main"} | figures, {"warehouse": "склад-2"} | figures]
    assert {name: shown[name] for name in figures} == figures | {"on_hand": "202.5", "free": "202.5"}
    with Session(engine) as session:
        assert len(session.exec(select(StockMovementRow)).all()) == 4
        assert len(session.exec(select(JournalRow).where(JournalRow.event == "stock_received")).all()) == 2


def test_a_product_never_received_has_no_stock(api: TestClient) -> None:
    api.post(PRODUCTS, json=a_product(), headers=bearer("head"))
    shown = api.get("/api/v1/stock/CEM-50", headers=bearer("manager")).json()
    assert (shown["on_hand"], shown["free"], shown["warehouses"]) == ("0", "0", [])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"lines": [{"sku": "NONE", "quantity": "1"}]}, 404, "product_not_found"),
        ({"lines": [{"sku": "CEM-50", "quantity": "1"}, {"sku": "NONE", "quantity": "1"}]}, 404, "product_not_found"),
        ({"lines": [{"sku": "CEM-50", "quantity": "0"}]}, 422, "not_positive"),
        ({"lines": [{"sku": "CEM-50", "quantity": "-1"}]}, 422, "not_positive"),
        ({"lines": [{"sku": "CEM-50", "quantity": "0.0001"}]}, 422, "too_many_decimals"),
        ({"lines": [{"sku": "CEM-50", "quantity": "1" * 40}]}, 422, "too_large"),
        ({"lines": []}, 422, "too_short"),
        ({"lines": [{"sku": "CEM-50"}]}, 422, "missing"),
        ({"warehouse": "a b", "lines": [{"sku": "CEM-50", "quantity": "1"}]}, 422, "string_pattern_mismatch"),
        ({"lines": [{"sku": "CEM-50", "quantity": "999999999999999.999"}] * 2}, 422, "invalid_input"),
    ],
    ids=range(10),
)
def test_a_bad_receipt_changes_nothing(
    still_api: TestClient, still_engine: Engine, body: dict[str, Any], status: int, code: str
) -> None:
    still_api.post(PRODUCTS, json=a_product(), headers=bearer("head"))
    answer = still_api.post(RECEIPTS, json=body, headers=bearer("warehouse"))
    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert code in {problem["code"], *(error["code"] for error in problem.get("errors", []))}
    with Session(still_engine) as session:
        assert session.exec(select(StockMovementRow)).all() == []
