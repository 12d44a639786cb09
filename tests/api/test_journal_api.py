"""The journal over HTTP: who approved what, on which figures, under which policy version."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import bearer, key_of
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import decide

from activities.approvals import ApprovalActivities
from activities.persistence.party_tables import UserRow
from api.auth import key_hash
from domain.credit_steps import ApprovalCommand, ApprovalRequest, Verdict


@pytest.fixture
def company(engine: Engine) -> Company:
    """A company whose people have keys."""
    company = a_company(engine)
    with Session(engine) as session, session.begin():
        for user in session.exec(select(UserRow)):
            user.key_hash = key_hash(key_of(user.login))
    return company


def journal(api: TestClient, query: str = "", *, by: str = "director", **headers: str) -> Any:
    answer = api.get(f"/api/v1/journal{query}", headers=bearer(by, **headers))
    assert answer.status_code == 200, answer.text
    return answer.json()


def answered(engine: Engine, company: Company, verdict: Verdict = Verdict.APPROVE) -> str:
    """An order of 1 200 000 over a limit of 1 000 000, and its head's answer."""
    customer, sku = a_customer(engine, company), a_product(engine, price="1200000")
    order = a_quote(engine, company.manager, customer, sku)
    decide(engine, company, order)
    command = ApprovalCommand(company.head, verdict, "Платит всегда")
    ApprovalActivities(engine).answer_approval(ApprovalRequest(order, command, MONDAY + timedelta(minutes=5)))
    return order


@pytest.mark.parametrize("verdict", [Verdict.APPROVE, Verdict.REJECT])
def test_who_decided_what_on_which_figures_under_which_version(
    api: TestClient, engine: Engine, company: Company, verdict: Verdict
) -> None:
    order = answered(engine, company, verdict)
    event = "approved" if verdict is Verdict.APPROVE else "rejected"
    (entry,) = journal(api, f"?subject=order:{order}&event={event}")["items"]

    assert entry["actor"]["text"] == "Олег Сергеев, руководитель отдела продаж"
    with Session(engine) as session:
        number = session.execute(text("SELECT number FROM sales_order")).scalar_one()
    assert (entry["subject_text"], entry["policy_version"]) == (f"Заказ {number}", 3)
    said = "согласована, долг до" if verdict is Verdict.APPROVE else "не согласована: долг был бы"
    assert entry["text"] == f"Ревизия 1 {said} 1\u00a0200\u00a0000,00\u00a0₸. Комментарий: «Платит всегда»."
    decision = entry["decision"]
    assert (decision["outcome"], decision["reasons"][0]["code"]) == ("approval", "OVER_LIMIT")
    assert decision["exposure"] == {"amount": "1200000.00", "currency": "KZT"}
    assert decision["limit"] == {"amount": "1000000.00", "currency": "KZT"}
    assert {"receivables", "advances", "commitments", "order_credit", "debt"} <= decision.keys()


def test_sentences_come_in_english_too(api: TestClient, engine: Engine, company: Company) -> None:
    answered(engine, company)
    entries = journal(api, "?event=credit_decided", accept_language="en")["items"]
    assert entries[-1]["text"] == (
        "Credit check of revision 1: an approval is needed. Debt with the order 1,200,000.00\u00a0KZT, "
        "limit 1,000,000.00\u00a0KZT."
    )


def test_filters_narrow(api: TestClient, engine: Engine, company: Company) -> None:
    order = answered(engine, company)
    answered(engine, company)
    everything = journal(api)["items"]
    assert [entry["id"] for entry in everything] == sorted((entry["id"] for entry in everything), reverse=True)
    assert {entry["subject_id"] for entry in journal(api, f"?subject=order:{order}")["items"]} == {order}
    assert {entry["actor"]["name"] for entry in journal(api, "?actor=head")["items"]} == {company.head.name}
    by_id = journal(api, f"?actor={company.head.id}")["items"]
    assert by_id == journal(api, "?actor=head")["items"]
    assert journal(api, "?actor=opora&event=approved")["items"] == []
    day = MONDAY.date()
    assert len(journal(api, f"?from={day}&to={day}")["items"]) == len(everything)
    assert journal(api, f"?from={day + timedelta(days=1)}")["items"] == []
    assert journal(api, f"?to={day - timedelta(days=1)}")["items"] == []
    assert journal(api, "?subject=customer")["items"] == []


def test_pages_hold_every_entry_once(api: TestClient, engine: Engine, company: Company) -> None:
    answered(engine, company)
    seen, after = [], ""
    while True:
        page = journal(api, f"?limit=2{after}")
        seen += [entry["id"] for entry in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [entry["id"] for entry in journal(api)["items"]]


@pytest.mark.parametrize(
    ("login", "status"),
    [("head", 200), ("director", 200), ("accountant", 200), ("lawyer", 200), ("admin", 200), ("manager", 403),
     ("warehouse", 403)],
)  # fmt: skip
def test_who_may_read_it(still_api: TestClient, login: str, status: int) -> None:
    assert still_api.get("/api/v1/journal", headers=bearer(login)).status_code == status


@pytest.mark.parametrize(
    ("query", "field"),
    [("actor=nobody", "actor"), ("after=x", "after"), ("from=2026-02-30", "from"), ("to=0001-01-01", "to"),
     ("to=9999-12-31", "to")],
)  # fmt: skip
def test_a_bad_filter_is_named(still_api: TestClient, query: str, field: str) -> None:
    answer = still_api.get(f"/api/v1/journal?{query}", headers=bearer("head"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
