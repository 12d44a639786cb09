"""The description of the API: complete, stable, bilingual."""

from typing import Any

import pytest
from starlette.testclient import TestClient

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def operations(still_api: TestClient) -> dict[str, dict[str, Any]]:
    """Every operation by `METHOD path`."""
    description = still_api.get("/openapi.json").json()
    assert description["openapi"].startswith("3.1")
    return {
        f"{method.upper()} {path}": operation
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def test_every_operation_has_its_own_stable_name(operations: dict[str, dict[str, Any]]) -> None:
    names = [operation["operationId"] for operation in operations.values()]
    assert sorted(names) == sorted(set(names))
    assert all(name == name.lower() and "api_v1" not in name for name in names), names


def test_every_operation_is_described_in_russian_and_english(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        russian, _, english = operation["summary"].partition(" / ")
        assert any("а" <= sign.lower() <= "я" for sign in russian), name
        assert english, name
        assert operation.get("description"), name


def test_every_operation_declares_its_problems(operations: dict[str, dict[str, Any]]) -> None:
    for name, operation in operations.items():
        assert "application/problem+json" in operation["responses"]["422"]["content"], name
        if operation.get("security"):
            assert {"401", "429", "503"} <= set(operation["responses"]), name


def test_the_names_that_programs_rely_on(operations: dict[str, dict[str, Any]]) -> None:
    ours = {
        "POST /api/v1/customers": "create_customer",
        "GET /api/v1/customers": "list_customers",
        "GET /api/v1/customers/{customer_id}": "get_customer",
        "PATCH /api/v1/customers/{customer_id}": "change_customer",
        "POST /api/v1/products": "create_product",
        "GET /api/v1/products/{sku}": "get_product",
        "PATCH /api/v1/products/{sku}": "change_product",
        "POST /api/v1/stock/receipts": "create_stock_receipt",
        "GET /api/v1/stock/{sku}": "get_stock",
        "GET /api/v1/users/me": "get_me",
    }
    assert {name: operations[name]["operationId"] for name in ours} == ours


def test_no_page_loads_anything_from_elsewhere(still_api: TestClient) -> None:
    assert still_api.get("/docs").status_code == 404
    assert still_api.get("/redoc").status_code == 404
