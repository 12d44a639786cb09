"""`./opora import FILE`: takes a company over from a workbook or CSV files, all of it or nothing."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from sqlmodel import Session
from temporalio.client import Client
from temporalio.service import RPCError

from activities.adapters.spreadsheets import Source, UnreadableFileError, read_source
from activities.handoff import HandoffActivities
from activities.payload_keys import PayloadKeys
from activities.persistence.engine import make_engine
from activities.persistence.import_task import ImportRefusedError, NoCompanyError, Written
from activities.persistence.importing import begin_import, known_company, write_company
from activities.persistence.reconsideration import reconsider_account
from activities.requisites import check_kpp, check_tax_id
from activities.settings import SettingsError, read_secret
from cli.local.data import USUAL, DataDirectory
from cli.local.keys import keys_of
from cli.local.problems import StackError
from domain.import_records import Requisites
from domain.import_sheets import RowProblem
from domain.importing import read_company
from workflows.client import connect
from workflows.ids import TASK_QUEUE, order_workflow_id

KINDS = {
    "customers": "Клиенты",
    "contracts": "Договоры",
    "products": "Товары",
    "stock": "Остатки",
    "invoices": "Счета",
}
OUTCOMES = {"created": "создано", "updated": "изменено", "unchanged": "без изменений"}
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the running system is; `temporal` None: as the environment says."""

    database: str
    temporal: str | None
    task_queue: str = TASK_QUEUE
    keys: PayloadKeys | None = None


@dataclass(slots=True)
class Report:
    """What became of a file, for people and as JSON."""

    file: str
    dry_run: bool
    sha256: str | None = None
    written: bool = False
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    problems: list[RowProblem] = field(default_factory=list)
    notices: list[RowProblem] = field(default_factory=list)
    watched_invoices: int = 0


def import_command(
    file: Annotated[Path | None, typer.Argument(help="Книга .xlsx, файл .csv или каталог с файлами .csv.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Проверить и показать отчёт, ничего не записывая.")
    ] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Каталог данных работающей системы.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Отчёт одной строкой JSON.")] = False,
    sample: Annotated[Path | None, typer.Option("--sample", help="Записать книгу-образец и выйти.")] = None,
) -> None:
    """Загрузить клиентов, договоры, товары с остатками и открытые счета."""
    try:
        if sample is not None:
            _write_sample(sample)
            return
        if file is None:
            raise StackError(
                "Укажите файл: ./opora import company.xlsx; образец даст ./opora import --sample company.xlsx."
            )
        report = asyncio.run(import_file(find_stack(data), file, dry_run=dry_run, quiet=as_json))
    except (StackError, UnreadableFileError) as error:
        _say_error(error, as_json)
        raise typer.Exit(1) from error
    if as_json:
        print(json.dumps(asdict(report), ensure_ascii=False))
    else:
        show(report, Console(soft_wrap=True))
    if report.problems:
        raise typer.Exit(1)


def find_stack(data: Path | None) -> Stack:
    """The stack of `--data`, or the one the environment names, or the one in the usual directory.

    Raises:
        StackError: it does not run.
    """
    queue = os.environ.get("OPORA_TASK_QUEUE") or TASK_QUEUE
    database = _database_of_environment() if data is None else None
    if database:
        return Stack(database, None, queue)
    directory = DataDirectory(data or USUAL)
    running = directory.running()
    if running is None:
        raise StackError(f"В каталоге {directory.path} Опора не запущена: запустите её командой ./opora up.")
    return Stack(running["database"], running["temporal"], queue, keys_of(running))


def _database_of_environment() -> str | None:
    try:
        return read_secret("OPORA_DATABASE_URL")
    except SettingsError as error:
        raise StackError(str(error)) from None


async def import_file(stack: Stack, file: Path, *, dry_run: bool, quiet: bool = False) -> Report:
    """Read, judge and write a file, then start the watch over its invoices.

    Raises:
        StackError: the stack does not answer; nothing was written unless the sentence says so.
        UnreadableFileError: the file is no table.
    """
    with _progress(quiet) as bar:
        bar.add_task("Чтение файла", total=None)
        source = read_source(file)
        report = Report(str(file), dry_run, source.sha256)
        rows = sum(len(sheet.rows) for sheet in source.sheets)
        client = None if dry_run else await _client(stack)
        step = bar.add_task("Проверка и запись", total=rows)
        engine = make_engine(stack.database, pool_size=1)
        try:
            with _database_words():
                written, orders = write_file(engine, source, report, as_of=datetime.now(UTC), keep=not dry_run)
        finally:
            engine.dispose()
        bar.update(step, completed=rows)
        if client is not None and written is not None:
            await _hand_over(HandoffActivities(client, stack.task_queue), written, orders, report, bar)
    return report


