"""How often a person and an address may call: one statement in PostgreSQL, told by the clock it is given."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, event, text
from starlette.requests import Request
from starlette.testclient import TestClient
from support.api import Company, app_settings, bearer, key_of

from activities.persistence.callers import RateLimit, address_subject, count_bad_key, identify
from activities.settings import Settings, SettingsError
from api import clock
from api.app import create_app
from api.auth import key_hash, person_behind
from domain.errors import UnauthenticatedError

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
LIMIT = RateLimit(at_once=5, per_minute=30)
"""Five at once, then one every two seconds."""
ME = "/api/v1/users/me"


def pause(engine: Engine, seconds: float, login: str = "head", limit: RateLimit = LIMIT) -> int:
    caller = identify(engine, key_hash(key_of(login)), limit, as_of=NOON + timedelta(seconds=seconds))
    assert caller is not None
    return caller.retry_after


def test_a_person_calls_so_often_and_no_more(engine: Engine, company: Company) -> None:
    assert [pause(engine, 0) for _ in range(5)] == [0] * 5
    assert pause(engine, 0) == 2
    assert pause(engine, 1.999999) == 1
    assert pause(engine, 2) == 0
    assert pause(engine, 2) == 2
    assert pause(engine, 3600) == 0
    assert [pause(engine, 3600) for _ in range(5)] == [0, 0, 0, 0, 2], "an hour of silence saves up no more than 5"


def test_a_refused_call_costs_nothing_more(engine: Engine, company: Company) -> None:
    for _ in range(30):
        pause(engine, 0)
    assert pause(engine, 2) == 0


def test_one_persons_calls_are_not_anothers(engine: Engine, company: Company) -> None:
    for _ in range(9):
        pause(engine, 0, "manager")
    assert pause(engine, 0, "manager") > 0
    assert pause(engine, 0, "manager2") == 0


def test_a_clock_that_was_ahead_locks_nobody_out(engine: Engine, company: Company) -> None:
    for _ in range(5):
        pause(engine, 86_400)
    assert [pause(engine, 0) for _ in range(6)] == [0, 0, 0, 0, 0, 2]


def test_parallel_calls_are_counted_one_by_one(engine: Engine, company: Company) -> None:
    limit = RateLimit(at_once=40, per_minute=60)
    with ThreadPoolExecutor(8) as callers:
        pauses = list(callers.map(lambda _: pause(engine, 0, limit=limit), range(100)))
    assert pauses.count(0) == 40


def test_who_calls_is_one_statement(engine: Engine, company: Company) -> None:
    pause(engine, 0)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *facts: statements.append(facts[2]))
    pause(engine, 0)
    assert len(statements) == 1
    with engine.connect() as connection:
        kind = connection.exec_driver_sql("SELECT relpersistence FROM pg_class WHERE relname = 'rate_limit'").scalar()
    assert kind == "u", "an unlogged table: a call does not wait for the disk"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1", True),
    ],
)
def test_addresses_that_are_one_caller(one: str, other: str, same: bool) -> None:
    assert (address_subject(one) == address_subject(other)) is same


def test_addresses_are_not_kept(engine: Engine) -> None:
    for number in range(300):
        count_bad_key(engine, f"198.51.100.{number}", LIMIT, as_of=NOON)
    with engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT string_agg(subject, ' ') FROM rate_limit").scalar_one()
    assert "198.51" not in kept
    assert all(int(subject.removeprefix("address:")) < 65_536 for subject in kept.split())


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)


@pytest.fixture
def limited(engine: Engine, company: Company) -> Iterator[tuple[TestClient, Clock]]:
    """An API with small limits and a clock that stands still."""
    settings = app_settings(
        engine, calls_at_once=3, calls_per_minute=60, bad_keys_at_once=2, bad_keys_per_minute=6
    )  # fmt: skip
    app: FastAPI = create_app(settings, engine=engine)
    still = Clock()
    app.dependency_overrides[clock.now] = still
    with TestClient(app) as client:
        yield client, still


def test_too_many_calls_are_a_problem_with_a_cure(limited: tuple[TestClient, Clock]) -> None:
    api, still = limited
    assert [api.get(ME, headers=bearer("head")).status_code for _ in range(3)] == [200] * 3
    refused = api.get(ME, headers=bearer("head", accept_language="en"))
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_calls")
    assert refused.headers["Retry-After"] == "1"
    assert "again in 1 s" in refused.json()["detail"]
    still.seconds = float(refused.headers["Retry-After"])
    assert api.get(ME, headers=bearer("head")).status_code == 200


def test_unknown_keys_are_counted_by_address_and_known_ones_still_open(limited: tuple[TestClient, Clock]) -> None:
    api, still = limited
    wrong = {"Authorization": "Bearer wrong"}
    assert [api.get(ME, headers=wrong).status_code for _ in range(3)] == [401, 401, 429]
    refused = api.get(ME, headers=wrong)
    assert (refused.json()["code"], refused.headers["Retry-After"]) == ("too_many_bad_keys", "10")
    assert api.get(ME, headers=bearer("head")).status_code == 200
    still.seconds = 9.9
    assert api.get(ME, headers=wrong).status_code == 429
    still.seconds = 10
    assert api.get(ME, headers=wrong).status_code == 401


def test_unknown_keys_with_a_large_body_are_counted_too(limited: tuple[TestClient, Clock]) -> None:
    """They are refused before the body is read, and so before any route."""
    api, _ = limited
    wrong = {"Authorization": "Bearer wrong"}
    answers = [api.post("/api/v1/bank-statements", content=b"x" * 200_000, headers=wrong) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[2].json()["code"] == "too_many_bad_keys"
    assert int(answers[2].headers["Retry-After"]) > 0


def test_a_large_body_of_a_known_key_is_one_call(
    limited: tuple[TestClient, Clock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted before it is read, and not again by the route; even if no route wants it."""
    api, still = limited

    async def now() -> datetime:
        return still()

    monkeypatch.setattr(clock, "now", now)  # asked by the guard without FastAPI
    doors = ("/api/v1/bank-statements", "/api/v1/nothing-here", "/api/v1/bank-statements", "/api/v1/bank-statements")
    key = bearer("accountant", content_type="text/plain")
    answers = [api.post(door, content=b"x" * 200_000, headers=key).status_code for door in doors]
    assert answers == [422, 404, 422, 429]


