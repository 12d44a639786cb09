"""`backup` and `restore` of a local stack: PostgreSQL and Temporal together, while they run.

Temporal is copied first and PostgreSQL after it, because the skew between them is safe in one direction only. A process
older than its facts repeats steps whose keys are in the database already, and gets their stored results; facts older
than their process would be believed to exist and be missing for ever. What the older process does not know, the numbers
of its later steps, is settled by the restore: processes of orders begin anew from their rows.
"""

import asyncio
import contextlib
import getpass
import shutil
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.persistence import freezing
from activities.persistence.engine import make_engine
from activities.persistence.migrate import head, is_known, upgrade
from cli.local import base_backup
from cli.local.backup_set import TEMPORAL, BackupSet, Taken, read_set, small_files, write_set
from cli.local.data import DataDirectory, read_json
from cli.local.postgres import Postgres
from cli.local.problems import StackError
from cli.local.process import pick_port
from cli.local.temporal import Temporal
from domain.freezes import FreezeReason
from workflows.client import connect


def backup_command(data: DataDirectory, directory: Path) -> None:
    """Copy a running stack into a new directory, whole or not at all."""
    known = data.running()
    if data.holder() is None or known is None:
        raise StackError(f"Опора в {data.path} не работает: копия снимается с работающей системы (./opora up).")
    target = directory.expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StackError(f"Каталог {target} уже занят: укажите новый.")
    draft = target.with_name(target.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    try:
        begun = datetime.now(UTC)
        _copy_temporal(data.temporal, draft / TEMPORAL)
        temporal_at = datetime.now(UTC)
        base_backup.take(str(known["database"]), draft)
        for name in small_files(data.path):
            shutil.copyfile(data.path / name, draft / name)
        taken = Taken(begun, temporal_at, datetime.now(UTC))
        kept = write_set(draft, taken, schema=head())
        if target.exists():
            target.rmdir()
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    seconds = (taken.finished - taken.begun).total_seconds()
    print(f"Копия снята: {target}, {kept.size / 1024**2:.1f} МБ, {seconds:.1f} с.")


def restore_command(data: DataDirectory, directory: Path) -> None:
    """Bring a backup back into an empty data directory, frozen; whole or not at all."""
    begun = time.monotonic()
    source = directory.expanduser().absolute()
    kept = read_set(source)
    if not is_known(kept.schema):
        raise StackError(f"Копия снята более новой Опорой (схема {kept.schema}): восстановите её той же версией.")
    if data.path.exists() and (not data.path.is_dir() or any(data.path.iterdir())):
        raise StackError(f"Каталог {data.path} не пуст: копия восстанавливается только в пустой или новый каталог.")
    draft = DataDirectory(data.path.with_name(data.path.name + ".restoring"))
    shutil.rmtree(draft.path, ignore_errors=True)
    try:
        with draft.held():
            ended = _fill(draft, source, kept)
        if data.path.exists():
            data.path.rmdir()
        draft.path.rename(data.path)
    finally:
        shutil.rmtree(draft.path, ignore_errors=True)
    seconds = time.monotonic() - begun
    print(f"Восстановлено из копии от {kept.taken.finished:%d.%m.%Y %H:%M:%S} UTC в {data.path}, {seconds:.1f} с.")
    print(f"Процессов заказов, которые начнутся заново от записей базы: {ended}.")
    print("Письма остановлены. Дальше: ./opora up, ./opora reconcile, ./opora thaw.")


def _fill(draft: DataDirectory, source: Path, kept: BackupSet) -> int:
    """Unpack both servers, let each come up once, freeze the one and end the order processes of the other."""
    for name in small_files(source):
        shutil.copyfile(source / name, draft.path / name)
        (draft.path / name).chmod(0o600)
    shutil.copyfile(source / TEMPORAL, draft.temporal)
    password = str((read_json(draft.postgres_password) or {}).get("password", ""))
    postgres = Postgres(draft.postgres, pick_port(0), log=draft.log("restore"), password=password)
    base_backup.unpack(postgres, source)
    postgres.start()
    try:
        engine = make_engine(postgres.url(), pool_size=1)
        upgrade(engine)
        with Session(engine) as session, session.begin():
            freezing.freeze(
                session, FreezeReason.RESTORE, by=getpass.getuser(), at=datetime.now(UTC), backup_at=kept.taken.finished
            )
        engine.dispose()
    finally:
        postgres.stop()
    base_backup.check_pages(postgres)
    temporal = Temporal(pick_port(0), log=draft.log("restore"), database=draft.temporal)
    temporal.start()
    try:
        return asyncio.run(_end_order_processes(temporal.address))
    finally:
        temporal.stop()


async def _end_order_processes(address: str) -> int:
    """Nobody serves them now, so the list is final."""
    client: Client = await connect(address)
    running = "WorkflowType = 'OrderWorkflow' AND ExecutionStatus = 'Running'"
    found = [each async for each in client.list_workflows(running, page_size=1_000)]
    ended = 0
    for each in found:
        try:
            await client.get_workflow_handle(each.id, run_id=each.run_id).terminate("restored from a backup")
            ended += 1
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    return ended


def _copy_temporal(source: Path, target: Path) -> None:
    """One read transaction over the whole file, whoever writes meanwhile."""
    with (
        contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=30)) as original,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        original.backup(copy)
    target.chmod(0o600)
