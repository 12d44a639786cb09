"""`./opora policy`: the versions of the policy, and a candidate played over the decisions of a period (U3)."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from activities.persistence import policy_versions
from activities.persistence.policies import policy_from, policy_in_force
from activities.persistence.replay import PastOrder, count_decisions, replay_pages, snapshot
from api.policy_preview import PeriodOut, candidate_of, load_today, period_of, period_out, take_in
from cli.database import database_of, progress_bar
from cli.local.problems import StackError
from domain.policy_rules import CREDIT_FIELDS, value_from_text
from domain.simulation import Replay
from domain.wording import RUSSIAN, outcome_text
from domain.wording.policies import note_texts

LONGEST = 10_000
"""Orders named in the JSON file; the totals count all."""
SHOWN = 20
STATES = {"proposed": "предложена", "published": "утверждена", "rejected": "отклонена"}


def list_versions(data: Path | None) -> None:
    """Every version, newest first."""
    with database_of(data) as engine, snapshot(engine) as session:
        table = Table("Версия", "Состояние", "Действует с", "Комментарий")
        now, _ = policy_in_force(session, load_today(session, datetime.now(UTC)))
        for row in policy_versions.policy_versions(session, before=None, limit=1_000):
            state = STATES[row.state] + (", действует" if row.version == now else "")
            table.add_row(str(row.version), state, RUSSIAN.day(row.effective_from), row.comment or "")
    Console().print(table)


def show_version(data: Path | None, version: int | None) -> None:
    """The figures of one version, the one in force unless another is named."""
    with database_of(data) as engine, snapshot(engine) as session:
        number = version or policy_in_force(session, load_today(session, datetime.now(UTC)))[0]
        row = policy_versions.policy_row(session, number)
        body = policy_versions.policy_body(policy_from(row.body))
    console = Console(soft_wrap=True)
    console.print(f"Версия {number}, {STATES[row.state]}, действует с {RUSSIAN.day(row.effective_from)}")
    for name, value in body.items():
        console.print(f"{name} = {','.join(map(str, value)) if isinstance(value, list) else value}", highlight=False)


def changes_from(words: Sequence[str]) -> dict[str, object]:
    """`field=value` words as changes.

    Raises:
        StackError: a word is no such pair.
    """
    changes: dict[str, object] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name.strip():
            raise StackError(f"Не понимаю «{word}»: укажите поле и значение, например --set stop_ratio=1.5.")
        changes[name.strip()] = value_from_text(name.strip(), value)
    return changes


def replay_command(
    data: Path | None, changes: Sequence[str], *, since: date | None, until: date | None, json_file: Path | None
) -> None:
    """Play a candidate over the period and say what would have been."""
    wanted = changes_from(changes)
    if since and until and until < since:
        raise StackError("Конец периода раньше начала: проверьте --from и --to.")
    with database_of(data) as engine:
        report = replay_report(engine, wanted, since=since, until=until, now=datetime.now(UTC))
    if json_file is not None:
        text = json.dumps(report, ensure_ascii=False, indent=1)
        try:
            json_file.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise StackError(f"Файл {json_file} не записан: {error.strerror}. Укажите другой.") from error
    _print(report)


def replay_report(
    engine: Engine, changes: dict[str, object], *, since: date | None, until: date | None, now: datetime
) -> dict[str, Any]:
    """The figures of `POST /api/v1/policies/preview` for a period, of any length in bounded memory."""
    replay, total = Replay(), 0
    orders: list[PastOrder] = []
    with snapshot(engine) as session:
        base, candidate, differing = candidate_of(session, changes)
        first, last, period = period_of(session, since, until, now=now)
        today = load_today(session, now)
        with progress_bar("Решения", count_decisions(session, period, rule="credit")) as (bar, task):
            for page, found in replay_pages(session, candidate, period, today=today):
                take_in(replay, page, found)
                total += len(found)
                orders += found[: LONGEST - len(orders)]
                bar.advance(task, page.transitions.total())
    not_weighed = sorted(set(differing) - CREDIT_FIELDS)
    told: PeriodOut = period_out(replay, orders, total, "ru", days=(first, last))
    return {
        "base": base,
        "changes": differing,
        "not_weighed": not_weighed,
        "period": told.model_dump(mode="json", by_alias=True),
        "notes": note_texts(not_weighed),
    }


def _print(report: dict[str, Any]) -> None:
    period, console = report["period"], Console(soft_wrap=True, highlight=False)
    first, last = (RUSSIAN.day(date.fromisoformat(period[end])) for end in ("from", "to"))
    console.print(f"Политика: версия {report['base']} и изменения {_changes(report['changes'])}")
    console.print(f"Период {first}–{last}, решений: {period['decisions']}")
    table = Table("Было", "Стало бы", "Решений")
    for each in period["transitions"]:
        table.add_row(outcome_text(each["from"]), outcome_text(each["to"]), str(each["count"]))
    console.print(table)
    console.print(
        f"Строже: заказов {period['stopped']}, из них остановлено {period['to_stop']}, "
        f"на согласование {period['to_approval']}. Мягче: {period['eased']}."
    )
    console.print(f"Просрочка этих заказов, которой не было бы: {_sums(period['overdue_avoided'])}")
    console.print(f"Из неё по остановленным заказам: {_sums(period['overdue_avoided_by_stop'])}")
    console.print(f"Подтверждённые тогда заказы, которые остановились бы: {_sums(period['revenue_lost'])}")
    for order in period["orders"][:SHOWN]:
        total = RUSSIAN.money(order["total"]["amount"], order["total"]["currency"])
        console.print(f"  {order['number']}, {order['customer']}, {total}: {' '.join(order['reasons'])}", markup=False)
    if period["orders_total"] > SHOWN:
        console.print(f"  … всего заказов: {period['orders_total']}; список — в файле --json")
    for note in report["notes"]:
        console.print(note)


def _changes(changes: dict[str, dict[str, Any]]) -> str:
    return ", ".join(f"{name}: {pair['from']} → {pair['to']}" for name, pair in changes.items())


def _sums(sums: list[dict[str, str]]) -> str:
    return ", ".join(RUSSIAN.money(each["amount"], each["currency"]) for each in sums) or "нет"
