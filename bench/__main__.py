"""`./opora bench`: measurements of the product beside those of its engine, in one run on one machine."""

import json
import os
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.local.problems import StackError, explain_os_error

app = typer.Typer(
    name="bench",
    help="Сравнить память, процессорное время и задержки Опоры с самим Temporal за один прогон на одной машине.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


@app.callback()
def _bench() -> None:
    """Сравнить память, процессорное время и задержки Опоры с самим Temporal за один прогон на одной машине."""


@app.command()
def reserves(  # noqa: PLR0917 - options of the command line
    orders: Annotated[int, typer.Option(min=1, help="Сколько резервов открыть.")] = 10_000,
    ends: Annotated[int, typer.Option("--expire", min=0, help="У скольких из них выйдет срок.")] = 1_000,
    reminders: Annotated[
        int | None, typer.Option("--remind", min=0, help="О скольких ещё напомнят в те же минуты; обычно столько же.")
    ] = None,
    window: Annotated[str, typer.Option(help="За какое время выйдут сроки: 60s, 5m, 1h.")] = "5m",
    settle: Annotated[str, typer.Option(help="Сколько ждать перед замером памяти.")] = "3m",
    json_file: Annotated[Path | None, typer.Option("--json", help="Записать отчёт в файл.")] = None,
) -> None:
    """Память открытых резервов рядом с пустыми процессами Temporal и задержка снятия просроченных резервов."""
    from bench.report import show
    from bench.reserves import Wanted, as_json, measure

    reminders = max(0, min(ends, orders - ends)) if reminders is None else reminders
    if ends + reminders > orders:
        raise StackError(
            f"Сроков и напоминаний {ends + reminders}, а заказов {orders}: уменьшите --expire или --remind."
        )
    wanted = Wanted(orders, ends, reminders, duration(window), duration(settle))
    progress = Console(stderr=True)
    outcome = measure(wanted, lambda line: progress.print(line, highlight=False))
    show(outcome, Console())
    if json_file is not None:
        _write(json_file, json.dumps(as_json(outcome), ensure_ascii=False, indent=1) + "\n")


@app.command()
def orders(
    count: Annotated[int, typer.Option("--orders", min=1, help="Сколько заказов каждого вида провести.")] = 200,
    json_file: Annotated[Path | None, typer.Option("--json", help="Записать отчёт в файл.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Записать диаграмму SVG в файл.")] = None,
) -> None:
    """Процессорное время целого заказа и задержка размещения рядом с тем же у самого Temporal."""
    from bench.order_report import as_json, as_picture, show
    from bench.order_run import measure

    progress = Console(stderr=True)
    run = measure(count, lambda line: progress.print(line, highlight=False))
    show(run, Console())
    if json_file is not None:
        _write(json_file, json.dumps(as_json(run), ensure_ascii=False, indent=1) + "\n")
    if picture is not None:
        _write(picture, as_picture(run))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StackError(explain_os_error(error, file)) from error


def duration(text: str) -> timedelta:
    """`60s`, `5m`, `1h`.

    Raises:
        StackError: it is none.
    """
    found = re.fullmatch(r"(\d+)([smh])", text)
    if found is None:
        raise StackError(f"Не понимаю время «{text}»: напишите, например, 60s, 5m или 1h.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def main() -> int:
    """Run one benchmark; its exit code. Trouble that a person can cure is one sentence."""
    try:
        app(prog_name="opora bench")
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the threads of the Temporal client can abort an interpreter that takes itself apart around them
