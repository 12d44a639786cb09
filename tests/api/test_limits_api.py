"""Limits, trade stops, contracts over HTTP: what they do, and who may (D2-6, D2-8, D5, D14)."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx2 import Response
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import LOGINS, Company, a_customer, another_bin, bearer

from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.record_tables import JournalRow, TaskRow

API = "/api/v1"


def post(api: TestClient, path: str, body: dict[str, Any], by: str) -> Response:
    return api.post(f"{API}{path}", json=body, headers=bearer(by))


def get(api: TestClient, path: str, by: str = "head", **headers: str) -> Any:
    answer = api.get(f"{API}{path}", headers=bearer(by, **headers))
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def customer(api: TestClient) -> str:
    """A customer of `manager` with a limit of 1 000 000."""
    return str(post(api, "/customers", a_customer(manager="manager"), "head").json()["id"])


def today() -> date:
    return (datetime.now(UTC) + timedelta(hours=5)).date()


def asked(api: TestClient, customer: str, by: str = "manager", **body: Any) -> dict[str, Any]:
    answer = post(api, f"/customers/{customer}/limit-changes", {"reason": "Сезон"} | body, by)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def decided(api: TestClient, change: dict[str, Any], by: str = "head", decision: str = "approve") -> Response:
    return post(api, f"/limit-changes/{change['id']}/decision", {"decision": decision, "comment": "Так"}, by)


def temporary(amount: str = "2000000.00", days: int = 30) -> dict[str, Any]:
    return {"kind": "temporary", "amount": amount, "valid_to": (today() + timedelta(days=days)).isoformat()}


def test_a_base_limit_is_asked_for_and_given(api: TestClient, customer: str) -> None:
    """D5-4, D14: the manager asks, the head gives; the history says who, when, from what and to what."""
    change = asked(api, customer, kind="base", amount="3000000.00")
    assert (change["state"], change["previous"]["amount"]) == ("requested", "1000000.00")
    assert get(api, f"/customers/{customer}")["credit_limit"]["amount"] == "1000000.00"
    (task,) = get(api, "/tasks")["items"]
    assert task["kind"] == "limit_change"
    assert task["subject"] == "Решить об изменении лимита ТОО «Ромашка»: 3\u00a0000\u00a0000,00\u00a0₸"
    assert get(api, "/notices")["items"][0]["text"].startswith("ТОО «Ромашка»: Имя manager просит базовый лимит 3")
    refused = post(api, f"/tasks/{task['id']}/complete", {}, "head")
    assert (refused.status_code, refused.json()["code"]) == (409, "task_done_by_action")
    assert [one["id"] for one in get(api, "/limit-changes?state=requested")["items"]] == [change["id"]]

    given = decided(api, change)

    assert given.status_code == 200, given.text
    assert (given.json()["state"], given.json()["decided_by"]["name"]) == ("in_force", "Имя head")
    card = get(api, f"/customers/{customer}")
    assert (card["credit_limit"]["amount"], card["limit_source"], card["version"]) == ("3000000.00", "base", 2)
    assert get(api, "/tasks")["items"] == []
    assert get(api, "/limit-changes?state=requested")["items"] == []
    assert "базовый лимит 3" in get(api, "/notices", "manager")["items"][0]["text"]
    newest, first = get(api, f"/customers/{customer}/limit-changes", "manager")["items"]
    assert (newest["requested_by"]["name"], newest["amount"]["amount"]) == ("Имя manager", "3000000.00")
    assert (first["amount"]["amount"], first["previous"]["amount"]) == ("1000000.00", "0.00")
    assert first["reason"] == "Установлен при заведении клиента"
    again = decided(api, change, by="director")
    assert (again.status_code, again.json()["code"], again.json()["by"]) == (409, "grant_decided", "Имя head")


def test_a_base_limit_of_a_later_day_is_scheduled(api: TestClient, customer: str) -> None:
    """D5-4"""
    tomorrow = (today() + timedelta(days=1)).isoformat()
    change = asked(api, customer, kind="base", amount="3000000.00", valid_from=tomorrow)
    assert decided(api, change).json()["state"] == "scheduled"
    assert get(api, f"/customers/{customer}")["credit_limit"]["amount"] == "1000000.00"
    revoked = post(api, f"/limit-changes/{change['id']}/revoke", {"reason": "Передумали"}, "director")
    assert (revoked.status_code, revoked.json()["state"]) == (200, "revoked")
    assert (revoked.json()["revoked_by"], revoked.json()["revoke_reason"]) == ("Имя director", "Передумали")
    again = post(api, f"/limit-changes/{change['id']}/revoke", {"reason": "Ещё раз"}, "director")
    assert (again.status_code, again.json()["code"]) == (409, "grant_not_in_force")


def test_d5_1_a_temporary_limit_replaces_the_base_and_is_given_by_another(api: TestClient, customer: str) -> None:
    change = asked(api, customer, by="head", **temporary())
    own = decided(api, change, by="head")
    assert (own.status_code, own.json()["code"]) == (403, "own_limit")
    assert decided(api, change, by="director").status_code == 200
    card = get(api, f"/customers/{customer}")
    assert (card["credit_limit"]["amount"], card["base_limit"]["amount"]) == ("2000000.00", "1000000.00")
    assert (card["limit_source"], card["limit_until"]) == ("temporary", change["valid_to"])

    revoked = post(api, f"/limit-changes/{change['id']}/revoke", {"reason": "Хватит"}, "head")
    assert revoked.status_code == 200, revoked.text
    assert get(api, f"/customers/{customer}")["credit_limit"]["amount"] == "1000000.00"


def test_an_unlimited_account_is_shown_as_such(api: TestClient, customer: str) -> None:
    """D1-9"""
    until = (today() + timedelta(days=200)).isoformat()
    assert decided(api, asked(api, customer, kind="unlimited", valid_to=until)).status_code == 200
    card = get(api, f"/customers/{customer}")
    assert (card["unlimited"], card["verdict_code"], card["limit_until"]) == (True, "unlimited", until)
    assert get(api, f"/customers/{customer}", accept_language="en")["verdict"].startswith("The amount is not limited")


def test_a_window_that_is_over_is_ended(api: TestClient, engine: Engine, customer: str) -> None:
    change = asked(api, customer, **temporary())
    decided(api, change)
    with engine.begin() as connection:
        connection.execute(text("UPDATE credit_grant SET valid_from = valid_from - 60, valid_to = valid_to - 60"
                                " WHERE kind = 'temporary'"))  # fmt: skip
    assert get(api, f"/customers/{customer}/limit-changes")["items"][0]["state"] == "ended"
    assert [one["id"] for one in get(api, "/limit-changes?state=ended")["items"]] == [change["id"]]
    assert change["id"] not in [one["id"] for one in get(api, "/limit-changes?state=in_force")["items"]]
    revoked = post(api, f"/limit-changes/{change['id']}/revoke", {"reason": "Поздно"}, "head")
    assert (revoked.json()["code"], revoked.json()["state"]) == ("grant_not_in_force", "ended")


def test_d5_6_a_contract_changes_the_policy_of_one_customer(api: TestClient, customer: str) -> None:
    contract = {"number": "Д-2", "signed_on": today().isoformat(), "valid_until": "2099-12-31"}
    body = {"kind": "policy", "changes": {"stop_basis": "debt"}, "until_contract_end": True}
    endless = post(api, f"/customers/{customer}/limit-changes", body | {"reason": "Договор"}, "manager")
    assert (endless.status_code, endless.json()["field"]) == (422, "until_contract_end")
    assert post(api, f"/customers/{customer}/contracts", contract, "manager").status_code == 201

    change = asked(api, customer, **body)
    assert (change["valid_to"], change["amount"]) == ("2099-12-31", None)
    assert decided(api, change).status_code == 200
    assert get(api, f"/customers/{customer}")["verdict_code"] == "free_by_debt"
    other = post(api, "/customers", a_customer(tax_id=another_bin(5)), "head").json()["id"]
    assert get(api, f"/customers/{other}")["verdict_code"] == "free"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "base"}, "amount"),
        ({"kind": "base", "amount": "1", "valid_to": "2099-01-01"}, "valid_to"),
        ({"kind": "temporary", "amount": "1"}, "valid_to"),
        ({"kind": "temporary", "amount": "1", "valid_to": "2020-01-01"}, "valid_to"),
        ({"kind": "temporary", "amount": "1", "valid_to": "2098-01-01"}, "valid_to"),
        ({"kind": "unlimited", "amount": "1", "valid_to": "2099-01-01"}, "amount"),
        ({"kind": "unlimited"}, "valid_to"),
        ({"kind": "base", "amount": "1", "valid_from": "2020-01-01"}, "valid_from"),
        ({"kind": "base", "amount": "1", "changes": {"stop_ratio": "3"}}, "changes"),
        ({"kind": "policy", "valid_to": "2099-01-01"}, "changes"),
        ({"kind": "policy", "valid_to": "2099-01-01", "changes": {}}, "changes"),
        ({"kind": "policy", "valid_to": "2099-01-01", "changes": {"client_hour": 3}}, "changes.client_hour"),
        ({"kind": "temporary", "amount": "1", "valid_to": "2099-01-01", "until_contract_end": True},
         "until_contract_end"),
    ],
)  # fmt: skip
def test_each_field_belongs_to_its_kind(api: TestClient, customer: str, body: dict[str, Any], field: str) -> None:
    answer = post(api, f"/customers/{customer}/limit-changes", body | {"reason": "Так"}, "manager")
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


def test_a_rejection_needs_a_comment_and_changes_nothing(api: TestClient, customer: str) -> None:
    change = asked(api, customer, **temporary())
    silent = post(api, f"/limit-changes/{change['id']}/decision", {"decision": "reject"}, "head")
    assert (silent.status_code, silent.json()["errors"][0]["code"]) == (422, "empty")
    assert decided(api, change, decision="reject").json()["state"] == "rejected"
    assert get(api, f"/customers/{customer}")["credit_limit"]["amount"] == "1000000.00"
    unknown = post(api, f"/limit-changes/{UUID(int=0)}/decision", {"decision": "approve"}, "head")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "grant_not_found")


def test_d4_5_the_customers_own_manager_does_not_widen_credit(api: TestClient) -> None:
    """Not by a request, not by the card; lowering is always fine."""
    own = post(api, "/customers", a_customer(manager="head"), "director").json()["id"]
    change = asked(api, own, by="director", kind="base", amount="1000000.01")
    refused = decided(api, change, by="head")
    assert (refused.status_code, refused.json()["code"]) == (403, "own_limit")
    url = f"{API}/customers/{own}"
    raised = api.patch(url, json={"credit_limit": "1000000.01"}, headers=bearer("head", if_match='"1"'))
    assert (raised.status_code, raised.json()["code"]) == (403, "own_limit")
    passed_on = api.patch(
        url, json={"credit_limit": "1000000.01", "manager": "manager"}, headers=bearer("head", if_match='"1"')
    )
    assert (passed_on.status_code, passed_on.json()["code"]) == (403, "own_limit")
    lowered = api.patch(url, json={"credit_limit": "999999.99"}, headers=bearer("head", if_match='"1"'))
    assert lowered.status_code == 200, lowered.text
    assert decided(api, change, by="director").status_code == 200

    nobodys = post(api, "/customers", a_customer(tax_id=another_bin(3)), "director").json()["id"]
    mine = {"credit_limit": "1000000.01", "manager": "head"}
    taken = api.patch(f"{API}/customers/{nobodys}", json=mine, headers=bearer("head", if_match='"1"'))
    assert (taken.status_code, taken.json()["code"]) == (403, "own_limit")


def test_a_limit_on_the_card_leaves_its_history(api: TestClient, engine: Engine, customer: str) -> None:
    """D5-3: who, when, from what."""
    url = f"{API}/customers/{customer}"
    assert api.patch(url, json={"credit_limit": "5.00"}, headers=bearer("head", if_match='"1"')).status_code == 200
    newest = get(api, f"/customers/{customer}/limit-changes")["items"][0]
    assert (newest["previous"]["amount"], newest["amount"]["amount"]) == ("1000000.00", "5.00")
    assert (newest["state"], newest["decided_by"]["name"]) == ("in_force", "Имя head")
    assert get(api, f"/customers/{customer}/limit-changes", accept_language="en")["items"][0]["reason"] == (
        "Changed on the customer's card"
    )
    with Session(engine) as session:
        assert len(session.exec(select(CreditGrantRow)).all()) == 2


def test_a_first_limit_of_a_heads_own_customer_is_reviewed_by_the_director(api: TestClient, engine: Engine) -> None:
    post(api, "/customers", a_customer(manager="head"), "head")
    with Session(engine) as session:
        assert [(task.kind, task.role) for task in session.exec(select(TaskRow))] == [("limit_review", "director")]


def test_trade_is_stopped_and_lifted(api: TestClient, engine: Engine, customer: str) -> None:
    """D2-8, D14"""
    stopped = post(api, f"/customers/{customer}/trade-stop", {"reason": "Поддельная доверенность"}, "lawyer")
    assert stopped.status_code == 200, stopped.text
    card = stopped.json()
    assert card["verdict_code"] == "no_trade"
    assert (card["trade_stop"]["by"], card["trade_stop"]["reason"]) == ("Имя lawyer", "Поддельная доверенность")
    again = post(api, f"/customers/{customer}/trade-stop", {"reason": "Ещё раз"}, "head")
    assert (again.status_code, again.json()["code"]) == (409, "trade_stop_state")
    lifted = post(api, f"/customers/{customer}/trade-stop/lift", {"reason": "Разобрались"}, "director")
    assert (lifted.json()["trade_stop"], lifted.json()["verdict_code"]) == (None, "free")
    again = post(api, f"/customers/{customer}/trade-stop/lift", {"reason": "Ещё раз"}, "director")
    assert (again.status_code, again.json()["code"]) == (409, "trade_stop_state")
    with Session(engine) as session:
        events = [each.event for each in session.exec(select(JournalRow).order_by(JournalRow.id))]
    assert events[-2:] == ["trade_stopped", "trade_stop_lifted"]


def test_a_limit_that_no_case_took_is_not_restored(api: TestClient, customer: str) -> None:
    answer = post(api, f"/customers/{customer}/limit/restore", {"comment": "Верю"}, "director")
    assert (answer.status_code, answer.json()["code"]) == (409, "limit_not_suspended")


def test_contracts_are_added_and_listed(api: TestClient, customer: str) -> None:
    """D2-6"""
    body = {"number": "Д-2", "signed_on": today().isoformat(), "deferral_days": 14}
    added = post(api, f"/customers/{customer}/contracts", body, "manager")
    assert (added.status_code, added.json()["valid"]) == (201, True)
    longer = body | {"number": "Д-3", "deferral_days": 15}
    refused = post(api, f"/customers/{customer}/contracts", longer, "manager")
    assert (refused.status_code, refused.json()["code"]) == (403, "terms_need_head")
    assert refused.json()["detail"].startswith("Обычная отсрочка клиента — 14 дней")
    assert post(api, f"/customers/{customer}/contracts", longer, "head").status_code == 201
    twice = post(api, f"/customers/{customer}/contracts", body, "manager")
    assert (twice.status_code, twice.json()["code"]) == (409, "contract_exists")
    past = {"number": "Д-0", "signed_on": "2020-01-01", "valid_until": "2020-12-31"}
    assert post(api, f"/customers/{customer}/contracts", past, "accountant").json()["valid"] is False
    listed = get(api, f"/customers/{customer}/contracts", "manager")["items"]
    assert {one["number"]: one["valid"] for one in listed} == {"Д-1": True, "Д-2": True, "Д-3": True, "Д-0": False}
    assert [one["number"] for one in listed][-1] == "Д-0"


def test_without_a_valid_contract_the_card_says_so(api: TestClient) -> None:
    """D2-6"""
    past = {"number": "Д-0", "signed_on": "2020-01-01", "valid_until": "2020-12-31"}
    customer = post(api, "/customers", a_customer(contract=past), "head").json()["id"]
    card = get(api, f"/customers/{customer}")
    assert (card["verdict_code"], card["contract_valid"]) == ("no_contract", False)


WINDOW = {"kind": "unlimited", "valid_to": "2099-01-01", "reason": "Так"}
ASKERS = {"manager", "head", "director"}


@pytest.mark.parametrize(
    ("path", "body", "allowed", "then"),
    [
        ("/customers/{customer}/limit-changes", WINDOW, ASKERS, {201}),
        ("/limit-changes/{change}/decision", {"decision": "approve"}, {"head", "director"}, {200, 409}),
        ("/limit-changes/{change}/revoke", {"reason": "Так"}, {"head", "director"}, {409}),
        ("/customers/{customer}/trade-stop", {"reason": "Так"}, ASKERS | {"accountant", "lawyer"}, {200, 409}),
        ("/customers/{customer}/trade-stop/lift", {"reason": "Так"}, {"head", "director"}, {409}),
        ("/customers/{customer}/limit/restore", {"comment": "Так"}, {"director"}, {409}),
        (
            "/customers/{customer}/contracts",
            {"number": "Д-9", "signed_on": "2026-01-01"},
            ASKERS | {"accountant", "admin"},
            {201, 409},
        ),
    ],
)
def test_d14_who_may_do_what(
    api: TestClient, customer: str, path: str, body: dict[str, Any], allowed: set[str], then: set[int]
) -> None:
    """Everybody of the company, one by one; another manager does not even see the customer."""
    change = asked(api, customer, **temporary())
    url = path.format(customer=customer, change=change["id"])
    for login, role in LOGINS.items():
        answer = post(api, url, body, login)
        if role not in allowed:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), f"{login}: {answer.text}"
        elif login == "manager2":
            assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")
        else:
            assert answer.status_code in then, f"{login}: {answer.text}"


@pytest.mark.parametrize("login", LOGINS)
def test_d14_who_reads_the_changes(api: TestClient, company: Company, customer: str, login: str) -> None:
    everything = api.get(f"{API}/limit-changes", headers=bearer(login))
    assert everything.status_code == (200 if login in {"head", "director"} else 403)
    history = api.get(f"{API}/customers/{customer}/limit-changes", headers=bearer(login))
    assert history.status_code == (404 if login == "manager2" else 200)


def test_the_same_key_asks_once(api: TestClient, engine: Engine, customer: str) -> None:
    body = temporary() | {"reason": "Сезон"}
    url = f"{API}/customers/{customer}/limit-changes"
    first, second = (api.post(url, json=body, headers=bearer("manager", idempotency_key="ask-limit-1")) for _ in "ab")
    assert (first.json(), second.headers["Idempotent-Replayed"]) == (second.json(), "true")
    with Session(engine) as session:
        rows = session.exec(select(CreditGrantRow).where(CreditGrantRow.kind == "temporary")).all()
    assert len(rows) == 1
