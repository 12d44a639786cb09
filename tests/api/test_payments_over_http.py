"""Money through the doors, with the real worker behind them: once, clear refusals, nothing half written."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from sqlalchemy import Engine, func
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import another_bin, app_settings, bearer, seed_company
from support.money import a_file
from support.shop import API, Shop, a_shop
from temporalio.client import Client

from activities.persistence.money_tables import BankStatementRow, PaymentRow
from api import payment_commands
from api.app import create_app
from domain.bank_statement import MAX_BYTES

pytestmark = pytest.mark.anyio
SAMPLES = Path(__file__).parents[1] / "data" / "statements"


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


def a_payment(**changes: Any) -> dict[str, Any]:
    body = {
        "external_id": "bank-1",
        "payer_tax_id": another_bin(500),
        "amount": "1000.00",
        "date": "2026-04-06",
        "purpose": "Оплата",
    }
    return body | changes


async def upload(shop: Shop, content: bytes, *, by: str = "accountant", **headers: str) -> Response:
    return await shop.http.post(f"{API}/bank-statements", content=content, headers=bearer(by, **headers))


def count(engine: Engine, table: Any) -> int:
    with Session(engine) as session:
        return session.exec(select(func.count()).select_from(table)).one()


def refused(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json()["detail"]
    return answer.status_code, answer.json()["code"]


async def an_unpaid_order(shop: Shop) -> tuple[str, str, str, str]:
    """Customer, tax number, order and order number of a prepaid order that waits for 1000."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="10")
    terms = {"payment_terms": {"deferral_days": 0, "prepayment_percent": 100}}
    order = await shop.a_quote(customer, sku, "1", **terms)
    assert (await shop.place(order)).status_code == 200
    assert await shop.house.reaches(order, "awaiting_payment")
    number = (await shop.get(f"/orders/{order}"))["number"]
    return customer, another_bin(shop.customers), order, number


async def test_a_payment_pays_the_order_it_names_in_the_same_call(shop: Shop) -> None:
    customer, payer, order, number = await an_unpaid_order(shop)
    answer = await shop.post("/payments", a_payment(payer_tax_id=payer, purpose=f"Заказ {number}"), by="accountant")
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (body["state"], body["customer_id"], body["reason"]) == ("matched", customer, None)
    assert body["amount"] == {"amount": "1000.00", "currency": "KZT"}
    assert body["unallocated"] == {"amount": "0.00", "currency": "KZT"}
    assert [part["order_id"] for part in body["allocations"]] == [order]
    assert answer.headers["location"] == f"{API}/payments/{body['id']}"
    assert await shop.house.reaches(order, "ready") == "ready"
    assert (await shop.get(f"/payments/{body['id']}", by="accountant")) == body
    (paid,) = (await shop.get(f"/orders/{order}"))["payments"]
    assert paid["amount"]["amount"] == "1000.00"


async def test_the_same_external_id_is_one_payment_and_another_body_is_refused(shop: Shop, engine: Engine) -> None:
    first = await shop.post("/payments", a_payment(), by="accountant")
    again = await shop.post("/payments", a_payment(amount={"amount": "1000.00", "currency": "KZT"}), by="accountant")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    for changed in ({"amount": "1000.01"}, {"purpose": "Другое"}, {"date": "2026-04-07"}):
        other = await shop.post("/payments", a_payment(**changed), by="accountant")
        assert refused(other) == (409, "external_id_reused")
    assert count(engine, PaymentRow) == 1


async def test_an_idempotency_key_holds_one_payment(shop: Shop, engine: Engine) -> None:
    key = {"idempotency_key": "payment-1"}
    first = await shop.post("/payments", a_payment(), by="accountant", **key)
    again = await shop.post("/payments", a_payment(), by="accountant", **key)
    assert (first.status_code, again.status_code, again.headers["idempotent-replayed"]) == (201, 201, "true")
    other = await shop.post("/payments", a_payment(external_id="bank-2"), by="accountant", **key)
    assert refused(other) == (422, "idempotency_key_reused")
    assert count(engine, PaymentRow) == 1


