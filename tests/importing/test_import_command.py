"""`./opora import` as a person runs it: sentences, exit codes, JSON, and the watch over invoices in Temporal."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from sqlalchemy import Engine
from sqlmodel import Session, select
from support.workbooks import CUSTOMER, company, write_workbook
from temporalio.client import Client, WorkflowExecutionStatus
from typer.testing import CliRunner

from activities.persistence.money_tables import ScheduleLineRow
from activities.persistence.party_tables import CustomerRow, LegalEntityRow, UserRow
from cli.importing import Stack, import_command, import_file
from cli.local.temporal import Temporal
from cli.sample_company import write_sample

app = typer.Typer()
app.command()(import_command)


@pytest.fixture
def seller(engine: Engine) -> Engine:
    with Session(engine) as session, session.begin():
        session.add(
            LegalEntityRow(
                name="ТОО «Опора»",
                country="KZ",
                tax_id="210440003120",
                currency="KZT",
                timezone="Asia/Almaty",
                bank_accounts=[],
            )
        )
        for login in ("manager", "manager2"):
            session.add(UserRow(login=login, name="Анна", email=f"{login}@opora.local", role="manager"))
    return engine


def run(*words: str | Path, env: dict[str, str] | None = None) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], env=env or {})


def customers(engine: Engine) -> int:
    with Session(engine) as session:
        return len(session.exec(select(CustomerRow)).all())


@pytest.mark.anyio
async def test_each_open_invoice_is_watched_once(
    seller: Engine, database_url: str, temporal_server: Temporal, client: Client, task_queue: str, tmp_path: Path
) -> None:
    stack = Stack(database_url, temporal_server.address, task_queue)
    file = write_workbook(tmp_path / "company.xlsx", company())
    report = await import_file(stack, file, dry_run=False)
    assert report.watched_invoices == 1
    with Session(seller) as session:
        line = session.exec(select(ScheduleLineRow)).one()
    handle = client.get_workflow_handle(f"invoice/{line.id}")
    first = await handle.describe()
    assert first.status is WorkflowExecutionStatus.RUNNING
    assert first.workflow_type == "InvoiceWorkflow"
    await import_file(stack, file, dry_run=False)
    assert (await handle.describe()).run_id == first.run_id


@pytest.mark.anyio
async def test_a_repeat_starts_the_watch_that_is_missing(
    seller: Engine, database_url: str, temporal_server: Temporal, client: Client, task_queue: str, tmp_path: Path
) -> None:
    file = write_workbook(tmp_path / "company.xlsx", company())
    nowhere = Stack(database_url, "127.0.0.1:1", task_queue)
    with pytest.raises(Exception, match="Temporal не отвечает"):
        await import_file(nowhere, file, dry_run=False)
    assert customers(seller) == 0
    report = await import_file(Stack(database_url, temporal_server.address, task_queue), file, dry_run=False)
    assert report.watched_invoices == 1


def test_a_dry_run_needs_no_temporal_and_says_so(seller: Engine, database_url: str, tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "company.xlsx", company())
    result = run(file, "--dry-run", env={"OPORA_DATABASE_URL": database_url})
    assert result.exit_code == 0
    assert "Клиенты: создано 1, изменено 0, без изменений 0" in result.output
    assert "ничего не записано" in result.output
    assert customers(seller) == 0


def test_bad_rows_are_printed_with_their_place_and_exit_code_1(
    seller: Engine, database_url: str, tmp_path: Path
) -> None:
    bad = [{**CUSTOMER, "Кредитный лимит": -1}]
    file = write_workbook(tmp_path / "company.xlsx", company(customers=bad))
    result = run(file, "--dry-run", env={"OPORA_DATABASE_URL": database_url})
    assert result.exit_code == 1
    assert "Ошибка. «Клиенты», строка 2, столбец D «Кредитный лимит»: сумма «-1» меньше нуля" in result.output
    assert "Ошибок: 1. Ничего не записано" in result.output
    assert "Traceback" not in result.output


def test_the_report_as_json(seller: Engine, database_url: str, tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "company.xlsx", company())
    result = run(file, "--dry-run", "--json", env={"OPORA_DATABASE_URL": database_url})
    report = json.loads(result.stdout)
    assert report["counts"]["customers"] == {"created": 1, "updated": 0, "unchanged": 0}
    assert (report["written"], report["problems"], report["dry_run"]) == (False, [], True)


@pytest.mark.parametrize(
    ("words", "env", "sentence"),
    [
        ([], {}, "Укажите файл"),
        (["none.xlsx", "--data", "nowhere"], {}, "Опора не запущена"),
        (["none.xlsx", "--dry-run"], {"OPORA_DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "Файла «none.xlsx» нет"),
    ],
)
def test_what_is_in_the_way_is_one_sentence(words: list[str], env: dict[str, str], sentence: str) -> None:
    result = run(*words, env=env)
    assert result.exit_code == 1
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_no_database_is_one_sentence(tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "company.xlsx", company())
    result = run(file, "--dry-run", "--json", env={"OPORA_DATABASE_URL": "postgresql://127.0.0.1:1/x"})
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "stack_not_ready"


def test_the_sample_is_a_good_file(seller: Engine, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "sample.xlsx"
    assert run("--sample", file).exit_code == 0
    result = run(file, "--dry-run", env={"OPORA_DATABASE_URL": database_url})
    assert result.exit_code == 0, result.output
    assert "Клиенты: создано 4" in result.output
    assert "Заметка" not in result.output
    assert run("--sample", file).exit_code == 1


def test_the_sample_is_good_on_any_day(seller: Engine, database_url: str, tmp_path: Path) -> None:
    write_sample(tmp_path / "old.xlsx", today=date(2026, 3, 1))
    result = run(tmp_path / "old.xlsx", "--dry-run", env={"OPORA_DATABASE_URL": database_url})
    assert result.exit_code == 0, result.output
