"""No key and nothing about people in a log, whatever goes wrong: in the API, in the worker, in PostgreSQL."""

import io
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session
from support.api import Company, a_customer, a_product, bearer, doors, key_of
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

from activities.interceptor import RefusalInterceptor
from activities.logs import FORMAT, PrivateFormatter
from activities.persistence import parties
from api.app import create_app
from cli.local.postgres import Postgres

ROOT = Path(__file__).parents[2]
PLANTED = {
    "name": "Ромашкина-Секретная", "email": "tayna@sekret.example", "phone": "+7 701 999 88 77",
    "tax_id": "210340000003", "comment": "дочь директора",
}  # fmt: skip


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a process of ours writes, at the level of the worker; without the client of these very tests."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(PrivateFormatter(FORMAT))
    handler.addFilter(lambda record: not record.name.startswith("httpx"))
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield written
    root.removeHandler(handler)
    root.setLevel(before)


def people() -> dict[str, Any]:
    contact = {"role": "buyer", "name": PLANTED["name"], "email": PLANTED["email"], "phone": PLANTED["phone"]}
    return a_customer(name=f"ТОО {PLANTED['name']}", contacts=[contact], credit_limit="0")


def assert_private(written: str) -> None:
    found = [value for value in (*PLANTED.values(), key_of("head"), "test-key") if value in written]
    assert found == [], written


def test_requests_that_fail_in_every_way(
    engine: Engine, company: Company, postgres_server: Postgres, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    with doors(create_app, engine) as api:
        api._transport.raise_server_exceptions = False  # type: ignore[attr-defined]

        def post(path: str, body: Any) -> int:
            return api.post(f"/api/v1/{path}", json=body, headers=bearer("head")).status_code

        assert [post("customers", people()) for _ in range(2)] == [201, 409]
        assert post("customers", people() | {"comment": PLANTED["comment"]}) == 422
        assert api.get(f"/api/v1/customers?name={PLANTED['name']}", headers=bearer("head")).status_code == 200
        assert api.get("/api/v1/users/me", headers={"Authorization": f"Bearer {PLANTED['comment']}".encode()}).is_error
        api.post("/api/v1/products", json=a_product(), headers=bearer("head"))

        def a_bug(*_: Any, **__: Any) -> None:
            raise ValueError(f"bad {PLANTED}, key {key_of('head')}")

        with monkeypatch.context() as patch:
            patch.setattr(parties, "create_customer", a_bug)
            assert post("customers", people()) == 500

        def a_broken_row(session: Session, *_: Any, **__: Any) -> None:
            statement = "INSERT INTO contact (id, customer_id, role, name, email) VALUES (:id, :id, 'x', :name, :email)"
            session.execute(text(statement), {"id": company.entity_id, **PLANTED})

        with monkeypatch.context() as patch:
            patch.setattr(parties, "create_customer", a_broken_row)
            assert post("customers", people()) == 500
    written = log.getvalue()
    assert written.count("bug in POST /api/v1/customers") == 2
    assert "ValueError" in written
    assert "ForeignKeyViolation 23503 contact_customer_id_fkey" in written
    assert "test_private_logs.py" in written, "it says where"
    assert_private(written)
    server = postgres_server.log.read_text(encoding="utf-8", errors="replace")
    assert "contact_customer_id_fkey" in server
    assert_private(server)


@activity.defn
def stumble() -> None:
    raise ValueError(f"bad {PLANTED}")


@workflow.defn(sandboxed=False)
class StumblingWorkflow:
    @workflow.run
    async def run(self) -> None:
        once = RetryPolicy(maximum_attempts=1)
        await workflow.execute_activity(stumble, start_to_close_timeout=timedelta(seconds=9), retry_policy=once)


@pytest.mark.anyio
async def test_an_activity_that_fails(client: Client, task_queue: str, log: io.StringIO) -> None:
    with ThreadPoolExecutor(1) as threads:
        worker = Worker(
            client,
            task_queue=task_queue,
            workflows=[StumblingWorkflow],
            activities=[stumble],
            activity_executor=threads,
            interceptors=[RefusalInterceptor()],
        )
        async with worker:
            with pytest.raises(WorkflowFailureError):
                await client.execute_workflow(StumblingWorkflow.run, id=task_queue, task_queue=task_queue)
    assert "Completing activity as failed" in log.getvalue()
    assert "builtins.ValueError" in log.getvalue()
    assert_private(log.getvalue())


def test_an_error_is_told_with_its_causes_and_without_words(log: io.StringIO) -> None:
    try:
        try:
            raise KeyError(PLANTED["name"])
        except KeyError as error:
            raise RuntimeError(PLANTED["email"]) from error
    except RuntimeError:
        logging.getLogger("opora").exception("it went wrong")
    kinds = [line for line in log.getvalue().splitlines() if line.startswith("builtins.") or line == "because of"]
    assert kinds == ["builtins.RuntimeError", "because of", "builtins.KeyError"]
    assert_private(log.getvalue())


@pytest.mark.parametrize("program", ["worker.py", "cli/local/serve.py"])
def test_our_processes_log_so(program: str) -> None:
    assert "log_privately(" in (ROOT / program).read_text(encoding="utf-8")


def test_containers_run_our_processes() -> None:
    text = (ROOT / "docker/entrypoint.sh").read_text(encoding="utf-8")
    started = dict(re.findall(r"^    (worker|api)\) exec python (?:-m )?(\S+(?: api)?)", text, re.MULTILINE))
    assert started == {"worker": "worker.py", "api": "cli api"}
