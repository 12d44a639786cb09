"""Invoices, tasks, notices and legal cases as people read them."""

from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.testclient import TestClient
from support.api import Company, a_customer, bearer
from support.invoices import an_invoice, pay, rows

from activities.dunning import DunningActivities
from activities.persistence.money_tables import LegalCaseRow
from activities.persistence.party_tables import CustomerRow
from domain.business_calendar import BusinessCalendar
from domain.dunning import DunningLook

ALMATY = BusinessCalendar(frozenset(), frozenset(), "Asia/Almaty")
DUE = date(2035, 4, 18)
"""Ahead of any clock this test meets, as on a stack whose clock was moved."""


@pytest.fixture
def line(api: TestClient, engine: Engine) -> str:
    """An instalment of the first manager's customer that went up to the call."""
    body = a_customer(name="ООО «Ромашка»", manager="manager")
    created = api.post("/api/v1/customers", json=body | {"credit_limit": "0"}, headers=bearer("head"))
    assert created.status_code == 201, created.text
    with Session(engine) as session:
        customer = session.get_one(CustomerRow, UUID(created.json()["id"]))
    line = an_invoice(engine, customer, due=DUE, issued=date(2035, 4, 2))
    look(engine, line, 7)
    return line


def look(engine: Engine, line: str, n: int) -> None:
    at: datetime = ALMATY.at(DUE + timedelta(days=n), 10)
    DunningActivities(engine).look_at_invoice(DunningLook(line, at))


def call_task(api: TestClient) -> dict:
    (task,) = api.get("/api/v1/tasks", headers=bearer("manager")).json()["items"]
    return task


def test_an_invoice_says_what_is_owed_and_what_was_done(api: TestClient, line: str) -> None:
    answer = api.get(f"/api/v1/invoices/{line}", headers=bearer("manager"))

    assert answer.status_code == 200
    invoice = answer.json()
    assert invoice["residual"] == invoice["amount"] == {"amount": "275000.00", "currency": "KZT"}
    assert (invoice["due_date"], invoice["days_overdue"]) == ("2035-04-18", 7)
    assert (invoice["status"], invoice["stage"], invoice["stage_name"]) == ("overdue", "call", "Звонок клиенту")
    assert invoice["workflow_id"] == f"invoice/{line}"
    assert invoice["waiting"]["reason"] == "overdue"
    assert datetime.fromisoformat(invoice["waiting"]["until"]) == ALMATY.at(date(2035, 5, 2), 10)
    assert [event["event"] for event in invoice["history"]][-1] == "dunning_done"
    assert invoice["history"][-1]["text"] == "Звонок клиенту: просрочка 7 дней, остаток 275\u00a0000,00\u00a0₸."
    assert api.get(f"/api/v1/invoices/{invoice['invoice_id']}", headers=bearer("manager")).json()["id"] == line


def test_an_invoice_in_english(api: TestClient, line: str) -> None:
    answer = api.get(f"/api/v1/invoices/{line}", headers=bearer("manager", accept_language="en"))
    assert answer.json()["stage_name"] == "Call to the customer"
    assert answer.json()["history"][-1]["text"].startswith("Call to the customer: overdue by 7 days")
    (task,) = api.get("/api/v1/tasks", headers=bearer("manager", accept_language="en")).json()["items"]
    assert task["kind_name"] == "Call the debtor"
    assert task["subject"].startswith("Call ООО «Ромашка»: invoice СФ-")
    assert task["subject"].endswith("is overdue by 7 days, 275,000.00\u00a0KZT")


def test_a_paid_invoice_is_settled(api: TestClient, engine: Engine, line: str) -> None:
    pay(engine, line)
    look(engine, line, 8)
    invoice = api.get(f"/api/v1/invoices/{line}", headers=bearer("accountant")).json()
    assert (invoice["status"], invoice["days_overdue"], invoice["waiting"]) == ("settled", 0, None)
    assert invoice["stage_name"] == "Оплачен"
    assert invoice["history"][-1]["text"] == "Счёт оплачен полностью."
    listed = api.get("/api/v1/invoices?unpaid=true", headers=bearer("accountant")).json()["items"]
    assert listed == []


def test_a_list_of_invoices_goes_page_by_page(api: TestClient, engine: Engine, line: str) -> None:
    (customer,) = rows(engine, CustomerRow)
    others = {an_invoice(engine, customer, due=DUE + timedelta(days=n)) for n in (1, 1, 2)}
    seen, after = [], ""
    while after is not None:
        page = api.get(f"/api/v1/invoices?limit=2&after={after}", headers=bearer("manager")).json()
        seen += [one["id"] for one in page["items"]]
        after = page["next"]
    assert seen[0] == line
    assert set(seen) == {line, *others}
    assert len(seen) == 4


def test_another_manager_sees_nothing_of_it(api: TestClient, engine: Engine, line: str) -> None:
    task = call_task(api)
    assert api.get(f"/api/v1/invoices/{line}", headers=bearer("manager2")).json()["code"] == "invoice_not_found"
    assert api.get("/api/v1/invoices", headers=bearer("manager2")).json()["items"] == []
    assert api.get("/api/v1/tasks", headers=bearer("manager2")).json()["items"] == []
    assert api.get(f"/api/v1/tasks/{task['id']}", headers=bearer("manager2")).status_code == 404
    assert api.get("/api/v1/notices", headers=bearer("manager2")).json()["items"] == []


