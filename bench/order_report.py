"""What a whole order costs, as people read it: ratios first, then the figures of the machine, then a picture."""

from dataclasses import asdict
from typing import Any
from xml.sax.saxutils import escape

from rich.console import Console
from rich.table import Table

from bench.cpu import CpuPerOrder
from bench.figures import percentile, ratio
from bench.latency import Waits
from bench.order_run import MOST_CREDIT, MOST_PLACING, MOST_PREPAID, Run

_NAMES = {"temporal": "сервер", "worker": "воркер", "api": "API", "postgres": "PostgreSQL", "caller": "вызывающий"}
_COLOURS = {"temporal": "#4263eb", "worker": "#2fb344", "api": "#f59f00", "postgres": "#ae3ec9", "caller": "#868e96"}
_SHARES = (0.5, 0.95, 0.99)


def show(run: Run, console: Console) -> None:
    """The table of ratios, then CPU by process and the waits on this machine."""
    table = Table("Показатель", "Значение", "Норма", title=f"Заказов каждого вида: {run.orders}")
    rows = (
        ("заказ с отсрочкой", run.credit.whole, MOST_CREDIT),
        ("заказ с предоплатой", run.prepaid.whole, MOST_PREPAID),
    )
    for title, cost, most in rows:
        table.add_row(f"Процессор: {title} / образец движка", _x(ratio(cost.total, run.engine.total)), f"≤ {_x(most)}")
    for waits in run.waits:
        norm = f"≤ {_x(MOST_PLACING)}" if waits.callers in {1, 8} else ""
        title = f"Размещение, вызывающих {waits.callers}: p50 / p95 / p99"
        table.add_row(title, " / ".join(_x(waits.ratio(share)) for share in _SHARES), norm)
    console.print(table)
    console.print(f"На этой машине ({run.machine.sentence()}), мс процессора на заказ:", highlight=False)
    for title, cost in _bars(run):
        parts = ", ".join(f"{_NAMES[name]} {value:.0f}" for name, value in cost.by_process.items() if value >= 1)
        console.print(f"  {title}: {cost.total:.0f} ({parts})", highlight=False)
    for waits in run.waits:
        console.print(f"  размещение, вызывающих {waits.callers}: {_wait(waits)}", highlight=False)


def as_json(run: Run) -> dict[str, Any]:
    """Ratios first, then everything they were counted from."""
    return {
        "benchmark": "orders",
        "at": run.at.isoformat(),
        "credit_ratio": ratio(run.credit.whole.total, run.engine.total),
        "credit_ratio_most": MOST_CREDIT,
        "prepaid_ratio": ratio(run.prepaid.whole.total, run.engine.total),
        "prepaid_ratio_most": MOST_PREPAID,
        "placing": [
            {
                "callers": waits.callers,
                "ratio": {f"p{share * 100:.0f}": waits.ratio(share) for share in _SHARES},
                "engine_seconds": {f"p{share * 100:.0f}": percentile(waits.engine, share) for share in _SHARES},
                "seconds": {f"p{share * 100:.0f}": percentile(waits.ours, share) for share in _SHARES},
            }
            for waits in run.waits
        ],
        "machine": asdict(run.machine),
        "orders": run.orders,
        "cpu_ms": {
            "engine": run.engine.by_process,
            "credit": {name: cost.by_process for name, cost in run.credit.phases.items()},
            "prepaid": {name: cost.by_process for name, cost in run.prepaid.phases.items()},
        },
    }


def as_picture(run: Run) -> str:
    """CPU milliseconds per order by process, a bar for each kind of order, as SVG."""
    bars = _bars(run)
    widest = max(cost.total for _, cost in bars)
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 230" font-family="sans-serif" font-size="13">',
        '<rect width="760" height="230" fill="#fff"/>',
        f'<text x="10" y="22">CPU-ms per order, {escape(run.machine.sentence())}</text>',
    ]
    for row, (title, cost) in enumerate(bars):
        top, left = 40 + row * 45, 170.0
        lines.append(f'<text x="10" y="{top + 20}">{escape(title)}</text>')
        for name, value in cost.by_process.items():
            width = value * 500 / widest
            lines.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="28" fill="{_COLOURS[name]}"/>')
            left += width
        lines.append(f'<text x="{left + 6:.1f}" y="{top + 20}">{cost.total:.0f}</text>')
    for place, (name, title) in enumerate(_NAMES.items()):
        left = 10 + place * 120
        lines.append(f'<rect x="{left}" y="190" width="14" height="14" fill="{_COLOURS[name]}"/>')
        lines.append(f'<text x="{left + 20}" y="202">{title}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _bars(run: Run) -> list[tuple[str, CpuPerOrder]]:
    return [
        ("образец движка", run.engine),
        ("заказ с отсрочкой", run.credit.whole),
        ("заказ с предоплатой", run.prepaid.whole),
    ]


def _x(value: float | None) -> str:
    return "не измерить" if value is None else f"{value:.2f} ×".replace(".", ",")


def _wait(waits: Waits) -> str:
    ours, engines = (
        " / ".join(f"{percentile(seconds, share) * 1000:.0f}" for share in _SHARES)
        for seconds in (waits.ours, waits.engine)
    )
    return f"{ours} мс, движок {engines} мс (p50 / p95 / p99)"
