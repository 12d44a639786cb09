"""Requests made to hurt: each is refused with its code, at once, and takes little memory."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import NO_TEMPORAL, a_product, app_settings, bearer
from support.cost import in_memory, in_time
from support.hostile import Request, corpus

from api.app import create_app

CORPUS = corpus()
SECONDS = 2.0
"""Of processor time in this process, client and server together; most need a hundredth."""
MEMORY = 40 * 1024 * 1024
"""At its peak; the largest bodies have 10 MiB, and the client holds them too."""


@pytest.fixture(scope="module")
def door(still_engine: Engine) -> Iterator[TestClient]:
    settings = app_settings(still_engine, bad_keys_at_once=1_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_ADDRESS", NO_TEMPORAL)
        with TestClient(create_app(settings, engine=still_engine), follow_redirects=False) as client:
            client.post("/api/v1/products", json=a_product(), headers=bearer("head"))
            yield client


def send(door: TestClient, request: Request) -> tuple[int, str]:
    headers = {name: value.encode("latin-1") for name, value in {**bearer(request.by), **request.headers}.items()}
    answer = door.request(request.method, request.url, content=request.content, headers=headers)
    if answer.status_code == 307:  # an address with a slash at its end
        answer = door.request(request.method, request.url.rstrip("/"), headers=headers)
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:200]
    assert len(answer.content) < 100_000, "an answer is no echo of what came"
    return answer.status_code, answer.json()["code"]


def test_there_are_enough_of_them() -> None:
    assert len({request.name for request in CORPUS}) == len(CORPUS)
    assert len(CORPUS) >= 300


@pytest.mark.parametrize("request_", CORPUS, ids=lambda request: request.name)
def test_a_hostile_request_is_refused(door: TestClient, request_: Request) -> None:
    with in_time(SECONDS):
        status, code = send(door, request_)
    assert 400 <= status < 500
    assert code in request_.codes


@pytest.mark.parametrize("request_", CORPUS, ids=lambda request: request.name)
def test_a_hostile_request_takes_little_memory(door: TestClient, request_: Request) -> None:
    with in_memory(MEMORY + 4 * len(request_.content or b"")):
        send(door, request_)