@pytest.mark.parametrize("path", ["invoices", "tasks", "legal-cases"])
def test_unknown_ids_are_not_found(api: TestClient, company: Company, path: str) -> None:
    answer = api.get(f"/api/v1/{path}/{uuid4()}", headers=bearer("head"))
    assert answer.status_code == 404
    assert answer.json()["code"] in {"invoice_not_found", "task_not_found", "legal_case_not_found"}
    assert api.get(f"/api/v1/{path}/не-номер", headers=bearer("head")).status_code == 422
    assert api.get(f"/api/v1/{path}?after=мусор", headers=bearer("head")).status_code == 422


def test_a_call_task_says_what_to_do_and_needs_its_result(api: TestClient, line: str) -> None:
    task = call_task(api)
    assert task["kind"] == "call_overdue"
    assert task["assignee"]["login"] == "manager"
    assert task["links"]["invoice"] == f"/api/v1/invoices/{line}"
    assert "275\u00a0000,00\u00a0₸" in task["subject"]
    complete = f"/api/v1/tasks/{task['id']}/complete"

    refused = api.post(complete, json={"comment": "позвонил"}, headers=bearer("manager"))
    assert (refused.status_code, refused.json()["code"]) == (422, "call_result_required")
    stranger = api.post(complete, json={"result": "promise"}, headers=bearer("manager2"))
    assert (stranger.status_code, stranger.json()["code"]) == (404, "task_not_found")
    done = api.post(complete, json={"result": "promise", "comment": "в пятницу"}, headers=bearer("manager"))
    assert done.status_code == 200
    assert (done.json()["state"], done.json()["result"], done.json()["comment"]) == ("done", "promise", "в пятницу")
    again = api.post(complete, json={"result": "other"}, headers=bearer("manager"))
    assert (again.status_code, again.json()["code"]) == (409, "task_closed")
    assert api.get("/api/v1/tasks", headers=bearer("manager")).json()["items"] == []
    assert len(api.get("/api/v1/tasks?state=done", headers=bearer("manager")).json()["items"]) == 1


def test_a_completion_is_answered_once_per_key(api: TestClient, line: str) -> None:
    complete = f"/api/v1/tasks/{call_task(api)['id']}/complete"
    headers = bearer("manager", idempotency_key="call-1234")
    first = api.post(complete, json={"result": "no_answer"}, headers=headers)
    second = api.post(complete, json={"result": "no_answer"}, headers=headers)
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"


def test_notices_are_those_of_the_caller(api: TestClient, line: str) -> None:
    (notice,) = api.get("/api/v1/notices", headers=bearer("manager")).json()["items"]
    assert notice["text"].startswith("У ООО «Ромашка» просрочка 275\u00a0000,00\u00a0₸, 7 дней")
    assert api.get("/api/v1/notices", headers=bearer("head")).json()["items"] == []


def test_a_legal_case_from_opening_to_closing(api: TestClient, engine: Engine, line: str) -> None:
    look(engine, line, 14)
    look(engine, line, 30)
    (case,) = api.get("/api/v1/legal-cases", headers=bearer("lawyer")).json()["items"]
    assert (case["state"], case["residual"]["amount"]) == ("open", "275000.00")
    full = api.get(f"/api/v1/legal-cases/{case['id']}", headers=bearer("head")).json()
    assert [invoice["id"] for invoice in full["invoices"]] == [line]
    assert {one["code"] for one in full["package"]["documents"]} == {
        "contract", "invoices", "waybills", "reconciliation", "letters", "calls", "approvals", "debt",
    }  # fmt: skip
    assert len(api.get("/api/v1/legal-cases", headers=bearer("manager")).json()["items"]) == 1
    assert api.get("/api/v1/legal-cases", headers=bearer("manager2")).json()["items"] == []
    assert api.get(f"/api/v1/legal-cases/{case['id']}", headers=bearer("manager2")).status_code == 404
    assert api.get("/api/v1/legal-cases", headers=bearer("warehouse")).status_code == 403

    pay(engine, line)
    look(engine, line, 31)
    (task,) = api.get("/api/v1/tasks", headers=bearer("lawyer")).json()["items"]
    assert task["kind"] == "legal_case"
    api.post(f"/api/v1/tasks/{task['id']}/complete", json={}, headers=bearer("lawyer"))
    assert rows(engine, LegalCaseRow)[0].state == "closed"


def test_d5_8_the_director_gives_the_limit_back_after_the_case(api: TestClient, engine: Engine, line: str) -> None:
    for days in (14, 30):
        look(engine, line, days)
    customer = api.get("/api/v1/legal-cases", headers=bearer("lawyer")).json()["items"][0]["customer_id"]
    restore = f"/api/v1/customers/{customer}/limit/restore"
    early = api.post(restore, json={"comment": "Верю"}, headers=bearer("director"))
    assert (early.status_code, early.json()["code"]) == (409, "limit_not_suspended")
    pay(engine, line)
    look(engine, line, 31)
    (task,) = api.get("/api/v1/tasks", headers=bearer("lawyer")).json()["items"]
    api.post(f"/api/v1/tasks/{task['id']}/complete", json={}, headers=bearer("lawyer"))

    card = api.get(f"/api/v1/customers/{customer}", headers=bearer("director")).json()
    assert (card["credit_limit"]["amount"], card["limit_source"]) == ("0.00", "suspended")
    assert card["verdict_code"] == "suspended"
    (task,) = api.get("/api/v1/tasks", headers=bearer("director")).json()["items"]
    ticked = api.post(f"/api/v1/tasks/{task['id']}/complete", json={}, headers=bearer("director"))
    assert (ticked.json()["code"], ticked.json()["link"]) == ("task_done_by_action", restore)
    restored = api.post(restore, json={"comment": "Верю"}, headers=bearer("director"))
    assert restored.status_code == 200, restored.text
    assert restored.json()["limit_source"] == "base"
    assert api.get("/api/v1/tasks", headers=bearer("director")).json()["items"] == []
