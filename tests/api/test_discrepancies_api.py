"""What does not agree, as the administrator reads it; and whether anybody works."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.testclient import TestClient
from support.api import LOGINS, Company, bearer
from temporalio.client import Client

from activities.persistence import freezing
from activities.persistence.discrepancies import take_in
from api.app import create_app
from domain.freezes import FreezeReason
from domain.watch import Finding, Kind
from domain.wording.watch import DISCREPANCIES

NOW = datetime(2026, 4, 6, 5, tzinfo=UTC)
LIST = "/api/v1/discrepancies"


def plant(engine: Engine, *findings: Finding, grace: timedelta = timedelta(0)) -> None:
    with Session(engine) as session, session.begin():
        take_in(session, findings, list(Kind), as_of=NOW, grace=grace)


def test_open_ones_are_listed_in_words_page_by_page(api: TestClient, engine: Engine, company: Company) -> None:
    plant(engine, *(Finding(Kind.BEHIND, f"order/{n}", "picking", "ready") for n in range(3)))
    first = api.get(LIST, params={"limit": 2}, headers=bearer("admin")).json()
    rest = api.get(LIST, params={"limit": 2, "after": first["next"]}, headers=bearer("admin")).json()
    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]
    one = first["items"][0]
    assert one["text"].startswith(f"{one['object']}: в базе «picking», у процесса «ready».")
    assert (one["kind"], one["state"], one["repair"], one["repairs"]) == ("behind", "open", None, 0)
    english = api.get(LIST, headers=bearer("admin", accept_language="en")).json()["items"][0]
    assert english["text"].startswith(f"{one['object']}: «picking» in the database")


def test_what_is_gone_is_closed_and_what_was_only_suspected_is_forgotten(
    api: TestClient, engine: Engine, company: Company
) -> None:
    plant(engine, Finding(Kind.BEHIND, "order/1"))
    plant(engine, Finding(Kind.NO_ROW, "order/2"), grace=timedelta(minutes=2))
    listed = {state: api.get(LIST, params={"state": state}, headers=bearer("admin")).json()["items"]
              for state in ("suspected", "open", "closed")}  # fmt: skip
    assert [len(listed[state]) for state in ("suspected", "open", "closed")] == [1, 0, 1]
    assert listed["closed"][0]["closed_at"] is not None
    plant(engine)
    assert api.get(LIST, params={"state": "suspected"}, headers=bearer("admin")).json()["items"] == []


def test_it_tells_since_when_nothing_leaves_the_house(api: TestClient, engine: Engine, company: Company) -> None:
    assert api.get(LIST, headers=bearer("admin")).json()["frozen_since"] is None
    with Session(engine) as session, session.begin():
        freezing.freeze(session, FreezeReason.STOP, by="admin", at=NOW)
    assert datetime.fromisoformat(api.get(LIST, headers=bearer("admin")).json()["frozen_since"]) == NOW


@pytest.mark.parametrize("login", sorted(LOGINS))
def test_only_the_administrator_reads_it(still_api: TestClient, login: str) -> None:
    assert still_api.get(LIST, headers=bearer(login)).status_code == (200 if login == "admin" else 403)


def test_every_kind_has_a_sentence() -> None:
    assert set(DISCREPANCIES) == {*Kind, "stock"}


@pytest.mark.anyio
async def test_readiness_shows_that_nobody_works(engine: Engine, company: Company, client: Client) -> None:
    from httpx2 import ASGITransport, AsyncClient
    from support.api import app_settings

    app = create_app(app_settings(engine, task_queue="nobody-here"), engine=engine, temporal=client)
    async with app.router.lifespan_context(app), AsyncClient(transport=ASGITransport(app), base_url="http://t") as api:
        ready = await api.get("/readyz")
    assert (ready.status_code, ready.json()["worker"]) == (200, "none")
