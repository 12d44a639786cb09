"""Whatever goes wrong comes back as one shape, in the caller's language, and never as a 500 for a user's mistake."""

import importlib
import pkgutil
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from babel.messages.pofile import read_po
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from starlette.testclient import TestClient
from support.api import a_customer, app_settings, bearer, doors
from support.locks import locked
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ActivityError, ApplicationError, RetryState
from temporalio.service import RPCError, RPCStatusCode

import domain
from api import errors
from api.app import create_app
from api.bodies import FILE_LIMIT, JSON_LIMIT, UNASKED, BodyGuard
from api.i18n import preferred_language
from api.problems import problem
from api.sentences import sentence
from domain import wording
from domain.errors import DomainError
from domain.wording import doors as door_wording
from domain.wording import refusals

CUSTOMERS = "/api/v1/customers"
MEMBERS = {"type", "title", "status", "detail", "code"}


def all_refusals() -> list[type[DomainError]]:
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)
    return list(errors.refusals())


def test_every_refusal_has_its_own_code() -> None:
    codes = [kind.code for kind in all_refusals()]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("kind", all_refusals(), ids=lambda kind: kind.code)
def test_every_refusal_speaks_russian_and_english(kind: type[DomainError]) -> None:
    assert kind.code in refusals.REFUSALS
    assert 400 <= kind.status < 500
    russian, english = sentence(kind.code, {}, "ru"), sentence(kind.code, {}, "en")
    assert russian != english
    assert any("а" <= sign <= "я" for sign in russian)
    assert sum("a" <= sign.lower() <= "z" for sign in english) > len(english) // 2, english


def test_every_sentence_of_the_doors_is_translated() -> None:
    with (Path(__file__).parents[2] / "locale/en/LC_MESSAGES/opora.po").open("rb") as file:
        catalogue = read_po(file, locale="en")
    for table in (door_wording.REQUESTS, door_wording.FIELDS, door_wording.VERDICTS):
        for text in table.values():
            message = catalogue.get(text)
            assert message is not None, text
            assert message.string, text
    assert set(door_wording.REQUESTS) & set(refusals.REFUSALS) <= {"invalid_input"}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "ru"),
        ("", "ru"),
        ("en", "en"),
        ("EN-us", "en"),
        ("de, en;q=0.5", "en"),
        ("ru, en;q=0.9", "ru"),
        ("en;q=0.8, ru;q=0.9", "ru"),
        ("en;q=0", "ru"),
        ("kk", "ru"),
        ("en;q=high", "ru"),
        ("*", "ru"),
        (";;;,,,", "ru"),
    ],
)
def test_the_language_is_the_callers(header: str | None, language: str) -> None:
    assert preferred_language(header) == language


def test_a_refusal_says_what_is_wrong_in_both_languages(still_api: TestClient) -> None:
    russian = still_api.get("/api/v1/stock/НЕТ", headers=bearer("head"))
    english = still_api.get("/api/v1/stock/НЕТ", headers=bearer("head", accept_language="en"))

    assert russian.status_code == english.status_code == 404
    assert russian.headers["content-type"] == "application/problem+json"
    assert russian.json() == {
        "type": "urn:opora:problem:product_not_found",
        "title": "Не найдено",
        "status": 404,
        "detail": "Товара НЕТ нет в каталоге. Проверьте артикул или заведите товар.",
        "code": "product_not_found",
        "sku": "НЕТ",
    }
    assert english.json()["title"] == "Not found"
    assert "НЕТ" in english.json()["detail"]
    assert english.headers["Content-Language"] == "en"


