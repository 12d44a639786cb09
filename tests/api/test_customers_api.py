"""Customers over HTTP: creation, the card, edits, and who may see and do what."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, func
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import KZ_BIN, RU_INN, Company, a_customer, another_bin, bearer

from activities.persistence.money_tables import InvoiceRow, PaymentRow, ScheduleLineRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.record_tables import JournalRow

URL = "/api/v1/customers"


def create(api: TestClient, by: str = "head", **changes: Any) -> dict[str, Any]:
    answer = api.post(URL, json=a_customer(**changes), headers=bearer(by))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def owe(engine: Engine, company: Company, customer: dict[str, Any], amount: str, due: date) -> None:
    """An open invoice of the customer."""
    with Session(engine) as session, session.begin():
        row = session.exec(select(CustomerRow).where(CustomerRow.tax_id == customer["tax_id"])).one()
        invoice = InvoiceRow(
            number=f"С-{amount}",
            kind="opening",
            customer_id=row.id,
            credit_account_id=row.credit_account_id,
            legal_entity_id=company.entity_id,
            issued_on=due,
            currency=row.currency,
            gross=Decimal(amount),
            vat=Decimal(0),
        )
        session.add(invoice)
        session.flush()
        session.add(
            ScheduleLineRow(
                invoice_id=invoice.id,
                line_no=1,
                amount=Decimal(amount),
                residual=Decimal(amount),
                due_date=due,
                policy_version=1,
            )
        )


def advance(engine: Engine, customer: dict[str, Any], amount: str) -> None:
    """Money of the customer that no order or invoice took."""
    with Session(engine) as session, session.begin():
        row = session.exec(select(CustomerRow).where(CustomerRow.tax_id == customer["tax_id"])).one()
        session.add(
            PaymentRow(
                identity=f"p-{amount}",
                source="api",
                posted_on=date(2026, 1, 1),
                amount=Decimal(amount),
                currency=row.currency,
                purpose="",
                customer_id=row.id,
                credit_account_id=row.credit_account_id,
                state="matched",
                unallocated=Decimal(amount),
                recorded_at=datetime.now(UTC),
            )
        )


def card(api: TestClient, customer: dict[str, Any], by: str = "head", language: str = "ru") -> dict[str, Any]:
    answer = api.get(f"{URL}/{customer['id']}", headers=bearer(by, accept_language=language))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def today() -> date:
    return (datetime.now(UTC) + timedelta(hours=5)).date()


def test_a_customer_is_answered_with_its_id_and_the_fields_sent(api: TestClient) -> None:
    body = a_customer(
        manager="manager2",
        region="Алматы",
        team="Опт",
        contract={"number": "Д-1", "signed_on": "2026-01-10", "valid_until": "2026-12-31"},
    )
    answer = api.post(URL, json=body, headers=bearer("head"))

    assert answer.status_code == 201
    created = answer.json()
    assert {name: created[name] for name in body if name != "contract"} == {
        name: value for name, value in body.items() if name != "contract"
    }
    assert created["contract"] == body["contract"] | {"deferral_days": None}
    assert answer.headers["Location"] == f"{URL}/{created['id']}"
    assert answer.headers["ETag"] == '"1"'


def test_a_new_customer_without_a_limit_is_prepayment_only(api: TestClient) -> None:
    """D5-5"""
    body = {"name": "ООО Новый", "country": "RU", "tax_id": RU_INN, "currency": "RUB"}
    created = api.post(URL, json=body, headers=bearer("manager")).json()

    assert created["credit_limit"] == "0.00"
    assert created["payment_terms"] == {"deferral_days": 0, "prepayment_percent": 100}
    assert created["manager"] == "manager"
    shown = card(api, created)
    assert shown["verdict_code"] == "no_credit"
    assert shown["verdict"] == "Кредита нет: заказ пройдёт только по полной предоплате."


def test_the_card_shows_the_account_as_it_stands(api: TestClient, engine: Engine, company: Company) -> None:
    """D1-3, D1-4, D1-7…D1-9: debt and exposure are invoices minus advances, due or not."""
    customer = create(api)
    due = today() + timedelta(days=5)
    owe(engine, company, customer, "300000.00", due)
    owe(engine, company, customer, "100000.00", due + timedelta(days=9))
    advance(engine, customer, "50000.00")

    shown = card(api, customer)

    assert shown["debt"] == shown["exposure"] == {"amount": "350000.00", "currency": "KZT"}
    assert shown["credit_limit"] == {"amount": "1000000.00", "currency": "KZT"}
    assert shown["available"] == {"amount": "650000.00", "currency": "KZT"}
    assert shown["overdue"] == {"amount": {"amount": "0.00", "currency": "KZT"}, "days": 0}
    assert shown["last_shipment"] is None
    assert shown["nearest_payment"] == {
        "date": due.isoformat(),
        "amount": {"amount": "300000.00", "currency": "KZT"},
        "invoice_number": "С-300000.00",
    }
    assert shown["verdict"] == (
        "Заказ в долг до 650\u00a0000,00\u00a0₸ пройдёт сразу, до 1\u00a0650\u00a0000,00\u00a0₸ — по согласованию."
    )
    assert card(api, customer, language="en")["verdict"] == (
        "An order on credit up to 650,000.00\u00a0KZT goes through at once, up to 1,650,000.00\u00a0KZT with approval."
    )


@pytest.mark.parametrize(
    ("debt", "days", "verdict", "available"),
    [
        ("999999.99", -1, "free", "0.01"),
        ("1000000.00", -1, "over_limit", "0.00"),
        ("1999999.99", -1, "over_limit", "0.00"),
        ("2000000.00", -1, "over_double", "0.00"),
        ("10000.00", 3, "free", "990000.00"),
        ("10000.00", 4, "overdue_approval", "990000.00"),
        ("10000.00", 13, "overdue_approval", "990000.00"),
        ("10000.00", 14, "overdue_stop", "990000.00"),
        ("400.00", 20, "free", "999600.00"),
    ],
)
def test_the_verdict_follows_the_gates(
    api: TestClient, engine: Engine, company: Company, debt: str, days: int, verdict: str, available: str
) -> None:
    """D2-1…D2-5 and the floor of D1-11, at both sides of each boundary."""
    customer = create(api)
    owe(engine, company, customer, debt, today() - timedelta(days=days))

    shown = card(api, customer)

    assert shown["verdict_code"] == verdict
    assert shown["available"]["amount"] == available
    assert shown["overdue"]["days"] == (days if days > 0 and debt != "400.00" else 0)


def test_requisites_are_checked_and_stored_tidy(api: TestClient) -> None:
    refused = api.post(URL, json=a_customer(tax_id="123456789012"), headers=bearer("head"))
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_tax_id")
    assert refused.json()["detail"].startswith("ИНН, БИН или ИИН неверен")

    kpp = api.post(URL, json=a_customer(country="RU", tax_id=RU_INN, kpp="12", currency="RUB"), headers=bearer("head"))
    assert (kpp.status_code, kpp.json()["code"]) == (422, "invalid_kpp")

    assert create(api, tax_id=f"{KZ_BIN[:6]} {KZ_BIN[6:]}")["tax_id"] == KZ_BIN


def test_the_same_requisites_twice_are_one_customer(api: TestClient, engine: Engine) -> None:
    create(api)
    again = api.post(URL, json=a_customer(name="Другое имя"), headers=bearer("head"))

    assert (again.status_code, again.json()["code"]) == (409, "customer_exists")
    with Session(engine) as session:
        assert session.exec(select(func.count()).select_from(CustomerRow)).one() == 1
        assert session.exec(select(func.count()).select_from(CreditAccountRow)).one() == 1


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"currency": "USD"}, "currency", "wrong_currency"),
        ({"country": "DE"}, "country", "literal_error"),
        ({"segment": "gold"}, "segment", "literal_error"),
        ({"credit_limit": "1" * 40}, "credit_limit", "too_large"),
        ({"credit_limit": "-1"}, "credit_limit", "negative"),
        ({"credit_limit": "0.001"}, "credit_limit", "too_many_decimals"),
        ({"credit_limit": True}, "credit_limit", "not_a_number"),
        ({"credit_limit": None}, "credit_limit", "not_a_number"),
        ({"name": ""}, "name", "empty"),
        ({"name": "x" * 1000}, "name", "string_too_long"),
        ({"payment_terms": {"deferral_days": 366}}, "payment_terms.deferral_days", "less_than_equal"),
        ({"payment_terms": {"prepayment_percent": 101}}, "payment_terms.prepayment_percent", "less_than_equal"),
        ({"payment_terms": {"prepayment_percent": True}}, "payment_terms.prepayment_percent", "int_type"),
        ({"payment_terms": []}, "payment_terms", "model_attributes_type"),
        ({"contacts": [{"role": "buyer", "name": "А", "email": "no"}]}, "contacts[0].email", "bad_email"),
        ({"contract": {"number": "1", "signed_on": "31.12.2026"}}, "contract.signed_on", "date_from_datetime_parsing"),
        (
            {"contract": {"number": "1", "signed_on": "2026-02-01", "valid_until": "2026-01-01"}},
            "contract",
            "bad_period",
        ),
        ({"id": "00000000-0000-0000-0000-000000000000"}, "id", "extra_forbidden"),
        ({"version": 9}, "version", "extra_forbidden"),
    ],
)
def test_bad_fields_are_named_one_by_one(
    still_api: TestClient, still_engine: Engine, changes: dict[str, Any], field: str, code: str
) -> None:
    answer = still_api.post(URL, json=a_customer(**changes), headers=bearer("head"))

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "invalid_input"
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, code)]
    assert problem["errors"][0]["text"]
    with Session(still_engine) as session:
        assert session.exec(select(CustomerRow)).all() == []


def test_a_limit_in_another_currency_is_refused(still_api: TestClient) -> None:
    body = a_customer(credit_limit={"amount": "5.00", "currency": "RUB"})
    answer = still_api.post(URL, json=body, headers=bearer("head"))
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_currency")
    assert answer.json()["detail"] == "Валюта RUB в поле credit_limit не подходит: нужна KZT."


def test_a_limit_that_a_manager_enters_with_the_card_is_reviewed_by_the_head(api: TestClient) -> None:
    """D14"""
    customer = create(api, by="manager", credit_limit="1000000.00")

    assert customer["credit_limit"] == "1000000.00"
    (task,) = api.get("/api/v1/tasks", headers=bearer("head")).json()["items"]
    assert (task["kind"], task["details"]["credit_limit"]) == ("limit_review", "1000000.00")


def test_a_manager_does_not_change_a_limit(api: TestClient) -> None:
    """D14"""
    customer = create(api, by="manager", credit_limit="0")
    change = api.patch(
        f"{URL}/{customer['id']}", json={"credit_limit": "5.00"}, headers=bearer("manager", if_match='"1"')
    )
    assert (change.status_code, change.json()["code"]) == (403, "limit_needs_head")


@pytest.mark.parametrize("role", ["warehouse", "lawyer"])
def test_who_does_not_sell_creates_no_customers(still_api: TestClient, role: str) -> None:
    answer = still_api.post(URL, json=a_customer(credit_limit="0"), headers=bearer(role))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_manager_sees_own_customers_and_those_nobody_has(api: TestClient) -> None:
    """D14: what is another manager's is not found, so that nothing is learned of it."""
    own = create(api, name="Альфа", manager="manager", tax_id=another_bin(1))
    foreign = create(api, name="Бета", manager="manager2", tax_id=another_bin(2))
    nobodys = create(api, name="Гамма", tax_id=another_bin(3))

    def names(by: str) -> list[str]:
        return [one["name"] for one in api.get(URL, headers=bearer(by)).json()["items"]]

    assert names("manager") == ["Альфа", "Гамма"]
    assert names("manager2") == ["Бета", "Гамма"]
    assert names("head") == ["Альфа", "Бета", "Гамма"]
    hidden = api.get(f"{URL}/{foreign['id']}", headers=bearer("manager"))
    assert (hidden.status_code, hidden.json()["code"]) == (404, "customer_not_found")
    change = api.patch(f"{URL}/{foreign['id']}", json={"region": "Х"}, headers=bearer("manager", if_match='"1"'))
    assert (change.status_code, change.json()["code"]) == (404, "customer_not_found")
    assert api.get(f"{URL}/{own['id']}", headers=bearer("manager")).status_code == 200
    assert api.get(f"{URL}/{nobodys['id']}", headers=bearer("manager")).status_code == 200


