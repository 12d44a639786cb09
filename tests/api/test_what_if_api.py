"""«Что, если?»: the answer is the decision that a real order gets, in a bounded number of queries (D2)."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session
from starlette.testclient import TestClient
from support.api import LOGINS, Company, a_customer, a_product, another_bin, bearer
from support.statements import statements

from activities.credit import CreditActivities
from activities.persistence.credit import lock_account
from domain.credit_steps import CreditRequest
from domain.orders import Actor, Role


def customer_of(api: TestClient, number: int = 0, **changes: Any) -> str:
    answer = api.post(
        "/api/v1/customers", json=a_customer(tax_id=another_bin(number), **changes), headers=bearer("head")
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ask(api: TestClient, customer: str, *, by: str = "head", **body: Any) -> dict[str, Any]:
    answer = api.post(f"/api/v1/customers/{customer}/what-if", json=body, headers=bearer(by))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def owe(engine: Engine, customer: str, invoices: int, *, each: str = "100.00", days: int = -1) -> None:
    """So many unpaid invoices, `days` past due."""
    with engine.begin() as connection:
        connection.execute(
            text("""
                WITH made AS (
                  INSERT INTO invoice (id, number, kind, customer_id, credit_account_id, legal_entity_id, issued_on,
                                       currency, gross, vat)
                  SELECT gen_random_uuid(), 'М-' || n || '-' || clock_timestamp(), 'opening', customer.id,
                         credit_account_id, (SELECT id FROM legal_entity), current_date, currency,
                         CAST(:each AS numeric), 0
                    FROM customer, generate_series(1, :invoices) n WHERE customer.id = :customer
                  RETURNING id)
                INSERT INTO schedule_line (id, invoice_id, line_no, amount, residual, due_date, policy_version)
                SELECT gen_random_uuid(), id, 1, CAST(:each AS numeric), CAST(:each AS numeric),
                       (now() AT TIME ZONE 'Asia/Almaty')::date - CAST(:days AS int), 1 FROM made
            """),
            {"invoices": invoices, "each": each, "customer": customer, "days": days},
        )


def test_an_order_within_the_limit_passes_and_the_room_is_told(api: TestClient) -> None:
    """V10: 30/70 widens what may go out."""
    customer = customer_of(api)

    found = ask(api, customer, amount="600000", payment_terms={"deferral_days": 14, "prepayment_percent": 30})

    assert (found["outcome"], found["text"]) == ("auto", "Заказ проходит.")
    assert (found["credit_part"]["amount"], found["exposure"]["amount"]) == ("420000.00", "420000.00")
    assert found["room"]["auto"] == {"amount": "1428571.43", "currency": "KZT"}
    assert found["room"]["approval"] == {"amount": "2857142.86", "currency": "KZT"}
    assert found["room"]["prepaid_open"] is True
    assert found["room"]["text"].replace("\u00a0", " ") == (
        "Сколько ещё можно отгрузить: сразу до 1 428 571,43 ₸, по согласованию до 2 857 142,86 ₸."
    )


def test_lines_are_priced_and_a_deep_discount_is_told(api: TestClient, engine: Engine) -> None:
    """D4-15: what asks before credit is asked here too."""
    api.post("/api/v1/products", json=a_product(sku="CEM", price="1000.00"), headers=bearer("head"))
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO policy (version, effective_from, body, created_by, created_at, state)
                SELECT max(version) + 1, current_date - 1, '{"free_discount_percent": "10"}', 'test', now(), 'published'
                  FROM policy
            """)
        )
    customer = customer_of(api)

    at_list = ask(api, customer, lines=[{"sku": "CEM", "quantity": "1500"}])
    within = ask(api, customer, lines=[{"sku": "CEM", "quantity": "10", "price": "900"}])
    deeper = ask(api, customer, lines=[{"sku": "CEM", "quantity": "10", "price": "899.99"}])

    assert (at_list["outcome"], at_list["exposure"]["amount"]) == ("approval", "1500000.00")
    assert [reason["code"] for reason in at_list["reasons"]] == ["OVER_LIMIT"]
    assert (within["outcome"], within["reasons"]) == ("auto", [])
    assert (deeper["outcome"], [reason["code"] for reason in deeper["reasons"]]) == ("approval", ["DISCOUNT"])


def test_without_a_sum_only_the_room_is_told(api: TestClient, engine: Engine) -> None:
    customer = customer_of(api)
    owe(engine, customer, 3, each="300000")

    found = ask(api, customer)

    assert (found["outcome"], found["reasons"], found["exposure"]["amount"]) == (None, [], "900000.00")
    assert (found["room"]["auto"]["amount"], found["room"]["approval"]["amount"]) == ("100000.00", "1100000.00")
    assert found["text"] == found["room"]["text"]
    both = {"amount": "1", "lines": [{"sku": "CEM", "quantity": "1"}]}
    assert api.post(f"/api/v1/customers/{customer}/what-if", json=both, headers=bearer("head")).status_code == 422


