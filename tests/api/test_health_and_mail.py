"""The service about itself, and the local mailbox."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import Company, doors
from temporalio.client import Client

from activities.persistence.mailbox import Mailbox
from api.app import create_app
from api.version import VERSION


def test_the_process_says_that_it_lives_and_which_version_it_is(api: TestClient) -> None:
    assert api.get("/healthz").json() == {"status": "ok"}
    assert api.get("/version").json() == {"version": VERSION}


def test_without_temporal_the_api_answers_questions_and_is_not_ready(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = api.get("/readyz")
    assert ready.status_code == 503
    assert (ready.json()["database"], ready.json()["temporal"]) == ("ok", "unreachable")
    assert api.get("/healthz").status_code == 200


@pytest.mark.anyio
async def test_with_all_its_parts_the_api_is_ready(engine: Engine, company: Company, client: Client) -> None:
    from httpx2 import ASGITransport, AsyncClient
    from support.api import app_settings

    app = create_app(app_settings(engine), engine=engine, temporal=client)
    async with app.router.lifespan_context(app), AsyncClient(transport=ASGITransport(app), base_url="http://t") as api:
        ready = await api.get("/readyz")
    assert ready.json()["temporal"] == "ok"
    assert ready.json()["database"] == "ok"


def test_letters_are_shown_on_a_local_stack_only(engine: Engine, company: Company, tmp_path: Path) -> None:
    letter = b"To: anna@romashka.test\r\nSubject: =?utf-8?b?0KHRh9GR0YI=?=\r\n\r\nText\r\n"
    Mailbox(tmp_path).deliver(letter, ["anna@romashka.test"])
    with doors(create_app, engine, local=True, mailbox=str(tmp_path)) as api:
        shown = api.get("/mail").json()
    assert [(one["to"], one["subject"], one["text"].strip()) for one in shown] == [
        ("anna@romashka.test", "Счёт", "Text")
    ]
    assert shown[0]["received_at"].endswith(("Z", "+00:00"))
    with doors(create_app, engine, local=False, mailbox=str(tmp_path)) as api:
        assert (api.get("/mail").status_code, api.get("/mail").json()["code"]) == (404, "not_found")