def test_an_unknown_manager_is_refused(still_api: TestClient) -> None:
    for login in ("nobody", "accountant", "00000000-0000-0000-0000-000000000000"):
        answer = still_api.post(URL, json=a_customer(manager=login), headers=bearer("head"))
        assert (answer.status_code, answer.json()["code"]) == (422, "manager_not_found")


def test_unknown_customers_are_not_found(still_api: TestClient) -> None:
    answer = still_api.get(f"{URL}/00000000-0000-0000-0000-000000000000", headers=bearer("head"))
    assert (answer.status_code, answer.json()["code"]) == (404, "customer_not_found")
    answer = still_api.get(f"{URL}/ромашка", headers=bearer("head"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["errors"][0]["field"] == "customer_id"


def test_an_edit_names_the_version_it_was_made_on(api: TestClient, engine: Engine) -> None:
    customer = create(api)
    url = f"{URL}/{customer['id']}"
    body = {"credit_limit": "2000000.00", "segment": "vip", "payment_terms": {"deferral_days": 30}}

    missing = api.patch(url, json=body, headers=bearer("head"))
    assert (missing.status_code, missing.json()["code"]) == (428, "version_required")
    odd = api.patch(url, json=body, headers=bearer("head", if_match="abc"))
    assert (odd.status_code, odd.json()["errors"][0]["code"]) == (422, "bad_version")

    changed = api.patch(
        url, json=body, headers=bearer("head", if_match=api.get(url, headers=bearer("head")).headers["ETag"])
    )
    assert changed.status_code == 200, changed.text
    assert changed.headers["ETag"] == '"2"'
    shown = changed.json()
    assert shown["credit_limit"]["amount"] == "2000000.00"
    assert (shown["segment"], shown["payment_terms"]) == ("vip", {"deferral_days": 30, "prepayment_percent": 0})

    stale = api.patch(url, json={"credit_limit": "1.00"}, headers=bearer("head", if_match='"1"'))
    assert (stale.status_code, stale.json()["code"], stale.json()["current"]) == (412, "stale_version", 2)
    assert card(api, customer)["credit_limit"]["amount"] == "2000000.00"
    with Session(engine) as session:
        event = session.exec(select(JournalRow).where(JournalRow.event == "customer_changed")).one()
    assert event.data["changes"]["credit_limit"] == {"from": "1000000.00", "to": "2000000.00"}
    assert event.actor_role == "head"


def test_an_edit_of_nothing_is_refused_and_an_equal_one_changes_nothing(api: TestClient) -> None:
    customer = create(api)
    url = f"{URL}/{customer['id']}"
    empty = api.patch(url, json={}, headers=bearer("head", if_match='"1"'))
    assert (empty.status_code, empty.json()["errors"][0]["code"]) == (422, "nothing_to_change")
    null = api.patch(url, json={"credit_limit": None}, headers=bearer("head", if_match='"1"'))
    assert (null.status_code, null.json()["errors"][0]["field"]) == (422, "credit_limit")
    same = api.patch(url, json={"segment": "standard"}, headers=bearer("head", if_match='"1"'))
    assert (same.status_code, same.headers["ETag"]) == (200, '"1"')


@pytest.mark.parametrize(("role", "status"), [("head", 200), ("director", 200), ("accountant", 403), ("admin", 403)])
def test_only_head_and_director_change_a_limit(api: TestClient, role: str, status: int) -> None:
    """D14: admin never approves business decisions."""
    customer = create(api)
    answer = api.patch(f"{URL}/{customer['id']}", json={"credit_limit": "5.00"}, headers=bearer(role, if_match='"1"'))
    assert answer.status_code == status


def test_customers_are_found_by_the_beginning_of_their_name(api: TestClient) -> None:
    for number, name in enumerate(["ООО «Ёлка»", "ТОО «Еловый бор»", "ИП Петров", "100% Скидка"]):
        create(api, name=name, tax_id=another_bin(number))

    def found(prefix: str) -> list[str]:
        answer = api.get(URL, params={"name": prefix}, headers=bearer("head"))
        assert answer.status_code == 200, answer.text
        return [one["name"] for one in answer.json()["items"]]

    assert found("ёл") == ["ООО «Ёлка»", "ТОО «Еловый бор»"]
    assert found('ооо "елк') == ["ООО «Ёлка»"]
    assert found("100%") == ["100% Скидка"]
    assert found("петр") == ["ИП Петров"]
    assert found("_") == []


def test_pages_join_without_gaps(api: TestClient) -> None:
    for number in range(7):
        create(api, name="Одинаковое имя", tax_id=another_bin(number))
    seen: list[str] = []
    after = None
    while True:
        page = api.get(URL, params={"limit": 3} | ({"after": after} if after else {}), headers=bearer("head")).json()
        seen += [one["id"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 7
    for bad in ("!!!", "bm8", "W10", "WyJhIiwiYiJd"):
        answer = api.get(URL, params={"after": bad}, headers=bearer("head"))
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "bad_cursor")
