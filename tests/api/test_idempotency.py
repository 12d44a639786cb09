"""`Idempotency-Key`: one command however often and however simultaneously it is sent."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import Engine, event, func
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import a_customer, a_product, bearer
from support.company import MONDAY

from activities.persistence.party_tables import CustomerRow
from activities.persistence.record_tables import DocumentCounterRow, IdempotencyRow
from activities.persistence.stock_tables import StockMovementRow
from api.idempotency import run_idempotent

CUSTOMERS = "/api/v1/customers"
RECEIPTS = "/api/v1/stock/receipts"
KEY = "key-0123456789"


def count(engine: Engine, table: Any) -> int:
    with Session(engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def test_the_same_key_and_body_get_the_first_answer(api: TestClient, engine: Engine) -> None:
    headers = bearer("head", idempotency_key=KEY)
    first = api.post(CUSTOMERS, json=a_customer(), headers=headers)
    again = api.post(CUSTOMERS, json=dict(reversed(a_customer().items())), headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert count(engine, CustomerRow) == 1


def test_the_same_key_with_another_body_is_refused(api: TestClient, engine: Engine) -> None:
    headers = bearer("head", idempotency_key=KEY)
    api.post(CUSTOMERS, json=a_customer(), headers=headers)
    other = api.post(CUSTOMERS, json=a_customer(name="Другой"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert count(engine, CustomerRow) == 1


def test_a_key_belongs_to_its_person_and_its_address(api: TestClient) -> None:
    api.post(CUSTOMERS, json=a_customer(), headers=bearer("head", idempotency_key=KEY))
    by_another = api.post(CUSTOMERS, json=a_customer(), headers=bearer("admin", idempotency_key=KEY))
    assert by_another.json()["code"] == "customer_exists"
    elsewhere = api.post("/api/v1/products", json=a_product(), headers=bearer("head", idempotency_key=KEY))
    assert elsewhere.status_code == 201


def test_a_refused_command_may_be_corrected_under_the_same_key(api: TestClient, engine: Engine) -> None:
    headers = bearer("head", idempotency_key=KEY)
    refused = api.post(CUSTOMERS, json=a_customer(tax_id="123"), headers=headers)
    assert refused.status_code == 422
    assert count(engine, IdempotencyRow) == 0
    assert api.post(CUSTOMERS, json=a_customer(), headers=headers).status_code == 201


class KilledError(BaseException):
    """The process dies here."""


def test_killed_before_its_answer_is_kept_a_command_has_done_nothing(engine: Engine) -> None:
    """Both are one transaction; so the repeat does it, and once (U5)."""

    def die(connection: Any, cursor: Any, sql: str, *_: Any) -> None:
        if sql.startswith("UPDATE idempotency_key"):
            raise KilledError

    def command() -> Any:
        def work(session: Session) -> tuple[int, Any]:
            row = session.get(DocumentCounterRow, "test") or DocumentCounterRow(series="test", last=0)
            row.last += 1
            session.add(row)
            return 201, row.last

        return run_idempotent(engine, "scope", KEY, "hash", work, now=MONDAY)

    event.listen(engine, "before_cursor_execute", die)
    with pytest.raises(KilledError):
        command()
    event.remove(engine, "before_cursor_execute", die)

    assert count(engine, DocumentCounterRow) == count(engine, IdempotencyRow) == 0
    assert [(answer.body, answer.replayed) for answer in (command(), command())] == [(1, False), (1, True)]


@pytest.mark.parametrize("key", ["short", "x" * 256, "with space in it", "tab\tbetween"])
def test_odd_keys_are_refused(still_api: TestClient, key: str) -> None:
    answer = still_api.post(CUSTOMERS, json=a_customer(), headers=bearer("head", idempotency_key=key))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["errors"][0]["field"] == "idempotency-key"


def together(calls: int, call: Any) -> list[Response]:
    start = Barrier(calls)

    def one(number: int) -> Response:
        start.wait()
        return call(number)

    with ThreadPoolExecutor(calls) as pool:
        return list(pool.map(one, range(calls)))


def test_sixteen_twins_at_once_are_one_command(api: TestClient, engine: Engine) -> None:
    api.post("/api/v1/products", json=a_product(), headers=bearer("head"))
    body = {"warehouse": "main", "lines": [{"sku": "CEM-50", "quantity": "10"}]}

    answers = together(16, lambda _: api.post(RECEIPTS, json=body, headers=bearer("warehouse", idempotency_key=KEY)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert count(engine, StockMovementRow) == 1
    assert api.get("/api/v1/stock/CEM-50", headers=bearer("head")).json()["on_hand"] == "10"


def test_sixteen_receipts_with_keys_of_their_own_all_count(api: TestClient) -> None:
    api.post("/api/v1/products", json=a_product(), headers=bearer("head"))
    body = {"warehouse": "main", "lines": [{"sku": "CEM-50", "quantity": "0.5"}]}

    answers = together(
        16, lambda number: api.post(RECEIPTS, json=body, headers=bearer("warehouse", idempotency_key=f"{KEY}-{number}"))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert api.get("/api/v1/stock/CEM-50", headers=bearer("head")).json()["on_hand"] == "8"


def test_the_same_customer_sixteen_times_at_once_is_one(api: TestClient, engine: Engine) -> None:
    """Without any key the unique requisites hold, and the losers are told."""
    answers = together(16, lambda _: api.post(CUSTOMERS, json=a_customer(), headers=bearer("head")))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 15
    assert count(engine, CustomerRow) == 1


def test_two_edits_of_one_version_at_once_are_one_edit(api: TestClient) -> None:
    created = api.post(CUSTOMERS, json=a_customer(), headers=bearer("head")).json()
    answers = together(
        8,
        lambda number: api.patch(
            f"{CUSTOMERS}/{created['id']}",
            json={"credit_limit": f"{number + 1}.00"},
            headers=bearer("head", if_match='"1"'),
        ),
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
