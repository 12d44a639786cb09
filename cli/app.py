"""The commands of `./opora`. Each imports what it needs when it is called, so that all of them answer at once."""

import os
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.local.data import DataDirectory

app = typer.Typer(
    name="opora",
    help="Опора: от заказа до денег. Сначала: ./opora up",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Data = Annotated[Path | None, typer.Option("--data", help="Каталог данных; обычно .opora рядом с программой.")]


@app.command()
def up(  # noqa: PLR0917 - options of the command line
    data: Data = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Порт API; 0 — любой свободный. Обычно 8000.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Вернуться, когда всё готово.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Заполнить демонстрационной компанией.")] = False,
    host: Annotated[str, typer.Option(help="Адрес, на котором слушает API.")] = "127.0.0.1",
    encrypt: Annotated[
        bool, typer.Option("--encrypt", help="Шифровать данные процессов в Temporal, теперь и впредь.")
    ] = False,
    background: Annotated[bool, typer.Option("--background", hidden=True)] = False,
) -> None:
    """Запустить PostgreSQL, Temporal, почту, воркер и API на этой машине."""
    from cli.local.stack import Wishes
    from cli.up import run_up, start_detached

    directory = DataDirectory(data)
    if detach:
        arguments = ["--data", str(directory.path), "--host", host]
        arguments += ["--port", str(port)] if port is not None else []
        arguments += ["--demo"] if demo else []
        arguments += ["--encrypt"] if encrypt else []
        raise typer.Exit(start_detached(arguments))
    run_up(directory, Wishes(port=port, host=host, encrypt=encrypt), demo=demo, background=background)


@app.command()
def down(data: Data = None) -> None:
    """Остановить то, что запустил up; данные остаются."""
    from cli.up import run_down

    run_down(DataDirectory(data))


@app.command()
def doctor(data: Data = None) -> None:
    """Проверить, что всё на месте и работает, и сказать, что делать."""
    from cli.doctor import examine

    raise typer.Exit(0 if examine(DataDirectory(data)) else 1)


@app.command()
def backup(
    directory: Annotated[Path, typer.Argument(help="Новый каталог для копии.")],
    data: Data = None,
) -> None:
    """Снять копию PostgreSQL и Temporal работающей системы, не останавливая её."""
    from cli.backup import backup_command

    backup_command(DataDirectory(data), directory)


@app.command()
def restore(
    directory: Annotated[Path, typer.Argument(help="Каталог с копией.")],
    data: Data = None,
) -> None:
    """Восстановить копию в пустой каталог данных; письма остановлены, пока не пройдут reconcile и thaw."""
    from cli.backup import restore_command

    restore_command(DataDirectory(data), directory)


@app.command()
def freeze(
    data: Data = None,
    comment: Annotated[str | None, typer.Option("--comment", help="Почему.")] = None,
) -> None:
    """Остановить отправку всех писем, например ошибочную рассылку; вернуть — thaw."""
    from cli.freezing import freeze_command

    freeze_command(data, comment)


@app.command()
def reconcile(data: Data = None) -> None:
    """Сверить базу, процессы, письма и остатки сейчас и исправить безопасное; код 1, если осталось, что разбирать."""
    from cli.freezing import reconcile_command

    raise typer.Exit(0 if reconcile_command(data) else 1)


@app.command()
def thaw(
    data: Data = None,
    accept_findings: Annotated[
        bool, typer.Option("--accept-findings", help="Возобновить, хотя сверка нашла расхождения; попадёт в журнал.")
    ] = False,
) -> None:
    """Возобновить отправку писем; после восстановления из копии — после reconcile без расхождений или приняв их."""
    from cli.freezing import thaw_command

    thaw_command(data, accept_findings=accept_findings)


@app.command("fast-forward")
def fast_forward(
    workflow_id: Annotated[str, typer.Argument(help="Например, order/0199…")],
    ahead: Annotated[str, typer.Argument(help="На сколько: 7d, 12h или 30m.")],
    data: Data = None,
) -> None:
    """Перевести вперёд часы одного процесса и дождаться всего, что он должен за это время сделать."""
    from cli.timetravel import move_clock

    move_clock(DataDirectory(data), workflow_id, ahead)


@app.command()
def migrate() -> None:
    """Привести базу данных OPORA_DATABASE_URL к нынешней схеме."""
    from cli.processes import run_migrations

    run_migrations()


@app.command()
def api(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Порт.")] = 8000,
    host: Annotated[str, typer.Option(help="Адрес, на котором слушать.")] = "127.0.0.1",
) -> None:
    """Запустить один процесс API с настройками из окружения (OPORA_*, TEMPORAL_*)."""
    from cli.processes import run_api

    run_api(host, port)


@app.command()
def worker() -> None:
    """Запустить один процесс воркера с настройками из окружения (OPORA_*, TEMPORAL_*)."""
    from cli.processes import replace_by

    replace_by([sys.executable, "worker.py"])


_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=_PASS_ON)
def test(
    context: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help="Без медленных тестов.")] = False,  # noqa: PT028
) -> None:
    """Запустить тесты; всё остальное (-k слово, путь, …) передаётся pytest."""
    from cli.processes import replace_by

    chosen = ["-m", "not slow and not matrix"] if fast else []
    # Everything is shared out among the cores, file by file, in its own order: the stories on a whole stack, each alone
    # in its file, do not come last. A part of it is told in order, as it fails.
    shared = ["-n", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder", "--durations", "15"]
    shared = [] if context.args else shared
    replace_by([sys.executable, "-m", "pytest", *chosen, *shared, *context.args])


@app.command(context_settings=_PASS_ON)
def matrix(context: typer.Context) -> None:
    """Убить воркер в каждом месте каждого действия, по одному, и лишать его памяти при каждом ожидании: итоги те же.
    Хаос и проверка API находят потери и утечки, подложенные нарочно. Часть — по слову: ./opora matrix -k grant."""
    from cli.processes import replace_by

    shared = ["-n", "2", "--dist", "worksteal"]
    rooms = [f"tests/{room}" for room in ("crashes", "workflows", "chaos", "stack")]
    chosen = ["-m", "matrix", *rooms, "--durations", "10", *shared]
    replace_by([sys.executable, "-m", "pytest", *chosen, *context.args])


@app.command()
def replay(
    temporal: Annotated[str | None, typer.Option(help="Адрес Temporal; обычно из окружения (TEMPORAL_*).")] = None,
    query: Annotated[str | None, typer.Option(help="Какие процессы: фильтр Temporal; обычно все.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Сколько самое большее; обычно все.")] = None,
) -> None:
    """Воспроизвести истории работающего сервера нынешним кодом; код 1, если какая-то не воспроизводится."""
    from cli.replaying import replay_command

    raise typer.Exit(0 if replay_command(temporal, query, limit) else 1)


@app.command(context_settings=_PASS_ON, add_help_option=False)
def bench(context: typer.Context) -> None:
    """Сравнить память, процессорное время и задержки Опоры с самим Temporal: ./opora bench --help."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "bench", *context.args])


@app.command()
def chaos(
    seed: Annotated[int, typer.Option(help="Зерно: одно и то же зерно — одно и то же расписание.")] = 1,
    orders: Annotated[int, typer.Option(min=1, max=5_000, help="Сколько заказов.")] = 100,
    kills: Annotated[int, typer.Option(min=0, max=500, help="Сколько раз убивать процессы (kill -9).")] = 10,
    json_file: Annotated[Path | None, typer.Option("--json", help="Записать отчёт в файл.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Пустой каталог, который останется.")] = None,
) -> None:
    """Проверить на сбоях: заказы, деньги и товар под kill -9, остановками и обрывами связи; код 1, если есть потери."""
    from cli.chaos.run import chaos_command

    raise typer.Exit(0 if chaos_command(seed, orders, kills, json_file=json_file, keep=data) else 1)


@app.command()
def mutants(
    names: Annotated[
        list[str] | None, typer.Argument(help="Имена ошибок (можно со звёздочкой) или их списков; без имён — все.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Только показать список.")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Сколько проверять сразу.")] = 2,
    json_file: Annotated[Path | None, typer.Option("--json", help="Записать итоги в файл.")] = None,
) -> None:
    """Внести в копию программы намеренные ошибки, по одной: каждую обязан заметить тест; код 1, если нет."""
    from cli.mutants.command import list_mutants, run_mutants

    if listed:
        list_mutants(names or [])
        return
    raise typer.Exit(0 if run_mutants(names or [], jobs=jobs, json_file=json_file) else 1)


@app.command()
def fuzz(
    seconds: Annotated[int, typer.Option(min=5, help="Сколько секунд искать.")] = 60,
    seed: Annotated[int, typer.Option(help="Зерно: с тем же числом запросы те же.")] = 1,
    data: Annotated[
        Path | None, typer.Option("--data", help="Каталог работающего стенда; без него — свой временный.")
    ] = None,
) -> None:
    """Искать запросы, на которые API отвечает не так, как описано: сбоем, чужими данными, без описания."""
    from cli.fuzz import run_fuzz

    raise typer.Exit(run_fuzz(data, seconds=seconds, seed=seed))


@app.command("import", context_settings=_PASS_ON, add_help_option=False)
def import_(context: typer.Context) -> None:
    """Принять клиентов, товары, остатки и открытые счета из книги Excel или файлов CSV."""
    from cli.importing import import_command

    _delegate(import_command, context)


@app.command()
def demo(
    data: Data = None,
    script: Annotated[bool, typer.Option("--script", help="Без остановок, до кода завершения.")] = False,
    seed_only: Annotated[bool, typer.Option("--seed-only", hidden=True)] = False,
) -> None:
    """Показать историю: заказ, резерв, оплата, просрочка до юриста — за полминуты."""
    from cli.demo.command import run_demo

    raise typer.Exit(run_demo(data, script=script, seed_only=seed_only))


@app.command()
def check() -> None:
    """Проверить стиль, типы, правила импорта, схему базы и зависимости."""
    from cli.checks import run_checks

    raise typer.Exit(0 if run_checks() else 1)


policy = typer.Typer(help="Версии политики и проверка изменений на прошлых решениях.", no_args_is_help=True)
app.add_typer(policy, name="policy")
Since = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Первый день, 2026-01-31.")]
Until = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Последний день.")]


@policy.command("list")
def policy_list(data: Data = None) -> None:
    """Показать все версии."""
    from cli.policy import list_versions

    list_versions(data)


@policy.command("show")
def policy_show(
    version: Annotated[int | None, typer.Argument(help="Номер; без него — действующая.")] = None, data: Data = None
) -> None:
    """Показать параметры версии."""
    from cli.policy import show_version

    show_version(data, version)


@policy.command("replay")
def policy_replay(
    changes: Annotated[list[str], typer.Option("--set", help="Что изменить: stop_ratio=1.5; можно несколько раз.")],
    since: Since = None,
    until: Until = None,
    data: Data = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Записать отчёт в файл.")] = None,
) -> None:
    """Показать, что решила бы изменённая политика на решениях за период; обычно за последние 90 дней."""
    from cli.policy import replay_command

    replay_command(data, changes, since=_day(since), until=_day(until), json_file=json_file)


audit = typer.Typer(help="Проверка записанного.", no_args_is_help=True)
app.add_typer(audit, name="audit")


@audit.callback()
def _audit() -> None:
    """Проверка записанного."""


@audit.command("decisions")
def audit_decisions(since: Since = None, until: Until = None, data: Data = None) -> None:
    """Пересчитать записанные кредитные решения и сравнить знак в знак; код 1, если есть расхождения."""
    from cli.audit import audit_command

    raise typer.Exit(0 if audit_command(data, since=_day(since), until=_day(until)) else 1)


@audit.command("stock")
def audit_stock(since: Since = None, until: Until = None, data: Data = None) -> None:
    """Пересчитать распределения товара и сверить остатки с движениями и резервами; код 1, если есть расхождения."""
    from cli.stock_audit import stock_command

    raise typer.Exit(0 if stock_command(data, since=_day(since), until=_day(until)) else 1)


@audit.command("journal")
def audit_journal(
    anchor: Annotated[
        Path | None, typer.Option("--anchor", help="Дописать концы цепочек в этот файл; хранить его в другом месте.")
    ] = None,
    against: Annotated[Path | None, typer.Option("--against", help="Сверить с якорем из этого файла.")] = None,
    data: Data = None,
) -> None:
    """Пересчитать цепочки журнала: правка, пропажа, вставка; код 1, если есть нарушения."""
    from cli.journal_audit import journal_command

    raise typer.Exit(0 if journal_command(data, anchor=anchor, against=against) else 1)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _delegate(command: Callable[..., None], context: typer.Context) -> None:
    """Hand the rest of the line to a command of a heavier module."""
    inner = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    inner.command()(command)
    inner(args=context.args, prog_name=f"opora {context.info_name}")
