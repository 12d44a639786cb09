"""The approver's dossier (D4-2), deputies (D4-4), the lawyer's word (D2-8), copies (D6-4, D6-5), claims told on."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx2 import Response
from sqlalchemy import Engine, text
from sqlmodel import Session
from starlette.testclient import TestClient
from support.api import LOGINS, a_customer, a_product, bearer
from support.invoices import an_invoice
from support.shop import Shop, a_shop
from temporalio.client import Client

from activities.persistence.party_tables import CustomerRow

pytestmark = pytest.mark.anyio


@pytest.fixture
async def shop(
    engine: Engine, database_url: str, client: Client, task_queue: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with a_shop(engine, database_url, client, task_queue, tmp_path) as open_shop:
        yield open_shop


def refused(answer: Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def today() -> date:
    return datetime.now(UTC).date()


async def away(shop: Shop, person: str, deputy: str) -> Response:
    body = {"user": person, "deputy": deputy, "from": f"{today()}", "to": f"{today() + timedelta(days=3)}"}
    return await shop.post("/absences", body, by=person)


def invoice_of(engine: Engine, customer: str, amount: str, *, days: int) -> str:
    with Session(engine) as session:
        row = session.get_one(CustomerRow, UUID(customer))
    return an_invoice(engine, row, amount=amount, due=today() - timedelta(days=days))


async def test_d4_2_the_dossier_tells_all_that_stands_behind_the_request(shop: Shop, engine: Engine) -> None:
    customer, sku = await shop.a_customer(), await shop.a_product()
    first = await shop.a_quote(customer, sku, "1500")
    second = await shop.a_quote(customer, sku, "1200")
    await shop.place(first)
    await shop.place(second)
    line, other = (invoice_of(engine, customer, amount, days=20) for amount in ("700", "800"))
    for paid, late in ((line, 0), (other, 9)):
        with engine.begin() as connection:
            connection.execute(
                text("""
                    WITH money AS (
                      INSERT INTO payment (id, identity, source, posted_on, amount, currency, purpose, customer_id,
                                           credit_account_id, state, unallocated, recorded_at)
                      SELECT gen_random_uuid(), gen_random_uuid()::text, 'test', due_date, amount, 'KZT', '',
                             i.customer_id, i.credit_account_id, 'matched', 0, now()
                        FROM schedule_line l JOIN invoice i ON i.id = l.invoice_id
                       WHERE l.id = CAST(:line AS uuid)
                      RETURNING id, amount)
                    INSERT INTO payment_allocation (id, payment_id, schedule_line_id, amount, at)
                    SELECT gen_random_uuid(), id, CAST(:line AS uuid), amount, now() FROM money
                """),
                {"line": paid},
            )
            connection.execute(
                text("UPDATE schedule_line SET residual = 0, settled_on = due_date + :late WHERE id = :line"),
                {"line": paid, "late": late},
            )

    found = await shop.get(f"/orders/{first}/approval")

    request = found["request"]
    assert (request["kind"], request["tier"], request["revision"]) == ("credit", "head", 1)
    assert request["ceiling"] == {"amount": "1500000.00", "currency": "KZT"}
    assert [(each["login"], each["instead_of"]) for each in request["addressees"]] == [("head", None)]
    assert [each["login"] for each in request["barred"]] == ["manager"]
    assert [reason["code"] for reason in found["decision"]["reasons"]] == ["OVER_LIMIT"]
    assert "нужно согласование руководителя" in found["decision"]["reasons"][0]["text"]
    assert found["decision"]["exposure"]["amount"] == "1500000.00"
    behaviour = found["payment_behaviour"]
    assert (behaviour["invoices_paid"], behaviour["on_time_percent"]) == (2, 50)
    assert (behaviour["mean_days_late"], behaviour["worst_days_late"]) == ("9.0", 9)
    assert behaviour["text"] == (
        "За 12 месяцев оплачено 2 счёта, вовремя 50 %. Опоздания: в среднем 9 дн., самое долгое — 9 дней."
    )
    assert [(each["id"], each["credit"]["amount"]) for each in found["pending_orders"]] == [(second, "1200000.00")]
    assert [(each["decision"], each["comment_required"]) for each in found["answers"]] == [
        ("approve", False), ("reject", True), ("rework", True),
    ]  # fmt: skip
    assert (found["may_answer"], found["history"]) == (True, [])
    assert (await shop.get(f"/orders/{first}/approval", by="manager"))["may_answer"] is False


async def test_d4_2_answered_requests_are_kept(shop: Shop) -> None:
    customer, sku = await shop.a_customer(), await shop.a_product()
    order = await shop.a_quote(customer, sku, "1500")
    await shop.place(order)
    rework = {"decision": "rework", "comment": "Возьмите предоплату", "revision": 1}
    assert (await shop.post(f"/orders/{order}/approval", rework, by="head")).status_code == 200

    found = await shop.get(f"/orders/{order}/approval")

    assert (found["request"], found["may_answer"], found["answers"]) == (None, False, [])
    (answered,) = found["history"]
    assert (answered["state"], answered["comment"]) == ("rework", "Возьмите предоплату")
    assert answered["decided_by"]["login"] == "head"


async def test_d4_6_an_answer_to_another_revision_is_refused(shop: Shop) -> None:
    customer, sku = await shop.a_customer(), await shop.a_product()
    order = await shop.a_quote(customer, sku, "1500")
    await shop.place(order)
    body = {"decision": "approve", "revision": 2}
    assert refused(await shop.post(f"/orders/{order}/approval", body, by="head")) == (409, "approval_other_revision")
    assert (await shop.post(f"/orders/{order}/approval", body | {"revision": 1}, by="head")).status_code == 200


async def test_d4_4_a_deputy_answers_for_the_one_who_is_away(shop: Shop) -> None:
    """A manager who stands in for the head answers; one who was not asked does not; neither touches the order."""
    assert (await away(shop, "head", "manager2")).status_code == 201
    customer, sku = await shop.a_customer(manager="manager"), await shop.a_product()
    order = await shop.a_quote(customer, sku, "1500")
    assert refused(await shop.post(f"/orders/{order}/approval", {"decision": "approve"}, by="manager2")) == (
        403, "forbidden",
    )  # fmt: skip
    await shop.place(order)

    found = await shop.get(f"/orders/{order}/approval", by="manager2")
    (addressee,) = found["request"]["addressees"]
    assert (addressee["login"], addressee["instead_of"]["login"]) == ("manager2", "head")
    assert addressee["text"] == "Борис Ли, замещает: Олег Сергеев"
    assert found["may_answer"] is True
    assert refused(await shop.post(f"/orders/{order}/approval", {"decision": "approve"}, by="manager")) == (
        403, "forbidden",
    )  # fmt: skip
    cancelled = await shop.post(f"/orders/{order}/cancel", {"reason": "чужой"}, by="manager2")
    assert refused(cancelled) == (404, "order_not_found")

    answer = await shop.post(f"/orders/{order}/approval", {"decision": "approve"}, by="manager2")

    assert answer.status_code == 200, answer.text
    (answered,) = (await shop.get(f"/orders/{order}/approval"))["history"]
    assert (answered["decided_by"]["login"], answered["decided_for"]["login"]) == ("manager2", "head")
    late = await shop.post(f"/orders/{order}/approval", {"decision": "approve"}, by="manager2")
    assert refused(late) == (409, "already_decided")


async def test_d2_8_the_lawyer_lets_a_prepaid_order_pass(shop: Shop, engine: Engine) -> None:
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="10")
    prepaid = {"payment_terms": {"deferral_days": 0, "prepayment_percent": 100}}
    almost = {"payment_terms": {"deferral_days": 0, "prepayment_percent": 99}}
    order, on_credit, free = [await shop.a_quote(customer, sku, "5", **terms) for terms in (prepaid, almost, prepaid)]
    clear = {"comment": "Предоплата, можно"}
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO legal_case (id, number, customer_id, legal_entity_id, credit_account_id, state, opened_on,
                                        package)
                SELECT gen_random_uuid(), 'Д-1', customer.id, (SELECT id FROM legal_entity), credit_account_id, 'open',
                       current_date, '{}' FROM customer
            """)
        )
    for each in (order, on_credit):
        assert (await shop.place(each)).json()["decision"]["outcome"] == "stop"

    cleared = await shop.post(f"/orders/{order}/legal-clearance", clear, by="lawyer")

    assert cleared.status_code == 200, cleared.text
    assert await shop.house.reaches(order, "awaiting_payment") == "awaiting_payment"
    assert "legal_cleared" in [event["event"] for event in cleared.json()["journal"]]
    for other in (on_credit, free, order):
        answer = await shop.post(f"/orders/{other}/legal-clearance", clear, by="lawyer")
        assert refused(answer) == (409, "not_stopped_by_case")