async def test_a_payment_sent_by_many_at_once_is_one(shop: Shop, engine: Engine) -> None:
    sent = [shop.post("/payments", a_payment(), by="accountant") for _ in range(6)]
    answers = await asyncio.gather(*sent)
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert count(engine, PaymentRow) == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"amount": "9" * 40}, (422, "invalid_input"), id="40 digits"),
        pytest.param({"amount": "NaN"}, (422, "invalid_input"), id="NaN"),
        pytest.param({"amount": "0.00"}, (422, "invalid_input"), id="zero"),
        pytest.param({"amount": "-5"}, (422, "invalid_input"), id="negative"),
        pytest.param({"amount": "1.001"}, (422, "invalid_input"), id="three decimals"),
        pytest.param({"amount": {"amount": "5", "currency": "RUB"}}, (422, "wrong_currency"), id="currency"),
        pytest.param({"amount": {"amount": "5", "currency": "USD"}}, (422, "invalid_input"), id="no such currency"),
        pytest.param({"date": "06.04.2026"}, (422, "invalid_input"), id="date of another form"),
        pytest.param({"date": "0001-01-01"}, (422, "invalid_input"), id="date of another age"),
        pytest.param(
            {"date": (date.today() + timedelta(days=368)).isoformat()}, (422, "invalid_input"), id="far ahead"
        ),
        pytest.param({"date": "1999-12-31"}, (422, "invalid_input"), id="date of another century"),
        pytest.param({"payer_tax_id": "000000000000"}, (422, "invalid_tax_id"), id="zeros for a tax number"),
        pytest.param({"payer_tax_id": "7707083894"}, (422, "invalid_tax_id"), id="wrong check digit"),
        pytest.param({"external_id": ""}, (422, "invalid_input"), id="no external id"),
        pytest.param({"external_id": "x" * 200}, (422, "invalid_input"), id="endless external id"),
        pytest.param({"currency": "KZT"}, (422, "invalid_input"), id="unknown field"),
    ],
)
def test_bad_payments_are_refused_and_nothing_is_written(
    still_api: TestClient, still_engine: Engine, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    answer = still_api.post(f"{API}/payments", json=a_payment(**changes), headers=bearer("accountant"))
    assert refused(answer) == expected
    assert count(still_engine, PaymentRow) == 0


@pytest.mark.parametrize("login", ["manager", "head", "director", "warehouse", "lawyer", "admin"])
def test_only_the_accountant_moves_money(still_api: TestClient, login: str) -> None:
    unknown = "018f0000-0000-7000-8000-000000000000"
    for path, body in (
        ("/payments", a_payment()),
        (f"/payments/{unknown}/allocate", {"customer_id": unknown}),
        ("/bank-statements", {}),
    ):
        answer = still_api.post(API + path, json=body, headers=bearer(login))
        assert refused(answer) == (403, "forbidden")


async def test_the_queue_and_the_accountants_decision(shop: Shop) -> None:
    customer, _, order, _ = await an_unpaid_order(shop)
    sent = await shop.post("/payments", a_payment(amount="1200.00", purpose="за ООО Ромашка"), by="accountant")
    payment = sent.json()
    assert (payment["state"], payment["reason"]) == ("unmatched", "unknown_payer")
    queue = await shop.get("/payments?state=unmatched", by="accountant")
    assert [each["id"] for each in queue["items"]] == [payment["id"]]
    assert queue["next"] is None

    path = f"/payments/{payment['id']}/allocate"
    too_much = await shop.post(path, {"order_id": order, "amount": "1000.01"}, by="accountant")
    assert refused(too_much) == (409, "allocation_too_large")
    nothing = await shop.post(path, {}, by="accountant")
    assert refused(nothing) == (422, "invalid_input")
    key = {"idempotency_key": "allocate-1"}
    body = {"order_id": order, "amount": "1000.00"}
    done = await shop.post(path, body, by="accountant", **key)
    assert done.status_code == 200, done.text
    assert (done.json()["state"], done.json()["customer_id"]) == ("matched", customer)
    assert done.json()["unallocated"]["amount"] == "200.00"
    again = await shop.post(path, body, by="accountant", **key)
    assert (again.json(), again.headers["idempotent-replayed"]) == (done.json(), "true")
    other = await shop.post(path, {"order_id": order}, by="accountant", **key)
    assert refused(other) == (422, "idempotency_key_reused")
    more = await shop.post(path, {"order_id": order}, by="accountant")
    assert refused(more) == (409, "nothing_to_allocate")
    assert await shop.house.reaches(order, "ready") == "ready"
    assert (await shop.get("/payments?state=unmatched", by="accountant"))["items"] == []


async def test_allocating_what_is_not_there(shop: Shop) -> None:
    unknown = "018f0000-0000-7000-8000-000000000000"
    answer = await shop.post(f"/payments/{unknown}/allocate", {"customer_id": unknown}, by="accountant")
    assert refused(answer) == (404, "payment_not_found")
    payment = (await shop.post("/payments", a_payment(), by="accountant")).json()["id"]
    for body, code in (
        ({"customer_id": unknown}, "customer_not_found"),
        ({"order_id": unknown}, "order_not_found"),
        ({"invoice_id": unknown}, "invoice_not_found"),
    ):
        answer = await shop.post(f"/payments/{payment}/allocate", body, by="accountant")
        assert refused(answer) == (404, code)
    state = (await shop.get(f"/payments/{payment}", by="accountant"))["state"]
    assert state == "unmatched"


async def test_v25_a_statement_uploaded_twice(shop: Shop, engine: Engine) -> None:
    """V25 through the doors: two identical lines are two payments; the same file adds none."""
    _, payer, order, number = await an_unpaid_order(shop)
    twin = ("7", "5.00", another_bin(700), "Без договора")
    content = a_file(("1", "1000,00", payer, f"по счету № {number}"), twin, twin, ("9", "сто", payer, "Оплата"))
    first, second = await upload(shop, content), await upload(shop, content)
    assert first.status_code == second.status_code == 200, first.text
    figures = ("payments_created", "duplicates", "matched", "unmatched")
    assert [first.json()[name] for name in figures] == [3, 0, 1, 2]
    assert [second.json()[name] for name in figures] == [0, 3, 0, 0]
    (bad,) = first.json()["rejected"]
    assert (bad["line"], bad["code"]) == (27, "bad_amount")
    assert "Строка 27" in bad["text"]
    assert await shop.house.reaches(order, "ready") == "ready"
    assert count(engine, PaymentRow) == 3
    assert await shop.get(f"/bank-statements/{first.json()['sha256']}", by="accountant") == first.json()
    unknown = await shop.http.get(f"{API}/bank-statements/{'0' * 64}", headers=bearer("accountant"))
    assert refused(unknown) == (404, "statement_not_found")


async def test_impatient_repeats_of_an_upload_await_one_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that hangs up and asks again under its key does not queue up behind itself."""
    runs, start = [], payment_commands._start_statement

    async def counted(*of: Any) -> Any:
        runs.append(await start(*of))
        return runs[-1]

    monkeypatch.setattr(payment_commands, "_start_statement", counted)
    content = a_file(("1", "5.00", another_bin(700), "x"), ("2", "6.00", another_bin(700), "y"))
    answers = await asyncio.gather(*(upload(shop, content, idempotency_key="statement-1") for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert [answer.json()["payments_created"] for answer in answers] == [2] * 6
    assert len(runs) <= 2, "one, and perhaps one of a caller that came just after its end"


async def test_a_repeated_upload_under_one_key_gets_the_first_answer(shop: Shop) -> None:
    content = a_file(("1", "5.00", another_bin(700), "x"))
    first = await upload(shop, content, idempotency_key="statement-1")
    again = await upload(shop, content, idempotency_key="statement-1")
    assert first.json() == again.json()
    assert again.json()["payments_created"] == 1
    other = await upload(shop, content + b" ", idempotency_key="statement-1")
    assert refused(other) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("name", ["ru_103_cp866_says_windows.txt", "kz_halyk_utf8.txt", "ru_103_mixed.txt"])
async def test_files_of_any_bank_are_taken(shop: Shop, name: str) -> None:
    answer = await upload(shop, (SAMPLES / name).read_bytes())
    assert answer.status_code == 200, answer.text
    assert (answer.json()["payments_created"], answer.json()["unmatched"]) == (2, 2)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", (422, "not_a_statement"), id="nothing"),
        pytest.param(b"PK\x03\x04" + bytes(200), (422, "not_a_statement"), id="a workbook"),
        pytest.param(a_file(("1", "5", "1", "x"))[:150], (422, "truncated_statement"), id="cut in half"),
        pytest.param(b"1CClientBankExchange\n" + b"x" * MAX_BYTES, (413, "statement_too_large"), id="too large"),
    ],
)
def test_bad_files_are_refused_and_nothing_is_written(
    still_api: TestClient, still_engine: Engine, content: bytes, expected: tuple[int, str]
) -> None:
    answer = still_api.post(f"{API}/bank-statements", content=content, headers=bearer("accountant"))
    assert refused(answer) == expected
    assert count(still_engine, BankStatementRow) == 0


async def test_a_silent_worker_is_told_as_accepted(
    engine: Engine, client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """202 with the process to look at: the money is safe with Temporal, its answer is not there yet."""
    monkeypatch.setattr(payment_commands, "PATIENCE", timedelta(seconds=0.2))
    monkeypatch.setattr(payment_commands, "STATEMENT_PATIENCE", timedelta(seconds=0.2))
    seed_company(engine)
    app = create_app(app_settings(engine, task_queue=task_queue), engine=engine, temporal=client)
    async with app.router.lifespan_context(app), AsyncClient(transport=ASGITransport(app), base_url="http://t") as http:
        shop = Shop(house=None, http=http)  # type: ignore[arg-type]
        taken = await shop.post("/payments", a_payment(), by="accountant")
        assert taken.status_code == 202, taken.text
        assert taken.json()["workflow_id"].startswith("payment/api-")
        file = await upload(shop, a_file(("1", "5.00", another_bin(700), "x")))
        assert file.status_code == 202
        assert file.json()["workflow_id"].startswith("statement/")


def test_without_temporal_nothing_is_half_done(still_api: TestClient, still_engine: Engine) -> None:
    answer = still_api.post(f"{API}/payments", json=a_payment(), headers=bearer("accountant"))
    assert refused(answer) == (503, "temporarily_unavailable")
    assert count(still_engine, PaymentRow) == 0
