"""What open orders and invoices hold, as people read it."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import words
from bench.figures import MIB, ratio
from bench.memory import Run
from bench.picture import COLOURS, Bar, bars
from bench.report import held
from bench.words import figure, times


def show(run: Run, console: Console) -> None:
    """Ratios at each size, then the figures of this machine."""
    table = Table("Открытых заказов и столько же счетов", "Память, Опора / движок", "сервер Temporal", "воркер")
    lines = []
    for size, engine, ours, both in zip(run.sizes, run.engine, run.ours, run.ratios(), strict=True):
        server = ratio(ours.opened.server, engine.opened.server)
        worker = ratio(ours.opened.worker, engine.opened.worker)
        table.add_row(str(size), times(both), times(server), times(worker))
        lines.append(f"{size}, движок: {held(engine.opened)}")
        lines.append(f"{size}, Опора: {held(ours.opened)}")
    lines += [f"до начала, движок: {held(run.engine[0].idle)}", f"до начала, Опора: {held(run.ours[0].idle)}"]
    words.show(console, table, run.machine, lines)


def as_json(run: Run) -> dict[str, Any]:
    """Ratios first, then everything they were counted from."""
    names = {"engine": run.engine, "opora": run.ours}
    return {
        "benchmark": "memory",
        "at": run.at.isoformat(),
        "sizes": run.sizes,
        "memory_ratio": run.ratios(),
        "machine": asdict(run.machine),
        "settle_seconds": run.settle.total_seconds(),
        "bytes": {
            name: {
                "idle": asdict(sides[0].idle),
                "opened": [asdict(side.opened) for side in sides],
            }
            for name, sides in names.items()
        },
        "opened_per_second": {
            name: [timedelta(seconds=1) / side.pace for side in sides] for name, sides in names.items()
        },
    }


def as_picture(run: Run) -> str:
    """What server and worker hold at each size, a bar for each side, as SVG."""
    rows = [
        Bar(
            f"{size}, {title}",
            [(COLOURS["temporal"], max(0, side.opened.server)), (COLOURS["worker"], max(0, side.opened.worker))],
            figure(side.opened.engine / MIB, "МиБ"),
        )
        for size, engine, ours in zip(run.sizes, run.engine, run.ours, strict=True)
        for title, side in (("движок", engine), ("Опора", ours))
    ]
    legend = {COLOURS["temporal"]: "сервер Temporal", COLOURS["worker"]: "воркер"}
    return bars("Память открытых заказов и стольких же счетов, сверх пустого стека", run.machine, rows, legend)
