"""Starts and recoveries as people read them."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import words
from bench.figures import percentile, ratio
from bench.picture import COLOURS, Bar, bars
from bench.start import Run
from bench.words import figure, times

_PARTS = {"worker": "воркер", "api": "API", "temporal": "Temporal", "postgres": "PostgreSQL"}


def show(run: Run, console: Console) -> None:
    """Starts beside the engine's, then the seconds of this machine."""
    table = Table("Показатель", "Значение", title=f"Повторов: {len(run.empty)}; середина")
    engine = percentile(run.engine, 0.5)
    for title, seconds in (("пустой каталог", run.empty), ("тот же каталог", run.again)):
        value = ratio(percentile(seconds, 0.5), engine)
        table.add_row(f"Запуск, {title} / сервер движка и пустой воркер", times(value))
    lines = [
        f"запуск: движок {_said(run.engine)}; пустой каталог {_said(run.empty)}; тот же каталог {_said(run.again)}",
        *(f"kill -9, {_PARTS[part]}: заказ решён через {_said(seconds)}" for part, seconds in run.recovery.items()),
    ]
    words.show(console, table, run.machine, lines, ", середина и наибольшее")


def as_json(run: Run) -> dict[str, Any]:
    """Ratios first, then everything they were counted from."""
    engine = percentile(run.engine, 0.5)
    return {
        "benchmark": "start",
        "at": run.at.isoformat(),
        "empty_ratio": ratio(percentile(run.empty, 0.5), engine),
        "again_ratio": ratio(percentile(run.again, 0.5), engine),
        "machine": asdict(run.machine),
        "start_seconds": {"engine": run.engine, "empty": run.empty, "again": run.again},
        "recovery_seconds": run.recovery,
    }


def as_picture(run: Run) -> str:
    """Seconds of each start and recovery, the median of each, as SVG."""
    kinds = [
        ("Запуск: движок", COLOURS["caller"], run.engine),
        ("Запуск: пустой каталог", COLOURS["temporal"], run.empty),
        ("Запуск: тот же каталог", COLOURS["temporal"], run.again),
        *((f"kill -9, {_PARTS[part]}: до решения", COLOURS["api"], seconds) for part, seconds in run.recovery.items()),
    ]
    rows = [
        Bar(title, [(colour, percentile(seconds, 0.5))], figure(percentile(seconds, 0.5), "с"))
        for title, colour, seconds in kinds
    ]
    return bars("Запуск и восстановление", run.machine, rows)


def _said(seconds: list[float]) -> str:
    return f"{figure(percentile(seconds, 0.5), 'с')} ({figure(max(seconds), 'с')})"