@pytest.mark.parametrize(
    ("method", "url", "status", "code"),
    [
        ("GET", "/nothing", 404, "route_not_found"),
        ("GET", "/api/v1/nothing", 404, "route_not_found"),
        ("DELETE", CUSTOMERS, 405, "method_not_allowed"),
        ("PUT", "/api/v1/users/me", 405, "method_not_allowed"),
        ("GET", CUSTOMERS + "?limit=0", 422, "invalid_input"),
        ("GET", CUSTOMERS + "?limit=201", 422, "invalid_input"),
        ("GET", CUSTOMERS + "?limit=много", 422, "invalid_input"),
        ("GET", CUSTOMERS + "?limit=99999999999999999999999999", 422, "invalid_input"),
        ("GET", CUSTOMERS + "?name=%00", 400, "bad_text"),
        ("GET", "/api/v1/products/a%00b", 400, "bad_text"),
        ("GET", CUSTOMERS + "/not-a-uuid", 422, "invalid_input"),
    ],
)
def test_wrong_addresses_and_queries(still_api: TestClient, method: str, url: str, status: int, code: str) -> None:
    answer = still_api.request(method, url, headers=bearer("head"))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) >= MEMBERS


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"", "application/json", 422, "invalid_input"),
        (b"{", "application/json", 400, "malformed_json"),
        (b"[]", "application/json", 422, "invalid_input"),
        (b"null", "application/json", 422, "invalid_input"),
        (b'"text"', "application/json", 422, "invalid_input"),
        (b"1", "application/json", 422, "invalid_input"),
        (b"{}", "application/json", 422, "invalid_input"),
        (b"{}", "text/plain", 422, "invalid_input"),
        (b"name=x", "application/x-www-form-urlencoded", 422, "invalid_input"),
        (b'{"name": "\\u0000"}', "application/json", 400, "bad_text"),
        (b'{"name": "\\ud800"}', "application/json", 400, "bad_text"),
        (b'{"name": "a", "name": "b"}', "application/json", 400, "duplicate_key"),
        (b'{"credit_limit": NaN}', "application/json", 400, "number_not_exact"),
        (b'{"credit_limit": 1e400}', "application/json", 400, "number_not_exact"),
        (b'{"credit_limit": ' + b"1" * 5000 + b"}", "application/json", 400, "number_not_exact"),
        (b"[" * 50_000, "application/json", 400, "malformed_json"),
        ('{"name": "Ромашка"}'.encode("cp1251"), "application/json", 400, "malformed_json"),
        (b'{"name": "' + b"x" * (JSON_LIMIT - 11) + b'"}', "application/json", 413, "body_too_large"),
        (b'{"name": "' + b"x" * (JSON_LIMIT - 12) + b'"}', "application/json", 422, "invalid_input"),
        (b"x" * (JSON_LIMIT + 1), "text/plain", 413, "body_too_large"),
        (b"x" * JSON_LIMIT, "text/plain", 422, "invalid_input"),
    ],
    ids=range(21),
)
def test_bodies_that_are_not_what_they_should_be(
    still_api: TestClient, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = still_api.post(CUSTOMERS, content=body, headers=bearer("head", content_type=content_type))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text[:300]
    assert set(answer.json()) >= MEMBERS


def test_a_second_content_type_does_not_hide_what_the_first_brings(still_api: TestClient) -> None:
    """The route goes by the first; who checks the body must not go by the last."""
    headers = [*bearer("head", content_type="application/json").items(), ("content-type", "text/plain")]
    answer = still_api.post(CUSTOMERS, content=b'{"name": "a", "name": "b"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "duplicate_key")


@pytest.mark.parametrize(
    ("url", "content_type", "limit"),
    [
        (CUSTOMERS, "application/json", JSON_LIMIT),
        (CUSTOMERS, "application/octet-stream", JSON_LIMIT),
        ("/api/v1/bank-statements", "application/octet-stream", FILE_LIMIT),
        ("/api/v1/bank-statements", "application/json", JSON_LIMIT),
    ],
)
def test_a_body_sent_in_pieces_is_measured_too(still_api: TestClient, url: str, content_type: str, limit: int) -> None:
    pieces = (b"x" * 64_000 for _ in range(limit // 64_000 + 1))
    answer = still_api.post(url, content=pieces, headers=bearer("accountant", content_type=content_type))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert f"{limit}" in answer.json()["detail"]


@pytest.mark.anyio
@pytest.mark.parametrize("key", [None, "nobody-has-this", "head"], ids=["no key", "an unknown key", "a known key"])
async def test_no_more_of_a_body_is_taken_than_fits(still_engine: Engine, key: str | None) -> None:
    """Without a Content-Length, from a sender that never ends. Of a stranger's only the beginning is read."""
    taken = 0
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, object]:
        nonlocal taken
        taken += 64_000
        return {"type": "http.request", "body": b"x" * 64_000, "more_body": True}

    async def send(message: MutableMapping[str, object]) -> None:
        sent.append(message)

    async def app(*_: object) -> None:
        raise AssertionError("the guard let it through")

    sender = {"head": bearer("head"), None: {}}.get(key, {"Authorization": f"Bearer {key}"})
    headers = [(name.lower().encode(), value.encode()) for name, value in sender.items()]
    api = create_app(app_settings(still_engine), engine=still_engine)
    api.state.engine = still_engine
    scope = {
        "type": "http", "method": "POST", "path": CUSTOMERS, "query_string": b"", "headers": headers, "app": api,
        "client": ("192.0.2.1", 1),
    }  # fmt: skip
    await BodyGuard(app)(scope, receive, send)
    status, least = (413, JSON_LIMIT) if key == "head" else (401, UNASKED)
    assert sent[0]["status"] == status
    assert least < taken <= least + 64_000


@pytest.mark.anyio
@pytest.mark.parametrize("announced", [UNASKED + 1, FILE_LIMIT])
async def test_of_a_strangers_large_file_nothing_is_read(still_engine: Engine, announced: int) -> None:
    async def receive() -> dict[str, object]:
        raise AssertionError("it was read")

    api = create_app(app_settings(still_engine), engine=still_engine)
    api.state.engine = still_engine
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/bank-statements", "query_string": b"", "app": api,
        "headers": [(b"content-length", str(announced).encode()), (b"content-type", b"text/plain")],
        "client": ("192.0.2.1", 1),
    }  # fmt: skip
    await BodyGuard(api)(scope, receive, send)
    assert sent[0]["status"] == 401


def test_a_length_that_is_a_lie_is_no_way_in(still_api: TestClient) -> None:
    headers = bearer("head", content_type="application/json", content_length="9" * 30)
    assert still_api.post(CUSTOMERS, content=b"{}", headers=headers).status_code == 413


@pytest.mark.parametrize(
    ("url", "methods"),
    [
        ("/api/v1/orders", "GET, POST"),
        ("/api/v1/policies", "GET, POST"),
        ("/healthz", "GET"),
        ("/openapi.json", "GET, HEAD"),
        (CUSTOMERS + "/0199f000-0000-7000-8000-000000000000", "GET, PATCH"),
    ],
)
def test_a_wrong_method_is_told_all_right_ones(still_api: TestClient, url: str, methods: str) -> None:
    answer = still_api.request("DELETE", url, headers=bearer("head"))
    assert (answer.status_code, answer.headers["Allow"]) == (405, methods)


def test_a_refusal_about_an_item_group_names_it(still_api: TestClient) -> None:
    answer = still_api.patch("/api/v1/item-groups/ЛЕС", json={"name": "Лес"}, headers=bearer("head", if_match="*"))
    assert (answer.status_code, answer.json()["code"]) == (404, "item_group_not_found")
    assert "«ЛЕС»" in answer.json()["detail"]


def test_no_sentence_needs_a_fact_that_a_problem_keeps_for_itself() -> None:
    """A fact named `code` is never told: the member of the problem has that name."""
    assert [code for code, text in refusals.REFUSALS.items() if "{code" in text or "{speech" in text] == []


def test_facts_never_hide_the_members_of_a_problem() -> None:
    body = problem(409, "wrong_state", "ru", {"status": "shipped", "code": "X", "headers": "h", "command": "cancel"})
    text = bytes(body.body).decode()
    assert '"status":409' in text
    assert '"code":"wrong_state"' in text
    assert '"order_status":"shipped"' in text
    assert "«Отгружен»" in text


def test_the_refusal_at_the_bottom_of_a_temporal_failure_is_found() -> None:
    refusal = ApplicationError("x", {"by": "Пётр"}, type="already_decided", non_retryable=True)
    activity = ActivityError(
        "activity failed", scheduled_event_id=1, started_event_id=2, identity="w", activity_type="a", activity_id="1",
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )  # fmt: skip
    activity.__cause__ = refusal

    assert errors.refusal_in(WorkflowUpdateFailedError(refusal)) == ("already_decided", {"by": "Пётр"})
    assert errors.refusal_in(WorkflowFailureError(cause=activity)) == ("already_decided", {"by": "Пётр"})
    assert errors.refusal_in(WorkflowUpdateFailedError(ApplicationError("boom", type="ValueError"))) is None


Answers = Callable[[Exception], tuple[int, str]]


@pytest.fixture
def answer_to(still_engine: Engine) -> Answers:
    """Status and code that somebody gets whose call stumbles over an error."""

    def answer_to(error: Exception) -> tuple[int, str]:
        app = create_app(app_settings(still_engine), engine=still_engine)

        @app.get("/fail")
        def fail() -> None:
            raise error

        with TestClient(app, raise_server_exceptions=False) as client:
            answer = client.get("/fail")
        return answer.status_code, answer.json()["code"]

    return answer_to


def test_temporal_failures_become_problems(answer_to: Answers) -> None:
    refused = ApplicationError("x", {"limit": "5"}, type="own_approval", non_retryable=True)
    assert answer_to(WorkflowUpdateFailedError(refused)) == (409, "own_approval")
    ended = ApplicationError("x", type="AcceptedUpdateCompletedWorkflow")
    assert answer_to(WorkflowUpdateFailedError(ended)) == (409, "process_ended")
    assert answer_to(RPCError("gone", RPCStatusCode.NOT_FOUND, b"")) == (409, "process_ended")
    assert answer_to(RPCError("down", RPCStatusCode.UNAVAILABLE, b"")) == (503, "temporarily_unavailable")
    assert answer_to(RuntimeError("Failed client connect: tcp")) == (503, "temporarily_unavailable")
    assert answer_to(RuntimeError("a bug")) == (500, "internal_error")


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (psycopg.errors.ConnectionFailure, (503, "temporarily_unavailable")),
        (psycopg.errors.DiskFull, (503, "temporarily_unavailable")),
        (psycopg.errors.TooManyConnections, (503, "temporarily_unavailable")),
        (psycopg.errors.AdminShutdown, (503, "temporarily_unavailable")),
        (psycopg.errors.LockNotAvailable, (503, "busy")),
        (psycopg.errors.DeadlockDetected, (503, "busy")),
        (psycopg.errors.UniqueViolation, (500, "internal_error")),
    ],
)
def test_a_database_that_cannot_is_told_from_one_that_must_not(
    answer_to: Answers, error: type[psycopg.Error], answer: tuple[int, str]
) -> None:
    assert answer_to(DBAPIError("INSERT", {}, error())) == answer


