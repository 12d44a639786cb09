"""The codec endpoint: for the admin alone, for the page of the Temporal UI alone, in the protocol of codec servers."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import json_format
from sqlalchemy import Engine
from starlette.testclient import TestClient
from support.api import LOGINS, NO_TEMPORAL, bearer
from temporalio.api.common.v1 import Payload, Payloads

from activities.payload_keys import parse_keys
from activities.settings import Settings
from api.app import create_app
from workflows.client import connect

KEY, OTHER = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
UI = "https://temporal.example"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps("Секрет Пелагеи").encode())


@pytest.fixture(scope="module")
def codec_api(still_engine: Engine) -> Iterator[TestClient]:
    temporal = asyncio.run(connect(NO_TEMPORAL, keys=parse_keys(f"k2:{OTHER} k1:{KEY}"), lazy=True))
    settings = Settings(database_url="postgresql://127.0.0.1:1/none", temporal_ui=UI)
    with TestClient(create_app(settings, engine=still_engine, temporal=temporal)) as client:
        yield client


def sealed(text: str) -> dict[str, Any]:
    converter = asyncio.run(connect(NO_TEMPORAL, keys=parse_keys(text), lazy=True)).data_converter
    assert converter.payload_codec is not None
    return body(asyncio.run(converter.payload_codec.encode([PLAIN])))


def body(payloads: list[Payload]) -> dict[str, Any]:
    """As the UI sends them: Protobuf's own JSON."""
    return json_format.MessageToDict(Payloads(payloads=payloads))


def test_the_admin_opens_what_any_known_key_sealed(codec_api: TestClient) -> None:
    for keys in (f"k1:{KEY}", f"k2:{OTHER}"):
        answer = codec_api.post("/codec/decode", json=sealed(keys), headers=bearer("admin"))
        assert answer.status_code == 200
        assert answer.json() == body([PLAIN])


def test_what_the_admin_seals_opens_again(codec_api: TestClient) -> None:
    closed = codec_api.post("/codec/encode", json=body([PLAIN]), headers=bearer("admin")).json()
    assert "Пелагеи" not in base64.b64decode(closed["payloads"][0]["data"]).decode("utf-8", "replace")
    assert codec_api.post("/codec/decode", json=closed, headers=bearer("admin")).json() == body([PLAIN])


@pytest.mark.parametrize("method", ["GET /codec", "POST /codec/decode", "POST /codec/encode"])
def test_nobody_but_the_admin_gets_in(codec_api: TestClient, method: str) -> None:
    verb, path = method.split()
    for login in LOGINS:
        answer = codec_api.request(verb, path, json={"payloads": []} if verb == "POST" else None, headers=bearer(login))
        assert answer.status_code == (200 if login == "admin" else 403), login
    nobody = codec_api.request(verb, path, json={"payloads": []} if verb == "POST" else None)
    assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthenticated")


def test_a_browser_gives_the_key_as_a_password(codec_api: TestClient) -> None:
    large = b'{"payloads": [{"data": "' + b"A" * 100_000 + b'"}]}'  # refused before it is read
    for asked in (codec_api.get("/codec"), codec_api.post("/codec/decode", content=large)):
        assert (asked.status_code, asked.headers["WWW-Authenticate"][:6]) == (401, "Basic ")
    assert codec_api.get("/codec", auth=("whoever", "test-key-of-admin")).json() == {
        "writes": "k2",
        "reads": ["k2", "k1"],
    }
    assert codec_api.get("/codec", auth=("whoever", "test-key-of-head")).status_code == 403
    for broken in ("Basic", "Basic ====", "Basic " + base64.b64encode(b"no colon").decode(), "Basic /w=="):
        assert codec_api.get("/codec", headers={"Authorization": broken}).status_code == 401


def test_only_the_page_of_the_ui_may_ask_and_only_here(codec_api: TestClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-namespace"}
    allowed = codec_api.options("/codec/decode", headers=asked | {"Origin": UI})
    assert allowed.headers["Access-Control-Allow-Origin"] == UI
    assert allowed.headers["Access-Control-Allow-Credentials"] == "true"
    for path, origin in (("/codec/decode", "https://evil.example"), ("/api/v1/orders", UI), ("/codec", UI)):
        refused = codec_api.options(path, headers=asked | {"Origin": origin})
        assert "Access-Control-Allow-Origin" not in refused.headers, (path, origin)
    answer = codec_api.post("/codec/decode", json={}, headers=bearer("admin") | {"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_what_cannot_be_opened_names_the_key_and_no_secret(codec_api: TestClient) -> None:
    answer = codec_api.post("/codec/decode", json=sealed(f"lost:{KEY}"), headers=bearer("admin"))
    assert (answer.status_code, answer.json()["code"], answer.json()["key"]) == (409, "payload_unreadable", "lost")
    assert KEY not in answer.text


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"[]", 422),
        (b'{"payloads": 1}', 422),
        (b'{"payloads": [{"data": "?"}]}', 422),
        (b'{"payloads": [{"metadata": {"encoding": "AA"}}]}', 422),
        (b'{"payloads": [{"data": "' + b"A" * 4_000_000 + b'"}]}', 413),
        (b"{" * 100_000, 400),
    ],
)
def test_a_bad_body_is_refused(codec_api: TestClient, content: bytes, status: int) -> None:
    headers = bearer("admin") | {"Content-Type": "application/json"}
    assert codec_api.post("/codec/decode", content=content, headers=headers).status_code == status


def test_without_keys_there_is_no_codec(still_api: TestClient) -> None:
    assert still_api.get("/codec", headers=bearer("admin")).status_code == 404
    assert still_api.post("/codec/decode", json={}, headers=bearer("admin")).status_code == 404
    assert still_api.post("/codec/decode", json={}).status_code == 401