def test_a_key_that_is_taken_away_while_its_body_comes_opens_nothing(
    limited: tuple[TestClient, Clock], engine: Engine
) -> None:
    request = Request({"type": "http", "headers": [], "app": limited[0].app, "client": None})
    key, asked = key_of("head"), timedelta(minutes=1)
    assert person_behind(request, key, now=NOON).role == "head"
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM app_user WHERE key_hash = :it"), {"it": key_hash(key)})
    assert person_behind(request, key, now=NOON + asked - timedelta(milliseconds=1)).role == "head"
    with pytest.raises(UnauthenticatedError):
        person_behind(request, key, now=NOON + asked)


def test_calls_without_a_key_cost_no_statement(limited: tuple[TestClient, Clock], engine: Engine) -> None:
    """They guess nothing, so none is counted, and each is told that a key is needed."""
    api, _ = limited
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *facts: statements.append(facts[2]))
    for size in (0, 200_000) * 3:
        assert api.post("/api/v1/bank-statements", content=b"x" * size).status_code == 401
    assert [each for each in statements if "app_user" in each or "rate_limit" in each] == []


def test_limits_are_settings() -> None:
    names = ("CALLS_AT_ONCE", "CALLS_PER_MINUTE", "BAD_KEYS_AT_ONCE", "BAD_KEYS_PER_MINUTE")
    env = {"OPORA_DATABASE_URL": "postgresql://x"} | {f"OPORA_{name}": str(n) for n, name in enumerate(names, 7)}
    settings = Settings.from_env(env)
    assert [getattr(settings, name.lower()) for name in names] == [7, 8, 9, 10]
    with pytest.raises(SettingsError, match="OPORA_CALLS_AT_ONCE"):
        Settings.from_env(env | {"OPORA_CALLS_AT_ONCE": "0"})