def write_file(
    engine: Engine, source: Source, report: Report, *, as_of: datetime, keep: bool
) -> tuple[Written | None, list[str]]:
    """Judge and write in one transaction; without `keep`, or with one bad row, nothing stays."""
    with Session(engine) as session:
        task = begin_import(session, source.sha256, as_of=as_of)
        known = known_company(task)
        requisites = Requisites(tax_id=check_tax_id, kpp=check_kpp)
        reading = read_company(source.sheets, known, requisites, whole=source.whole)
        report.problems, report.notices = reading.problems, reading.notices
        if reading.problems:
            return None, []
        try:
            written = write_company(task, reading.company, known)
            session.flush()
        except ImportRefusedError as refused:
            report.problems = refused.problems
            return None, []
        report.notices += written.notices
        for (kind, outcome), number in sorted(written.counts.items()):
            report.counts.setdefault(kind, dict.fromkeys(OUTCOMES, 0))[outcome] = number
        orders = [
            order_workflow_id(order)
            for account in sorted(written.changed_accounts)
            for order in reconsider_account(session, account, at=as_of)
        ]
        if not keep:
            return None, []
        session.commit()
        report.written = True
    return written, orders


async def _hand_over(
    handoff: HandoffActivities, written: Written, orders: list[str], report: Report, bar: Progress
) -> None:
    """Start what watches each open invoice; tell orders that got goods, or whose customer's limit changed."""
    step = bar.add_task("Наблюдение за счетами", total=len(written.watch))
    try:
        for start in range(0, len(written.watch), _BATCH):
            part = written.watch[start : start + _BATCH]
            await handoff.start_invoices(part)
            report.watched_invoices += len(part)
            bar.advance(step, len(part))
        served = [order_workflow_id(str(order)) for order in sorted(written.served_orders)]
        await handoff.signal_workflows(served, "stock_allocated")
        await handoff.signal_workflows(orders, "exposure_lowered")
    except (RPCError, RuntimeError) as error:
        raise StackError(
            "Данные записаны, но Temporal перестал отвечать: повторите ту же загрузку, "
            "она ничего не удвоит и запустит наблюдение за счетами."
        ) from error


async def _client(stack: Stack) -> Client:
    try:
        return await connect(stack.temporal, keys=stack.keys)
    except SettingsError as error:
        raise StackError(str(error)) from None
    except (RPCError, RuntimeError) as error:
        raise StackError(
            "Temporal не отвечает: проверьте, что система запущена (./opora up). Ничего не записано."
        ) from error


@contextmanager
def _database_words() -> Iterator[None]:
    """What the database refuses, as sentences."""
    try:
        yield
    except NoCompanyError as error:
        raise StackError("В базе нет вашей организации: запустите ./opora up, он её заведёт.") from error
    except IntegrityError as error:
        raise StackError(
            "Пока файл проверялся, те же записи изменил кто-то ещё. Ничего не записано: повторите."
        ) from error
    except ProgrammingError as error:
        raise StackError("База данных не подготовлена: выполните ./opora migrate.") from error
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":
            text = "Данные заняты другой операцией. Ничего не записано: повторите через минуту."
        else:
            text = "PostgreSQL не отвечает: проверьте, что система запущена (./opora up). Ничего не записано."
        raise StackError(text) from error


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        yield bar


# --- what people read


def show(report: Report, console: Console) -> None:
    """The report for people: every bad row, every remark, then the outcome."""

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False)

    for problem in report.problems:
        say(f"Ошибка. {place(problem)}{problem.text}")
    for notice in report.notices:
        say(f"Заметка. {place(notice)}{notice.text}")
    if report.problems:
        say(f"Ошибок: {len(report.problems)}. Ничего не записано: исправьте строки и загрузите файл снова.")
        return
    for kind, counts in sorted(report.counts.items(), key=lambda item: list(KINDS).index(item[0])):
        say(f"{KINDS[kind]}: " + ", ".join(f"{word} {counts[name]}" for name, word in OUTCOMES.items()))
    if report.dry_run:
        say("Проверка прошла, ничего не записано (--dry-run).")
    else:
        say(f"Загружено. Открытых счетов под наблюдением: {report.watched_invoices}.")


def place(problem: RowProblem) -> str:
    """Where a problem stands: «Клиенты», строка 5, столбец D «Кредитный лимит»: …"""
    parts = [f"«{problem.sheet}»"] if problem.sheet else []
    if problem.line is not None:
        parts.append(f"строка {problem.line}")
    if problem.column or problem.header:
        title = f"«{problem.header}»" if problem.header else ""
        parts.append(" ".join(part for part in ("столбец", problem.column, title) if part))
    return ", ".join(parts) + ": " if parts else ""


def _say_error(error: StackError | UnreadableFileError, as_json: bool) -> None:
    text = error.text if isinstance(error, UnreadableFileError) else str(error)
    code = error.code if isinstance(error, UnreadableFileError) else "stack_not_ready"
    if as_json:
        print(json.dumps({"written": False, "error": {"code": code, "text": text}}, ensure_ascii=False))
    else:
        print(text, file=sys.stderr)


def _write_sample(path: Path) -> None:
    from cli.sample_company import write_sample

    if path.exists():
        raise StackError(f"Файл {path} уже есть: назовите образец иначе.")
    try:
        write_sample(path, today=datetime.now().astimezone().date())
    except OSError as error:
        raise StackError(f"Не удалось записать {path}: {error.strerror or error}.") from error
    print(f"Образец записан: {path}. Загрузите его: ./opora import {path}")
