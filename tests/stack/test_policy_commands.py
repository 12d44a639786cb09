"""`./opora policy` and `./opora audit` as a person runs them: sentences, files, exit codes."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from support.company import MONDAY, a_company, a_customer
from support.decisions import many_decisions
from typer.testing import CliRunner

from cli.app import app
from cli.local.problems import StackError

DAYS = ("--from", "2026-04-06", "--to", "2026-04-07")


@pytest.fixture
def decided(engine: Engine) -> Engine:
    """200 decisions of one day."""
    many_decisions(engine, a_customer(engine, a_company(engine)), 200, begin=MONDAY, step=timedelta(minutes=1))
    return engine


def run(database_url: str | None, *words: str | Path) -> Any:
    env = {"OPORA_DATABASE_URL": database_url, "COLUMNS": "200"}
    return CliRunner().invoke(app, [str(word) for word in words], env=env)


def test_u3_a_replay_is_told_and_written(decided: Engine, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "replay.json"
    changes = ("--set", "stop_ratio=1.5", "--set", "overdue_mode=strict")
    result = run(database_url, "policy", "replay", *DAYS, *changes, "--json", file)
    assert result.exit_code == 0, result.output
    report = json.loads(file.read_text())
    period = report["period"]
    assert (period["decisions"], sum(each["count"] for each in period["transitions"])) == (200, 200)
    assert period["stopped"] == period["orders_total"] == len(period["orders"]) > 0
    assert report["changes"]["overdue_mode"] == {"from": "graded", "to": "strict"}
    assert "решений: 200" in result.output
    assert f"Строже: заказов {period['stopped']}" in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--set", "stop_ratio=0.5"), "Поле stop_ratio: нужно число от 1 до 100."),
        (("--set", "stop_ratio"), "Не понимаю «stop_ratio»"),
        (("--set", "limit=1"), "Поля limit в политике нет"),
        (("--set", "quote_days=9", "--from", "2026-04-07", "--to", "2026-04-06"), "Конец периода раньше начала"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    decided: Engine, database_url: str, words: tuple[str, ...], sentence: str
) -> None:
    result = run(database_url, "policy", "replay", *words)
    assert isinstance(result.exception, StackError)
    assert sentence in str(result.exception)


def test_no_database_is_one_sentence() -> None:
    result = run("postgresql://127.0.0.1:1/x", "audit", "decisions")
    assert isinstance(result.exception, StackError)
    assert "PostgreSQL не отвечает" in str(result.exception)


def test_policies_are_listed_and_shown(decided: Engine, database_url: str) -> None:
    assert "утверждена, действует" in run(database_url, "policy", "list").output
    shown = run(database_url, "policy", "show").output
    assert "Версия 3, утверждена" in shown
    assert "stop_ratio = 2" in shown
    assert "dunning_days = -3,3,7,14,30" in shown
    assert "политики нет" in str(run(database_url, "policy", "show", "99").exception)


def test_u2_an_audit_ends_with_1_on_any_difference(decided: Engine, database_url: str) -> None:
    result = run(database_url, "audit", "decisions")
    assert (result.exit_code, result.output.strip()) == (0, "Решений: 200, совпало: 200, расходится: 0")
    with decided.begin() as connection:
        connection.execute(text("ALTER TABLE credit_decision DISABLE TRIGGER credit_decision_append_only"))
        tampered = connection.execute(
            text("UPDATE credit_decision SET exposure = exposure + 1 WHERE id = (SELECT id FROM credit_decision "
                 "ORDER BY decided_at LIMIT 1 OFFSET 99) RETURNING id")
        ).scalar_one()  # fmt: skip
    result = run(database_url, "audit", "decisions", *DAYS)
    assert result.exit_code == 1
    assert f"Расходится: решение {tampered}" in result.output
    assert "совпало: 199, расходится: 1" in result.output
