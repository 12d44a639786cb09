"""`doctor`: each part of a local stack in one line, with the cure beside what is broken."""

import shutil
import smtplib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cli.local.data import ROOT, DataDirectory, read_json
from cli.local.problems import StackError
from cli.local.stack import answers

if TYPE_CHECKING:
    from sqlalchemy import Engine

_LITTLE_ROOM_MB = 500
_LATE_WATCH = timedelta(minutes=30)

Finding = tuple[bool, str]
"""Whether it is in order, and the line that says so."""


def examine(data: DataDirectory) -> bool:
    """Print what was found; True when nothing is broken."""
    healthy = True
    for good, line in _findings(data):
        print(f"{'✓' if good else '✗'} {line}", flush=True)
        healthy = healthy and good
    print("Всё в порядке." if healthy else "Есть неполадки: смотрите строки с ✗.")
    return healthy


def _findings(data: DataDirectory) -> Iterator[Finding]:
    yield _python()
    yield _installed()
    yield from _programs()
    yield _room(data)
    known = data.running()
    if data.holder() is None or known is None:
        yield False, f"Опора в {data.path} не работает: запустите ./opora up --detach"
        return
    yield True, f"Опора работает: {known['api']}, каталог {data.path}"
    yield from _database(str(known["database"]))
    up_since = datetime.fromtimestamp(data.run_json.stat().st_mtime, UTC)
    yield from _temporal(str(known["temporal"]), up_since)
    yield _payload_keys(known)
    if answers(known["api"] + "/readyz"):
        yield True, "API готов"
    else:
        yield False, f"API не готов: смотрите {data.log('api')}"
    yield _mail(data)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return sys.version_info >= (3, 11), f"Python {version}"


def _installed() -> Finding:
    stamp = ROOT / ".venv" / "opora-installed.txt"
    lock = ROOT / "requirements" / "dev.txt"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return True, "Пакеты установлены по requirements/dev.txt"
    return False, "Пакеты не совпадают с requirements/dev.txt: запускайте через ./opora, он установит недостающие"


def _programs() -> Iterator[Finding]:
    from cli.local.postgres import binaries
    from cli.local.temporal import binary

    finders: dict[str, Callable[[], object]] = {"PostgreSQL": binaries, "Temporal": binary}
    for name, find in finders.items():
        try:
            yield True, f"Программа {name}: {find()}"
        except StackError as error:
            yield False, str(error)


def _room(data: DataDirectory) -> Finding:
    place = data.path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free // 1024**2
    if free < _LITTLE_ROOM_MB:
        return False, f"На диске с {place} свободно только {free} МБ: освободите место"
    return True, f"На диске свободно {free / 1024:.0f} ГБ"


def _database(url: str) -> Iterator[Finding]:
    from sqlalchemy.exc import SQLAlchemyError

    from activities.persistence.engine import make_engine
    from activities.persistence.migrate import at_head

    engine = make_engine(url, pool_size=1)
    try:
        current = at_head(engine)
        yield True, f"PostgreSQL отвечает на порту {urlsplit(url).port}"
        yield current, "Схема базы нынешняя" if current else "Схема базы устарела: ./opora down и ./opora up"
        if current:
            yield _stock(engine)
            yield from _discrepancies(engine)
    except SQLAlchemyError:
        yield False, f"PostgreSQL не отвечает на порту {urlsplit(url).port}: смотрите журнал postgres.log"
    finally:
        engine.dispose()


def _stock(engine: "Engine") -> Finding:
    from activities.persistence.replay import snapshot
    from activities.persistence.stock_drift import check_stock

    with snapshot(engine) as session:
        report = check_stock(session, as_of=datetime.now(UTC))
    if report.count:
        return False, f"Остатки не сходятся, расхождений: {report.count}. Подробно: ./opora audit stock"
    return True, "Остатки сходятся с движениями и резервами"


def _discrepancies(engine: "Engine") -> Iterator[Finding]:
    from cli.freezing import discrepancy_lines, frozen_lines

    for line in frozen_lines(engine):
        yield False, line
    lines = list(discrepancy_lines(engine))
    for line in lines:
        yield False, line
    if not lines:
        yield True, "База, процессы и письма сходятся"


def _temporal(address: str, up_since: datetime) -> Iterator[Finding]:
    import asyncio

    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
    from temporalio.client import Client
    from temporalio.service import RPCError

    from activities.temporal_view import last_asked
    from domain.watch import silent_queues
    from workflows.ids import SEARCH_ATTRIBUTES, TASK_QUEUE, mail_queue
    from workflows.schedules import last_watch

    async def ask() -> tuple[set[str], dict[str, datetime | None], datetime | None]:
        client = await Client.connect(address)
        listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="default"))
        queues = {
            TASK_QUEUE: await last_asked(client, TASK_QUEUE),
            mail_queue(TASK_QUEUE): await last_asked(client, mail_queue(TASK_QUEUE), of="activity"),
        }
        return set(listed.custom_attributes), queues, await last_watch(client)

    try:
        attributes, queues, watched = asyncio.run(ask())
    except (RPCError, RuntimeError):
        yield False, f"Temporal не отвечает на {address}: смотрите журнал temporal.log"
        return
    yield True, f"Temporal отвечает на {address}"
    missing = sorted(set(SEARCH_ATTRIBUTES) - attributes)
    yield not missing, f"Нет атрибутов поиска {', '.join(missing)}" if missing else "Атрибуты поиска на месте"
    now = datetime.now(UTC)
    silent = [finding.object for finding in silent_queues(queues, now)]
    for queue in queues:
        words = "Воркер не берёт работу: смотрите журнал worker.log" if queue in silent else "Воркер берёт работу"
        yield queue not in silent, f"{words} ({queue})"
    late = watched is None or now - max(watched, up_since) > _LATE_WATCH
    words = (
        "Сверка базы и процессов давно не запускалась: работает ли воркер?" if late else "Сверка базы и процессов идёт"
    )
    yield not late, words


def _payload_keys(known: dict[str, object]) -> Finding:
    from cli.local.keys import keys_of

    try:
        keys = keys_of(known)
    except StackError as error:
        return False, str(error)
    if keys.writes is None:
        return True, "Данные процессов в Temporal не шифруются; включить: ./opora up --encrypt"
    return True, f"Данные процессов в Temporal шифруются ключом {keys.writes}; читаются: {', '.join(keys.known)}"


def _mail(data: DataDirectory) -> Finding:
    port = (read_json(data.processes_json) or {}).get("mail_port")
    try:
        with smtplib.SMTP("127.0.0.1", int(port or 0), timeout=3) as server:
            server.noop()
    except (OSError, smtplib.SMTPException):
        return False, f"Почтовый сервер не отвечает: смотрите {data.log('mail')}"
    return True, f"Почтовый сервер отвечает на порту {port}"
