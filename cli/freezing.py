"""`freeze`, `reconcile`, `thaw`: stop what leaves the house, hold a restored house against the world, go on."""

import asyncio
import getpass
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlmodel import Session
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from activities.persistence import discrepancies, freezing
from activities.persistence.orders import legal_entity
from cli.database import database_of
from cli.importing import find_stack
from cli.local.problems import StackError
from domain.freezes import FreezeReason
from domain.sweeps import StockSweep
from domain.watch import Watch, Watched
from domain.wording.watch import discrepancy_text, frozen_text
from workflows.client import connect
from workflows.sweep import StockSweepWorkflow
from workflows.watch import WatchWorkflow

CALM = timedelta(seconds=5)
"""The grace of a round that a person asks for: longer than the engine's lists lag behind."""
PATIENCE = timedelta(minutes=10)
SHOWN = 50


def freeze_command(data: Path | None, comment: str | None) -> None:
    """Let no letter leave from now on."""
    with database_of(data) as engine:
        with Session(engine) as session, session.begin():
            freezing.freeze(session, FreezeReason.STOP, by=getpass.getuser(), at=datetime.now(UTC), comment=comment)
        for line in frozen_lines(engine):
            print(line)


def thaw_command(data: Path | None, *, accept_findings: bool = False) -> None:
    """Let letters go again; refused while a restored house is not reconciled, or open findings are not accepted."""
    with database_of(data) as engine, Session(engine) as session, session.begin():
        freezing.thaw(session, by=getpass.getuser(), at=datetime.now(UTC), accept_findings=accept_findings)
    print("Отправка писем возобновлена: то, что ждало, уйдёт в ближайшие минуты.")


def reconcile_command(data: Path | None) -> bool:
    """A round of the watchdog and one of the stock now, and after a restore the letters that may have gone; whether
    nothing is left open."""
    with database_of(data) as engine:
        asyncio.run(_round(data))
        with Session(engine) as session, session.begin():
            freezing.note_reconciled(session, at=datetime.now(UTC))
        lines = list(discrepancy_lines(engine))
        for line in (*lines, *frozen_lines(engine)):
            print(line)
        print(f"Осталось расхождений: {len(lines)}." if lines else "Сверка прошла, расхождений нет.")
        return not lines


def discrepancy_lines(engine: Engine) -> Iterator[str]:
    """The open discrepancies in words, the first of them."""
    with Session(engine) as session:
        for row in discrepancies.page_of(session, "open", limit=SHOWN):
            yield discrepancy_text(row.kind, object=row.object, expected=row.expected, found=row.found)


def frozen_lines(engine: Engine) -> Iterator[str]:
    """Why nothing leaves the house, on the company's clock."""
    with Session(engine) as session:
        findings = sum(discrepancies.counts(session).values())
        for row in freezing.lasting(session):
            since = row.frozen_at.astimezone(ZoneInfo(legal_entity(session).timezone))
            yield frozen_text(row.reason, since, reconciled=row.reconciled_at is not None, findings=findings)


async def _round(data: Path | None) -> None:
    stack = find_stack(data)
    try:
        client = await connect(stack.temporal, keys=stack.keys)
        watched = await watch_round(client, stack.task_queue)
        if watched.repaired:
            await asyncio.sleep(CALM.total_seconds())  # processes that have just begun release what ran out meanwhile
        await client.execute_workflow(
            StockSweepWorkflow.run,
            StockSweep(),
            id=f"stock-sweep-{uuid4()}",
            task_queue=stack.task_queue,
            static_summary="Обход очередей и сверка остатков по просьбе администратора",
            execution_timeout=PATIENCE,
        )
    except (RPCError, RuntimeError):
        raise StackError("Temporal не отвечает: проверьте, что система запущена (./opora up).") from None
    except WorkflowFailureError:
        raise StackError("Сверка не закончилась вовремя: проверьте ./opora doctor, работает ли воркер.") from None


async def watch_round(client: Client, task_queue: str) -> Watched:
    """A round of the watchdog now, with the letters that may have gone; what it finds is `discrepancy` rows.

    Raises:
        RPCError: the engine does not answer.
        WorkflowFailureError: the round did not end within `PATIENCE`.
    """
    watched: Watched = await client.execute_workflow(
        WatchWorkflow.run,
        Watch(CALM, doubtful=True),
        id=f"watchdog-{uuid4()}",
        task_queue=task_queue,
        static_summary="Сверка по просьбе администратора",
        execution_timeout=PATIENCE,
    )
    return watched
