"""What every answer tells browsers, whoever gives it: a route, a refusal, the guard of bodies, a bug."""

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import app_settings, bearer

from api.app import create_app
from api.security import HEADERS, HSTS

ME = "/api/v1/users/me"


@pytest.mark.parametrize(
    ("method", "url", "status", "body"),
    [
        ("GET", ME, 200, None),
        ("GET", "/healthz", 200, None),
        ("GET", "/openapi.json", 200, None),
        ("GET", "/nothing", 404, None),
        ("DELETE", ME, 405, None),
        ("GET", "/api/v1/customers?limit=0", 422, None),
        ("GET", "/api/v1/customers?name=%00", 400, None),
        ("POST", "/api/v1/products", 403, b"{}"),
        ("POST", "/api/v1/customers", 400, b"{"),
        ("POST", "/api/v1/customers", 413, b"x" * 1_000_000),
        ("GET", "/bug", 500, None),
    ],
)
def test_every_answer_is_dressed(still_engine: Engine, method: str, url: str, status: int, body: bytes | None) -> None:
    app = create_app(app_settings(still_engine), engine=still_engine)

    @app.get("/bug")
    def bug() -> None:
        raise ValueError

    with TestClient(app, raise_server_exceptions=False) as api:
        answer = api.request(method, url, content=body, headers=bearer("lawyer", content_type="application/json"))
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers


def test_https_is_demanded_where_people_come_by_it(still_engine: Engine) -> None:
    app = create_app(app_settings(still_engine, public_url="https://opora.example"), engine=still_engine)
    with TestClient(app) as api:
        assert api.get("/healthz").headers["Strict-Transport-Security"] == HSTS["Strict-Transport-Security"]
