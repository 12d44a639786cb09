"""Policy versions over HTTP: proposed, published, never retroactive (D14)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import a_customer, a_product, bearer

from activities.credit import CreditActivities
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import UserRow
from activities.persistence.record_tables import JournalRow
from domain.credit import Outcome
from domain.credit_steps import CreditRequest
from domain.orders import Actor, Role

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Almaty")).date()


def propose(api: TestClient, changes: dict[str, Any], *, by: str = "admin", days: int = 0, **headers: str) -> Any:
    body = {"effective_from": str(TODAY + timedelta(days=days)), "changes": changes, "comment": "Меньше риска"}
    return api.post("/api/v1/policies", json=body, headers=bearer(by, **headers))


def proposed(api: TestClient, changes: dict[str, Any], *, days: int = 0) -> int:
    answer = propose(api, changes, days=days)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["version"])


def decide(api: TestClient, version: int, decision: str = "approve", *, by: str = "director", comment: str = "") -> Any:
    body = {"decision": decision, "comment": comment}
    return api.post(f"/api/v1/policies/{version}/decision", json=body, headers=bearer(by))


def published(api: TestClient, changes: dict[str, Any], *, days: int = 0) -> int:
    version = proposed(api, changes, days=days)
    answer = decide(api, version)
    assert answer.status_code == 200, answer.text
    return version


def in_force(api: TestClient) -> int:
    items = api.get("/api/v1/policies", headers=bearer("manager")).json()["items"]
    return int(next(item["version"] for item in items if item["in_force"]))


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_d14_the_admin_proposes_and_the_director_publishes(api: TestClient) -> None:
    before = in_force(api)
    answer = propose(api, {"stop_ratio": "1.5", "overdue_stop_days": 10})
    version = answer.json()["version"]

    assert answer.headers["Location"] == f"/api/v1/policies/{version}"
    assert (answer.json()["state"], answer.json()["proposed_by"]) == ("proposed", "Имя admin")
    assert answer.json()["changes"] == {
        "stop_ratio": {"from": "2", "to": "1.5"},
        "overdue_stop_days": {"from": 14, "to": 10},
    }
    assert in_force(api) == before
    done = decide(api, version).json()
    assert (done["state"], done["in_force"], done["decided_by"]) == ("published", True, "Имя director")
    assert done["changes"] == answer.json()["changes"]
    one = api.get(f"/api/v1/policies/{version}", headers=bearer("lawyer")).json()
    assert one["body"]["overdue_stop_days"] == 10
    assert one["body"]["quote_days"] == 7
    assert in_force(api) == version


@pytest.mark.parametrize("login", ["manager", "head", "director", "accountant", "warehouse", "lawyer"])
def test_d14_nobody_else_proposes(api: TestClient, login: str) -> None:
    assert code(propose(api, {"quote_days": 9}, by=login)) == (403, "forbidden")


@pytest.mark.parametrize("login", ["manager", "head", "admin", "accountant", "warehouse", "lawyer"])
def test_d14_nobody_else_publishes(api: TestClient, login: str) -> None:
    version = proposed(api, {"quote_days": 9})
    assert code(decide(api, version, by=login)) == (403, "forbidden")


def test_d14_another_person_publishes(api: TestClient, engine: Engine) -> None:
    version = proposed(api, {"quote_days": 9})
    with Session(engine) as session, session.begin():
        session.execute(text("UPDATE app_user SET role = 'director' WHERE login = 'admin'"))
    assert code(decide(api, version, by="admin")) == (403, "own_policy")
    assert decide(api, version).status_code == 200


def test_a_version_is_decided_once_and_then_kept(api: TestClient, engine: Engine) -> None:
    version = published(api, {"quote_days": 9})
    assert code(decide(api, version)) == (409, "policy_decided")
    rejected = proposed(api, {"quote_days": 10})
    answer = decide(api, rejected, "reject", comment="Рано")
    assert (answer.json()["state"], answer.json()["in_force"]) == ("rejected", False)
    assert code(decide(api, rejected)) == (409, "policy_decided")
    assert in_force(api) == version
    for statement in ("UPDATE policy SET body = '{}'", "DELETE FROM policy"):
        with pytest.raises(IntegrityError, match="never changes"), engine.begin() as connection:
            connection.execute(text(f"{statement} WHERE version = {version}"))


def test_a_rejection_says_why(api: TestClient) -> None:
    version = proposed(api, {"quote_days": 9})
    answer = decide(api, version, "reject")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "comment"


def test_the_date_is_today_or_later_and_after_the_newest(api: TestClient) -> None:
    assert code(propose(api, {"quote_days": 9}, days=-1)) == (422, "policy_date")
    published(api, {"quote_days": 9}, days=5)
    assert code(propose(api, {"quote_days": 10}, days=4)) == (422, "policy_date")
    assert propose(api, {"quote_days": 10}, days=5).status_code == 201


def test_a_proposal_whose_day_has_passed_is_not_published(api: TestClient, engine: Engine) -> None:
    version = proposed(api, {"quote_days": 9})
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE policy DISABLE TRIGGER policy_is_kept"))
        connection.execute(text(f"UPDATE policy SET effective_from = effective_from - 1 WHERE version = {version}"))
        connection.execute(text("ALTER TABLE policy ENABLE TRIGGER policy_is_kept"))
    assert code(decide(api, version)) == (422, "policy_date")
    assert decide(api, version, "reject", comment="Поздно").status_code == 200


def test_two_proposals_do_not_undo_each_other(api: TestClient) -> None:
    first, second = proposed(api, {"quote_days": 9}), proposed(api, {"stop_ratio": "1.5"})
    assert decide(api, first).status_code == 200
    assert code(decide(api, second)) == (409, "policy_outdated")
    again = published(api, {"stop_ratio": "1.5"})
    body = api.get(f"/api/v1/policies/{again}", headers=bearer("head")).json()["body"]
    assert (body["quote_days"], body["stop_ratio"]) == (9, "1.5")


def test_of_two_answers_at_once_one_counts(api: TestClient) -> None:
    versions = [proposed(api, {"quote_days": days}) for days in (9, 10, 11)]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda version: decide(api, version).status_code, versions))
    assert sorted(answers) == [200, 409, 409]


def test_a_version_of_a_later_day_waits_for_it(api: TestClient) -> None:
    before = in_force(api)
    later = published(api, {"quote_days": 9}, days=1)
    assert in_force(api) == before != later


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stop_ratio": "0.99"}, "stop_ratio"),
        ({"overdue_stop_days": 3}, "overdue_stop_days"),
        ({"floor": "1"}, "floor"),
        ({"quote_days": "9"}, "quote_days"),
        ({"quote_days": 10**30}, "quote_days"),
        ({"dunning_days": {"a": 1}}, "dunning_days"),
        ({}, "changes"),
        ({"quote_days": 7}, "changes"),
    ],
)
def test_a_bad_figure_is_named(api: TestClient, changes: dict[str, Any], field: str) -> None:
    for path, body in (
        ("", {"effective_from": str(TODAY), "changes": changes, "comment": "x"}),
        ("/preview", {"changes": changes}),
    ):
        answer = api.post(f"/api/v1/policies{path}", json=body, headers=bearer("admin"))
        assert code(answer) == (422, "policy_value")
        assert answer.json()["field"] == field


def test_the_same_key_proposes_once(api: TestClient) -> None:
    first = propose(api, {"quote_days": 9}, idempotency_key="policy-1")
    again = propose(api, {"quote_days": 9}, idempotency_key="policy-1")
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"


def test_pages_go_from_newest_to_oldest(api: TestClient) -> None:
    newest = [proposed(api, {"quote_days": days}) for days in (9, 10, 11)][-1]
    seen, after = [], ""
    while True:
        page = api.get(f"/api/v1/policies?limit=2{after}", headers=bearer("manager")).json()
        seen += [item["version"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == list(range(newest, 0, -1))
    assert code(api.get("/api/v1/policies/99", headers=bearer("head"))) == (404, "policy_not_found")
    assert api.get("/api/v1/policies").status_code == 401


def test_both_acts_are_in_the_journal(api: TestClient, engine: Engine) -> None:
    version = published(api, {"quote_days": 9})
    with Session(engine) as session:
        rows = session.exec(select(JournalRow).where(JournalRow.subject == "policy").order_by(JournalRow.id)).all()
    assert [(row.event, row.actor_role, row.policy_version) for row in rows] == [
        ("policy_proposed", "admin", version),
        ("policy_published", "director", version),
    ]
    assert rows[0].data["changes"] == {"quote_days": {"from": 7, "to": 9}}


def test_u15_nothing_is_retroactive(api: TestClient, engine: Engine) -> None:
    """An order quoted under the old version is decided under it, one quoted later under the new one."""
    customer = api.post("/api/v1/customers", json=a_customer(), headers=bearer("head")).json()["id"]
    api.post("/api/v1/products", json=a_product(sku="CEM", price="1800000"), headers=bearer("head"))
    quote = {"customer_id": customer, "lines": [{"sku": "CEM", "quantity": "1"}]}
    old = api.post("/api/v1/orders", json=quote, headers=bearer("manager")).json()["id"]
    before = in_force(api)
    version = published(api, {"stop_ratio": "1.5"})
    new = api.post("/api/v1/orders", json=quote, headers=bearer("manager")).json()["id"]

    with Session(engine) as session:
        manager = session.exec(select(UserRow).where(UserRow.login == "manager")).one()
        versions = {str(order.id): order.policy_version for order in session.exec(select(OrderRow))}
    assert versions == {old: before, new: version}
    actor = Actor(str(manager.id), manager.name, Role.MANAGER)
    outcomes = [
        CreditActivities(engine).decide_order_credit(CreditRequest(order, actor, "decision-1", datetime.now(UTC)))
        for order in (old, new)
    ]
    assert [each.decision.outcome for each in outcomes] == [Outcome.APPROVAL, Outcome.STOP]


@pytest.mark.parametrize(("login", "status"), [("admin", 200), ("director", 200), ("head", 200), ("manager", 403)])
def test_u15_who_may_look_ahead(still_api: TestClient, login: str, status: int) -> None:
    body = {"changes": {"stop_ratio": "1.5"}, "from": "2026-01-01", "to": "2026-03-31"}
    answer = still_api.post("/api/v1/policies/preview", json=body, headers=bearer(login))
    assert answer.status_code == status
    if status == 200:
        told = answer.json()
        assert (told["orders"], told["orders_checked"], told["period"]["decisions"]) == ([], 0, 0)
        assert (told["period"]["from"], told["period"]["to"]) == ("2026-01-01", "2026-03-31")
        assert told["changes"] == {"stop_ratio": {"from": "2", "to": "1.5"}}
        assert told["notes"]


@pytest.mark.parametrize(
    "days", [{"from": "2026-02-01", "to": "2026-01-31"}, {"from": "9999-12-31"}, {"to": "x"}, {"from_": "2026-02-01"}]
)
def test_a_bad_period_is_refused(still_api: TestClient, days: dict[str, str]) -> None:
    answer = still_api.post(
        "/api/v1/policies/preview", json={"changes": {"stop_ratio": "1.5"}, **days}, headers=bearer("head")
    )
    assert code(answer) == (422, "invalid_input")