async def test_d6_4_a_copy_has_the_lines_and_nothing_else(shop: Shop) -> None:
    """Today's prices, the customer's present terms; from a running order and from one that has ended (D6-5)."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="10")
    terms = {"deferral_days": 3, "prepayment_percent": 50}
    order = await shop.a_quote(customer, sku, "5", payment_terms=terms, ship_complete=True, comment="Срочно")
    changed = await shop.http.patch(
        f"/api/v1/products/{sku}", json={"price": "1100.00"}, headers=bearer("head", if_match='"1"')
    )
    assert changed.status_code == 200, changed.text
    key = str(uuid4())

    copied = await shop.post(f"/orders/{order}/copy", by="manager", idempotency_key=key)
    again = await shop.post(f"/orders/{order}/copy", by="manager", idempotency_key=key)

    assert copied.status_code == again.status_code == 201
    copy = copied.json()
    assert again.json()["id"] == copy["id"] != order
    assert (copy["status"], copy["copied_from"], copy["total"]["amount"]) == ("quoted", order, "5500.00")
    assert copy["payment_terms"] == {"deferral_days": 14, "prepayment_percent": 0}
    assert (copy["ship_complete"], copy["comment"]) == (False, None)
    assert [(line["sku"], line["quantity"], line["price"]) for line in copy["lines"]] == [(sku, "5", "1100.00")]
    state = await shop.house.handle(copy["id"]).query("state")
    assert state["status"] == "quoted"

    await shop.post(f"/orders/{order}/cancel", {"reason": "передумали"}, by="manager")
    refusal = await shop.place(order, idempotency_key="after-the-end")
    assert "скопируйте его в новый заказ" in refusal.json()["detail"]
    later = await shop.post(f"/orders/{order}/copy", by="manager")
    assert (later.status_code, later.json()["id"] != copy["id"]) == (201, True)


async def test_a_posted_note_is_told_to_the_order_and_to_the_invoice(shop: Shop, engine: Engine) -> None:
    """D10-7, D6-12: shipped, then credited whole: the order closes; an order that credit stopped goes on (D2-12)."""
    customer, sku = await shop.a_customer(credit_limit="6000.00"), await shop.a_product(on_hand="50")
    order = await shop.a_quote(customer, sku, "5")
    await shop.place(order)
    await shop.house.reaches(order, "ready")
    await shop.post(f"/orders/{order}/start-picking", by="warehouse")
    assert (await shop.post(f"/orders/{order}/ship", by="warehouse")).status_code == 200
    (invoice,) = (await shop.get(f"/orders/{order}"))["invoices"]
    stopped = await shop.a_quote(customer, sku, "20")
    assert (await shop.place(stopped)).json()["decision"]["outcome"] == "stop"
    smaller = await shop.a_quote(customer, sku, "6")
    assert (await shop.place(smaller)).json()["decision"]["outcome"] == "approval"
    body = {"number": "КН-1", "amount": "5000.00", "date": f"{today()}", "reason": "возврат"}

    posted = await shop.post(
        f"/invoices/{invoice['id']}/credit-notes", body, by="accountant", idempotency_key="note-0001"
    )

    assert (posted.status_code, posted.json()["freed"]["amount"]) == (201, "0.00")
    await shop.house.reaches(order, "closed")
    await shop.house.reaches(smaller, "ready")
    assert shop.house.status(stopped) == "stopped"
    assert (await shop.post(f"/invoices/{invoice['id']}/credit-notes", body, by="accountant")).status_code == 200
    other = body | {"amount": "4000.00"}
    answer = await shop.post(f"/invoices/{invoice['id']}/credit-notes", other, by="accountant")
    assert refused(answer) == (409, "credit_note_exists")
    seen = await shop.get(f"/invoices/{invoice['id']}")
    assert [note["number"] for note in seen["credit_notes"]] == ["КН-1"]
    assert "Кредит-нота КН-1" in " ".join(event["text"] for event in seen["history"])


async def test_v14_end_to_end(shop: Shop, engine: Engine) -> None:
    """D11-1: disputed by the manager, the stopped order goes on; the dispute is shown and closed."""
    customer, sku = await shop.a_customer(), await shop.a_product(on_hand="10")
    line = invoice_of(engine, customer, "50000.00", days=20)
    order = await shop.a_quote(customer, sku, "5")
    assert (await shop.place(order)).json()["decision"]["outcome"] == "stop"
    until = f"{today() + timedelta(days=7)}"

    opened = await shop.post(f"/invoices/{line}/dispute", {"reason": "недовоз", "until": until}, by="manager")

    assert opened.status_code == 201, opened.text
    assert opened.json()["dispute"] == {
        "amount": {"amount": "50000.00", "currency": "KZT"}, "reason": "недовоз", "comment": None, "until": until,
    }  # fmt: skip
    assert opened.json()["waiting"]["reason"] == "dispute"
    await shop.house.reaches(order, "ready")
    again = await shop.post(f"/invoices/{line}/dispute", {"reason": "недовоз", "until": until}, by="lawyer")
    assert refused(again) == (409, "dispute_open")
    late = {"reason": "x", "until": f"{today() + timedelta(days=16)}"}
    other = invoice_of(engine, customer, "50000.00", days=20)
    assert refused(await shop.post(f"/invoices/{other}/dispute", late, by="head")) == (422, "dispute_too_long")
    end = {"result": "ours", "comment": "накладная подписана"}
    closed = await shop.post(f"/invoices/{line}/dispute/close", end, by="lawyer")
    assert (closed.status_code, closed.json()["dispute"]) == (200, None)
    assert refused(await shop.post(f"/invoices/{line}/dispute/close", end, by="head")) == (404, "dispute_not_found")


# -- who may: every role at every door ----------------------------------------------------------------------------

NOTE = {"number": "КН-9", "amount": "1.00", "date": "2026-04-20", "reason": "брак"}
DISPUTE: dict[str, Any] = {"reason": "недовоз", "until": "2020-01-01"}
END = {"result": "ours", "comment": "нет"}
AWAY = {"user": "warehouse", "deputy": "lawyer", "from": "2020-01-01", "to": "2020-01-02"}


@pytest.mark.parametrize(
    ("method", "path", "body", "allowed"),
    [
        ("POST", "invoices/{line}/credit-notes", NOTE, {"accountant"}),
        ("POST", "invoices/{line}/dispute", DISPUTE, {"manager", "head", "accountant", "lawyer"}),
        ("POST", "invoices/{line}/dispute/close", END, {"manager", "head", "accountant", "lawyer"}),
        ("POST", "absences", AWAY, {"warehouse", "head", "director", "admin"}),
        ("GET", "absences", None, set(LOGINS.values())),
        ("PATCH", "users/warehouse", {"deputy": "lawyer"}, {"admin"}),
        ("GET", "orders/{order}/approval", None, {"manager", "head", "director"}),
        ("POST", "orders/{order}/legal-clearance", {"comment": "можно"}, {"lawyer"}),
        ("POST", "orders/{order}/copy", None, {"manager", "head"}),
        ("POST", "orders/{order}/approval", {"decision": "approve"}, {"head", "director"}),
    ],
)
async def test_d14_who_may(
    api: TestClient, engine: Engine, method: str, path: str, body: Any, allowed: set[str]
) -> None:
    """The wrong role gets a 403 with a code; another manager does not even learn that it exists."""
    made = api.post("/api/v1/customers", json=a_customer(manager="manager"), headers=bearer("head")).json()
    api.post("/api/v1/products", json=a_product(sku="CEM"), headers=bearer("head"))
    quote = {"customer_id": made["id"], "lines": [{"sku": "CEM", "quantity": "1"}]}
    order = api.post("/api/v1/orders", json=quote, headers=bearer("manager")).json()["id"]
    line = invoice_of(engine, made["id"], "100.00", days=-5)
    url = f"/api/v1/{path}".format(line=line, order=order)
    for login, role in LOGINS.items():
        answer = api.request(method, url, json=body, headers=bearer(login))
        if role not in allowed:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), login
        elif login == "manager2" and "{" in path:
            assert answer.status_code == 404, login
        else:
            assert answer.status_code in {200, 201, 404, 409, 422, 503}, f"{login}: {answer.text}"
            assert login == "manager2" or answer.json().get("code") not in {"order_not_found", "invoice_not_found"}


async def test_d4_4_absences_over_http(api: TestClient) -> None:
    def post(by: str, **body: str) -> Any:
        window = {"from": f"{today() + timedelta(days=1)}", "to": f"{today() + timedelta(days=5)}"}
        return api.post("/api/v1/absences", json=window | body, headers=bearer(by))

    made = post("head", user="head", deputy="director")
    assert made.status_code == 201, made.text
    assert (made.json()["user"]["login"], made.json()["deputy"]["login"]) == ("head", "director")
    assert post("director", user="director", deputy="head").json()["code"] == "deputy_cycle"
    assert post("director", user="director", deputy="director").json()["code"] == "deputy_cycle"
    assert post("admin", user="nobody", deputy="head").json()["code"] == "user_not_found"
    assert post("admin", user="manager", deputy="head", to=f"{today()}").status_code == 422
    assert post("manager", user="manager", deputy="head").status_code == 201
    assert post("manager2", user="manager2", deputy="manager").status_code == 201
    assert post("lawyer", user="lawyer", deputy="manager2").json()["code"] == "deputy_chain_too_long"

    def who(day: int) -> list[str]:
        on = today() + timedelta(days=day)
        items = api.get(f"/api/v1/absences?on={on}", headers=bearer("warehouse")).json()["items"]
        return sorted(item["user"]["login"] for item in items)

    assert (who(0), who(1), who(5), who(6)) == ([], *[["head", "manager", "manager2"]] * 2, [])
    page = api.get("/api/v1/absences?limit=2", headers=bearer("head")).json()
    rest = api.get(f"/api/v1/absences?limit=2&after={page['next']}", headers=bearer("head")).json()
    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    url = f"/api/v1/absences/{made.json()['id']}/cancel"
    assert api.post(url, headers=bearer("manager")).status_code == 403
    assert api.post(url, headers=bearer("head")).json()["cancelled_at"]
    assert api.post(url, headers=bearer("director")).status_code == 200
    assert who(1) == ["manager", "manager2"]
    assert post("lawyer", user="lawyer", deputy="manager2").status_code == 201
    assert api.post(f"/api/v1/absences/{uuid4()}/cancel", headers=bearer("head")).json()["code"] == "absence_not_found"


async def test_the_standing_deputy_and_the_branch(api: TestClient) -> None:
    def patch(user: str, **body: Any) -> Any:
        return api.patch(f"/api/v1/users/{user}", json=body, headers=bearer("admin"))

    changed = patch("head", deputy="director", region="Алматы").json()
    assert (changed["deputy"], changed["region"]) == ("director", "Алматы")
    assert patch("head", deputy=None).json() | {"region": "Алматы", "deputy": None} == changed | {"deputy": None}
    assert patch("manager", region="Алматы").json()["code"] == "invalid_input"
    assert patch("head", deputy="head").json()["code"] == "deputy_cycle"
    assert patch("nobody", deputy="head").json()["code"] == "user_not_found"
    assert patch("head").status_code == 422