def test_a_silent_database_is_an_outage_and_not_a_bug() -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/none", connect_args={"connect_timeout": 1})
    with doors(create_app, nowhere) as client:
        answer = client.get("/api/v1/users/me", headers=bearer("head"))
        ready = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"]
    assert (ready.status_code, ready.json()["database"]) == (503, "unreachable")


def test_a_held_row_is_busy_and_not_a_bug(api: TestClient, engine: Engine) -> None:
    """D3-3: a lock that is not given in time is an answer to try again."""
    created = api.post(CUSTOMERS, json=a_customer(), headers=bearer("head")).json()
    impatient = create_engine(engine.url, connect_args={"options": "-c lock_timeout=200"})
    with locked(engine, "SELECT 1 FROM credit_account FOR UPDATE"), doors(create_app, impatient) as hurried:
        answer = hurried.patch(
            f"{CUSTOMERS}/{created['id']}", json={"credit_limit": "1.00"}, headers=bearer("head", if_match="*")
        )
    impatient.dispose()
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["Retry-After"]


def test_wording_has_no_fact_that_would_break_it() -> None:
    """Facts are data: braces in them stay braces."""
    assert "{0}" in wording.refusal_text("product_exists", sku="{0}")


def test_an_answer_names_no_more_mistakes_than_anybody_reads(still_api: TestClient) -> None:
    body = {f"поле{number}": 1 for number in range(1_000)} | {"x" * 10_000: 1}
    answer = still_api.post(CUSTOMERS, json=body, headers=bearer("head"))
    errors = answer.json()["errors"]
    assert len(errors) == 50
    assert max(len(error["field"]) for error in errors) <= 200
    long = still_api.post(CUSTOMERS, json=a_customer() | {"x" * 10_000: 1}, headers=bearer("head"))
    assert [error["field"] for error in long.json()["errors"]] == ["x" * 200]
