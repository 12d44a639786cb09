"""Keys: nobody gets in without one. Which role passes which door is in `test_permissions.py`."""

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import LOGINS, bearer


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer nobody-has-this"},
        {"Authorization": "Basic dGVzdC1rZXktb2YtaGVhZA=="},
        {"Authorization": "test-key-of-head"},
        {"Authorization": "Bearer test-key-of-head "},
        {"Authorization": "Bearer " + "x" * 10_000},
        {"X-Api-Key": "test-key-of-head"},
    ],
)
def test_without_a_known_key_nothing_opens(still_api: TestClient, headers: dict[str, str]) -> None:
    answer = still_api.get("/api/v1/users/me", headers=headers)
    if headers.get("Authorization", "").strip() == "Bearer test-key-of-head":
        assert answer.status_code == 200  # blanks around a header are no part of it
        return
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthenticated"


def test_a_key_is_known_by_its_hash_alone(still_api: TestClient, still_engine: Engine) -> None:
    with still_engine.connect() as connection:
        dump = str(connection.exec_driver_sql("SELECT * FROM app_user").all())
    assert "test-key-of" not in dump


def test_d14_what_is_stored_of_a_key_opens_nothing(still_api: TestClient, still_engine: Engine) -> None:
    """Whoever reads the database, or a copy of it, cannot call in anybody's name."""
    with still_engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT key_hash FROM app_user").scalars().all()
    assert len(stored) == len(LOGINS)
    for key_hash in stored:
        answer = still_api.get("/api/v1/users/me", headers={"Authorization": f"Bearer {key_hash}"})
        assert answer.status_code == 401


@pytest.mark.parametrize("login", LOGINS)
def test_everybody_learns_who_they_are(still_api: TestClient, login: str) -> None:
    me = still_api.get("/api/v1/users/me", headers=bearer(login)).json()
    assert (me["login"], me["role"]) == (login, LOGINS[login])
    assert me["role_name"]
