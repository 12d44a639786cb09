"""Invoices per second as people read them."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import words
from bench.figures import ratio
from bench.invoices import Run
from bench.picture import COLOURS, Bar, bars
from bench.words import figure, times


def show(run: Run, console: Console) -> None:
    """Ratios, then what this machine reached."""
    table = Table("Показатель", "Значение", title=f"Счетов и пустых процессов: {run.invoices}")
    table.add_row("В секунду: счета под наблюдением / начатые пустые процессы", times(_started(run)))
    table.add_row("В секунду: оплаченные счета / законченные пустые процессы", times(_ended(run)))
    lines = [
        f"{title}: начато {figure(pace.started, 'в секунду')}, закончено {figure(pace.ended, 'в секунду')}"
        for title, pace in (("движок", run.engine), ("Опора", run.ours))
    ]
    words.show(console, table, run.machine, lines)


def as_json(run: Run) -> dict[str, Any]:
    """Ratios first, then everything they were counted from."""
    return {
        "benchmark": "invoices",
        "at": run.at.isoformat(),
        "started_ratio": _started(run),
        "paid_ratio": _ended(run),
        "machine": asdict(run.machine),
        "invoices": run.invoices,
        "per_second": {"engine": asdict(run.engine), "opora": asdict(run.ours)},
    }


def as_picture(run: Run) -> str:
    """How many a second of each side, as SVG."""
    paces = [
        ("движок: пустых начато", COLOURS["caller"], run.engine.started),
        ("Опора: счетов под наблюдение", COLOURS["temporal"], run.ours.started),
        ("движок: пустых закончено", COLOURS["caller"], run.engine.ended),
        ("Опора: счетов оплачено", COLOURS["temporal"], run.ours.ended),
    ]
    rows = [Bar(title, [(colour, pace)], figure(pace, "в секунду")) for title, colour, pace in paces]
    return bars("Счетов в секунду", run.machine, rows)


def _started(run: Run) -> float | None:
    return ratio(run.ours.started, run.engine.started)


def _ended(run: Run) -> float | None:
    return ratio(run.ours.ended, run.engine.ended)
