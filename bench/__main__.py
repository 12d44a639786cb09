"""`./opora bench`: measurements of the product beside those of its engine, in one run on one machine."""

import os
import re
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from bench.files import write, write_json
from bench.words import lasted
from cli.local.problems import StackError

app = typer.Typer(
    name="bench",
    help="Сравнить память, процессорное время и задержки Опоры с самим Temporal за один прогон на одной машине.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

JsonFile = Annotated[Path | None, typer.Option("--json", help="Записать отчёт в файл.")]
Picture = Annotated[Path | None, typer.Option("--picture", help="Записать диаграмму SVG в файл.")]
Settle = Annotated[str, typer.Option("--settle", help="Сколько ждать перед замером памяти: 60s, 5m.")]
Outcome = TypeVar("Outcome")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


@app.callback()
def _bench() -> None:
    """Сравнить память, процессорное время и задержки Опоры с самим Temporal за один прогон на одной машине."""


@app.command()
def orders(
    count: Annotated[int, typer.Option("--orders", min=1, help="Сколько заказов каждого вида провести.")] = 200,
    callers: Annotated[
        list[int] | None, typer.Option(min=1, help="Сколько вызывающих размещают сразу; обычно 1, 8 и 32.")
    ] = None,
    each: Annotated[int | None, typer.Option(min=1, help="Сколько заказов размещает каждый из них.")] = None,
    json_file: JsonFile = None,
    picture: Picture = None,
) -> None:
    """Целый заказ: процессор, заказов в секунду, история, запросы; ожидание размещения. Рядом сам Temporal."""
    from bench.latency import CALLERS
    from bench.order_report import as_json, as_picture, show
    from bench.order_run import measure

    run = _timed(lambda say: measure(count, say, callers=callers or CALLERS, each=each), show)
    _keep(json_file, as_json(run), picture, as_picture(run))


@app.command()
def reserves(  # noqa: PLR0917 - options of the command line
    orders: Annotated[int, typer.Option(min=1, help="Сколько резервов открыть.")] = 10_000,
    ends: Annotated[int, typer.Option("--expire", min=0, help="У скольких из них выйдет срок.")] = 1_000,
    reminders: Annotated[
        int | None, typer.Option("--remind", min=0, help="О скольких ещё напомнят в те же минуты; обычно столько же.")
    ] = None,
    window: Annotated[str, typer.Option(help="За какое время выйдут сроки: 60s, 5m, 1h.")] = "5m",
    settle: Settle = "3m",
    json_file: JsonFile = None,
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
    _keep(json_file, as_json(_timed(lambda say: measure(wanted, say), show)))


@app.command()
def invoices(
    count: Annotated[int, typer.Option("--invoices", min=1, help="Сколько счетов загрузить и оплатить.")] = 500,
    json_file: JsonFile = None,
    picture: Picture = None,
) -> None:
    """Счетов под наблюдение и оплачено в секунду рядом с пустыми процессами Temporal."""
    from bench.invoice_report import as_json, as_picture, show
    from bench.invoices import measure

    run = _timed(lambda say: measure(count, say), show)
    _keep(json_file, as_json(run), picture, as_picture(run))


@app.command()
def memory(
    sizes: Annotated[str, typer.Option(help="Сколько заказов и столько же счетов открыть, по порядку.")] = (
        "1000,10000,50000"
    ),
    settle: Settle = "3m",
    json_file: JsonFile = None,
    picture: Picture = None,
) -> None:
    """Память при стольких открытых заказах и счетах рядом со столькими же пустыми процессами Temporal."""
    from bench.memory import measure
    from bench.memory_report import as_json, as_picture, show

    wanted = numbers(sizes)
    run = _timed(lambda say: measure(wanted, duration(settle), say), show)
    _keep(json_file, as_json(run), picture, as_picture(run))


@app.command()
def start(
    times: Annotated[int, typer.Option(min=1, help="Сколько раз запустить и убить каждую часть.")] = 3,
    json_file: JsonFile = None,
    picture: Picture = None,
) -> None:
    """Время запуска, пустого и повторного, и восстановления после kill -9 каждой части."""
    from bench.start import measure
    from bench.start_report import as_json, as_picture, show

    run = _timed(lambda say: measure(times, say), show)
    _keep(json_file, as_json(run), picture, as_picture(run))


@app.command()
def growth(
    sizes: Annotated[
        list[int] | None, typer.Option("--invoices", min=1, help="Сколько счетов в базе; обычно 10000 и 1000000.")
    ] = None,
    count: Annotated[int, typer.Option("--orders", min=1, help="Сколько заказов провести на каждой базе.")] = 50,
    json_file: JsonFile = None,
    picture: Picture = None,
) -> None:
    """Как растут цена заказа, ожидание, страницы и запуск вместе с базой."""
    from bench.growth import SIZES, measure
    from bench.growth_report import as_json, as_picture, show

    run = _timed(lambda say: measure(sorted(sizes or SIZES), count, say), show)
    _keep(json_file, as_json(run), picture, as_picture(run))


@app.command("all")
def everything(  # noqa: PLR0917 - options of the command line
    folder: Annotated[
        Path, typer.Option("--into", help="Куда записать bench.json, таблицу bench.md и диаграммы.")
    ] = Path("opora-bench"),
    parts: Annotated[str, typer.Option(help="Что измерить, через запятую.")] = (
        "orders,invoices,start,growth,reserves,memory"
    ),
    orders: Annotated[int, typer.Option(min=1, help="Заказов каждого вида, и на каждой базе.")] = 60,
    callers: Annotated[
        list[int] | None, typer.Option(min=1, help="Сколько вызывающих размещают сразу; обычно 1, 8 и 32.")
    ] = None,
    each: Annotated[int | None, typer.Option(min=1, help="Сколько заказов размещает каждый из них.")] = None,
    invoices: Annotated[int, typer.Option(min=1, help="Сколько счетов загрузить и оплатить.")] = 500,
    starts: Annotated[int, typer.Option(min=1, help="Сколько раз запустить и убить каждую часть.")] = 3,
    growth: Annotated[str, typer.Option(help="Сколько счетов в базе, по порядку.")] = "10000,1000000",
    reserves: Annotated[int, typer.Option(min=1, help="Сколько резервов открыть.")] = 1_000,
    memory: Annotated[str, typer.Option(help="Сколько заказов и столько же счетов открыть, по порядку.")] = (
        "1000,10000"
    ),
    settle: Settle = "60s",
) -> None:
    """Всё по очереди, в одном отчёте: около часа на двух ядрах, с --memory 1000 и без reserves вдвое меньше."""
    from bench.latency import CALLERS
    from bench.parts import Sizes, chosen
    from bench.whole import run_all

    sizes = Sizes(
        orders, callers or CALLERS, each, invoices, starts, numbers(growth), reserves, numbers(memory), duration(settle)
    )
    progress = Console(stderr=True)
    run_all(chosen(parts, sizes), folder, lambda line: progress.print(line, highlight=False), Console())


def _timed(measure: Callable[[Callable[[str], None]], Outcome], show: Callable[[Outcome, Console], None]) -> Outcome:
    """Measure, show what came of it and how long it took."""
    begun, progress, console = time.monotonic(), Console(stderr=True), Console()
    outcome = measure(lambda line: progress.print(line, highlight=False))
    show(outcome, console)
    console.print(lasted(time.monotonic() - begun), highlight=False)
    return outcome


def _keep(file: Path | None, report: dict[str, Any], picture: Path | None = None, drawn: str = "") -> None:
    if file is not None:
        write_json(file, report)
    if picture is not None:
        write(picture, drawn)


def duration(text: str) -> timedelta:
    """`60s`, `5m`, `1h`.

    Raises:
        StackError: it is none.
    """
    found = re.fullmatch(r"(\d+)([smh])", text)
    if found is None:
        raise StackError(f"Не понимаю время «{text}»: напишите, например, 60s, 5m или 1h.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def numbers(text: str) -> list[int]:
    """`1000,10000`, each greater than the one before.

    Raises:
        StackError: they are not.
    """
    found = [int(each) for each in text.split(",") if each.strip().isdecimal()]
    if len(found) != text.count(",") + 1 or found != sorted(set(found)) or found[0] < 1:
        raise StackError(f"Не понимаю «{text}»: напишите числа по возрастанию через запятую, например 1000,10000.")
    return found


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
