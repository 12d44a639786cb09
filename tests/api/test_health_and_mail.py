"""The service about itself, and the local mailbox."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import LOGINS, Company, app_settings, bearer
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

    app = create_app(app_settings(engine), engine=engine, temporal=client)
    async with app.router.lifespan_context(app), AsyncClient(transport=ASGITransport(app), base_url="http://t") as api:
        ready = await api.get("/readyz")
    assert ready.json()["temporal"] == "ok"
    assert ready.json()["database"] == "ok"


@pytest.fixture
def local(engine: Engine, company: Company, tmp_path: Path) -> FastAPI:
    """The API of a local stack, in whose mailbox a letter lies."""
    letter = b"To: anna@romashka.test\r\nSubject: =?utf-8?b?0KHRh9GR0YI=?=\r\n\r\nText\r\n"
    Mailbox(tmp_path).deliver(letter, ["anna@romashka.test"])
    return create_app(app_settings(engine, local=True, mailbox=str(tmp_path)), engine=engine)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_letters_are_shown_to_who_sits_at_the_machine(local: FastAPI, address: str) -> None:
    with TestClient(local, client=(address, 1), base_url="http://127.0.0.1:8000") as api:
        assert api.get("/mail", headers={"Host": "localhost:8000"}).status_code == 200
        assert api.get("/mail", headers={"Host": "[::1]:8000"}).status_code == 200
        shown = api.get("/mail").json()
    assert [(one["to"], one["subject"], one["text"].strip()) for one in shown] == [
        ("anna@romashka.test", "Счёт", "Text")
    ]
    assert shown[0]["received_at"].endswith(("Z", "+00:00"))


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("192.0.2.1", "127.0.0.1"),
        ("2001:db8::1", "[::1]"),
        ("::ffff:192.0.2.1", "localhost"),
        ("a name", "localhost"),
        ("127.0.0.1", "opora.example.ru"),
        ("127.0.0.1", "localhost.example.ru"),
        ("127.0.0.1", ""),
        ("127.0.0.1", "x{.example.ru"),
        ("127.0.0.1", "opora.example.ru:99999"),
        ("127.0.0.1", "[::1"),
        ("127.0.0.1", "localhost@opora.example.ru"),
    ],
)
def test_over_the_network_letters_are_shown_to_the_admin_only(local: FastAPI, address: str, host: str) -> None:
    """A stack that listens to the network shows nobody's letters to whoever asks; nor does one behind a proxy that
    keeps the host, or behind a browser whose page has pointed its own domain here."""
    with TestClient(local, client=(address, 1), headers={"Host": host}) as api:
        refused = api.get("/mail")
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        assert api.get("/mail", headers={"Authorization": "Bearer nobody-has-this"}).status_code == 401
        for login in LOGINS:
            assert api.get("/mail", headers=bearer(login)).status_code == (200 if login == "admin" else 403), login


def test_letters_are_shown_on_a_local_stack_only(engine: Engine, company: Company, tmp_path: Path) -> None:
    settings = app_settings(engine, local=False, mailbox=str(tmp_path))
    with TestClient(create_app(settings, engine=engine), client=("127.0.0.1", 1), base_url="http://127.0.0.1") as api:
        assert (api.get("/mail").status_code, api.get("/mail").json()["code"]) == (404, "not_found")