@pytest.mark.parametrize(
    ("terms", "days", "outcome"),
    [
        ({"deferral_days": 14, "prepayment_percent": 0}, -1, "auto"),
        ({"deferral_days": 14, "prepayment_percent": 30}, -1, "auto"),
        ({"deferral_days": 15, "prepayment_percent": 0}, -1, "approval"),
        ({"deferral_days": 0, "prepayment_percent": 100}, 40, "auto"),
        ({"deferral_days": 14, "prepayment_percent": 0}, 4, "approval"),
        ({"deferral_days": 14, "prepayment_percent": 0}, 14, "stop"),
    ],
)
def test_what_if_answers_what_a_real_order_then_gets(
    api: TestClient, engine: Engine, company: Company, terms: dict[str, int], days: int, outcome: str
) -> None:
    """The same facts, the same rule: at the border of the room, one tiyn above it, and far from it."""
    api.post("/api/v1/products", json=a_product(sku="ANY", price="1"), headers=bearer("head"))
    customer = customer_of(api)
    owe(engine, customer, 2, each="123456.78", days=days)
    room = ask(api, customer, payment_terms=terms)["room"]
    borders = [in_tiyns(room[name]["amount"]) for name in ("auto", "approval") if room[name]]
    amounts = {5_000_00, *(amount + more for amount in borders for more in (0, 1) if amount + more > 0)}

    seen = set()
    for tiyns in sorted(amounts):
        amount = f"{tiyns // 100}.{tiyns % 100:02d}"
        asked = ask(api, customer, amount=amount, payment_terms=terms)
        body = {"customer_id": customer, "lines": [{"sku": "ANY", "quantity": "1", "price": amount}],
                "payment_terms": terms}  # fmt: skip
        order = api.post("/api/v1/orders", json=body, headers=bearer("manager")).json()["id"]
        manager = Actor(str(company.people["manager"]), "Анна", Role.MANAGER)
        CreditActivities(engine).decide_order_credit(CreditRequest(order, manager, "decision-1", datetime.now(UTC)))
        recorded = api.get(f"/api/v1/orders/{order}", headers=bearer("head")).json()["decision"]
        for name in ("outcome", "exposure", "exposure_before", "limit", "debt"):
            assert asked[name] == recorded[name], (amount, name)
        assert [each["code"] for each in asked["reasons"]] == [each["code"] for each in recorded["reasons"]]
        seen.add(asked["outcome"])
        with engine.begin() as connection:  # the next one meets the same account
            connection.execute(text("DELETE FROM commitment"))
    assert outcome in seen


def in_tiyns(amount: str) -> int:
    return int(amount.replace(".", ""))


def test_the_number_of_queries_does_not_grow_with_the_debt(api: TestClient, engine: Engine) -> None:
    """Ten invoices or ten thousand, all overdue: the same few questions, and no lock."""
    few, many = customer_of(api), customer_of(api, 1)
    owe(engine, few, 10, days=20)
    owe(engine, many, 10_000, days=20)
    counts = {}
    for customer in (few, many):
        with statements(engine) as sent:
            found = ask(api, customer, amount="500")
        counts[customer] = len(sent)
        _, *asked = sent  # the first counts the call itself
        assert all(each.lstrip().startswith(("SELECT", "WITH")) for each in asked), asked
        assert not [each for each in asked if re.search(r"\b(INSERT|UPDATE|DELETE)\b", each)]
    assert found["debt"]["amount"] == "1000000.00"
    assert counts[few] == counts[many] <= 9


def test_a_question_waits_for_nobody_and_writes_nothing(api: TestClient, engine: Engine) -> None:
    """Somebody holds the account: the answer comes all the same."""
    customer = customer_of(api)
    dumps = "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM credit_decision), (SELECT count(*) FROM task)"
    with engine.connect() as connection:
        before = connection.execute(text(dumps)).one()

    with Session(engine) as session, session.begin():
        account = session.connection().execute(text("SELECT id FROM credit_account")).scalar_one()
        lock_account(session, account)
        assert ask(api, customer, amount="1")["outcome"] == "auto"
    with engine.connect() as connection:
        assert connection.execute(text(dumps)).one() == before


@pytest.mark.parametrize("login", LOGINS)
def test_who_may_ask(api: TestClient, login: str) -> None:
    """D14: a manager about own customers; head, director and accountant about all."""
    customer = customer_of(api, manager="manager")
    answer = api.post(f"/api/v1/customers/{customer}/what-if", json={}, headers=bearer(login))
    expected = {"manager": 200, "head": 200, "director": 200, "accountant": 200, "manager2": 404}.get(login, 403)
    assert answer.status_code == expected, answer.text
