"""What a whole order costs, as people read it: ratios first, then the figures of the machine, then a picture."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from xml.sax.saxutils import escape

from rich.console import Console
from rich.table import Table

from bench import words
from bench.cpu import CpuPerOrder
from bench.figures import percentile, ratio
from bench.latency import Waits
from bench.order_run import MOST_CREDIT, MOST_PLACING, MOST_PREPAID, Run
from bench.orders import EngineCost, OrderCost
from bench.words import figure, most, times

_NAMES = {"temporal": "сервер", "worker": "воркер", "api": "API", "postgres": "PostgreSQL", "caller": "вызывающий"}
_COLOURS = {"temporal": "#4263eb", "worker": "#2fb344", "api": "#f59f00", "postgres": "#ae3ec9", "caller": "#868e96"}
_COURSE = "путь заказа без нас"
"""The engine's price for the road that an order on credit goes."""
_SHARES = (0.5, 0.95, 0.99)


def show(run: Run, console: Console) -> None:
    """The table of ratios, then the figures of this machine."""
    table = Table("Показатель", "Значение", "Норма", title=f"Заказов каждого вида: {run.orders}")
    for title, cost, norm in _ours(run):
        table.add_row(f"Процессор: {title} / образец движка", times(_cpu_ratio(run, cost.whole)), most(norm))
    table.add_row(f"Процессор: {_COURSE} / образец движка", times(_cpu_ratio(run, run.course.cpu)), "")
    for waits in run.waits:
        norm_said = most(MOST_PLACING) if waits.callers in {1, 8} else ""
        table.add_row(f"{_loop(waits)}: p50 / p95 / p99", " / ".join(times(waits.ratio(share)) for share in _SHARES),
                      norm_said)  # fmt: skip
    for title, cost, _ in _ours(run):
        table.add_row(f"В секунду: {title} / образец", times(ratio(cost.per_second, run.engine.per_second)), "")
        events, size = _history_ratios(run, cost)
        table.add_row(f"История: {title} / образец, события / байты", f"{times(events)} / {times(size)}", "")
    words.show(
        console, table, run.machine, [*_figures(run), *(f"{_loop(waits)}: {_wait(waits)}" for waits in run.waits)]
    )


def _figures(run: Run) -> Iterator[str]:
    for title, cost in _bars(run):
        parts = ", ".join(f"{_NAMES[name]} {value:.0f}" for name, value in cost.by_process.items() if value >= 1)
        yield f"{title}: мс процессора {cost.total:.0f} ({parts})"
    sides: list[tuple[str, EngineCost | OrderCost]] = [("образец движка", run.engine), (_COURSE, run.course)]
    sides += [(title, ours) for title, ours, _ in _ours(run)]
    for title, side in sides:
        left = side.history
        yield (
            f"{title}: {figure(side.per_second, 'в секунду')}, история: {left.events:.0f} событий, "
            f"{figure(left.size / 1024, 'КиБ')}"
        )
    for title, ours, _ in _ours(run):
        yield f"{title}: запросов {ours.served.statements:.0f}, транзакций {ours.served.transactions:.0f}"


def as_json(run: Run) -> dict[str, Any]:
    """Ratios first, then everything they were counted from."""
    kinds = {"credit": run.credit, "prepaid": run.prepaid}
    engines = {"engine": run.engine, "course": run.course}
    sides: dict[str, EngineCost | OrderCost] = {**engines, **kinds}
    return {
        "benchmark": "orders",
        "at": run.at.isoformat(),
        "credit_ratio": _cpu_ratio(run, run.credit.whole),
        "credit_ratio_most": MOST_CREDIT,
        "prepaid_ratio": _cpu_ratio(run, run.prepaid.whole),
        "prepaid_ratio_most": MOST_PREPAID,
        "course_ratio": _cpu_ratio(run, run.course.cpu),
        "per_second_ratio": {name: ratio(cost.per_second, run.engine.per_second) for name, cost in kinds.items()},
        "history_ratio": {
            name: dict(zip(("events", "bytes"), _history_ratios(run, cost), strict=True))
            for name, cost in kinds.items()
        },
        "placing": [_placing(waits) for waits in run.waits],
        "machine": asdict(run.machine),
        "orders": run.orders,
        "cpu_ms": {
            **{name: cost.cpu.by_process for name, cost in engines.items()},
            **{kind: {name: each.by_process for name, each in cost.phases.items()} for kind, cost in kinds.items()},
        },
        "per_second": {name: side.per_second for name, side in sides.items()},
        "history": {name: {"events": side.history.events, "bytes": side.history.size} for name, side in sides.items()},
        "served": {name: asdict(cost.served) for name, cost in kinds.items()},
    }


def _placing(waits: Waits) -> dict[str, Any]:
    return {
        "callers": waits.callers,
        "loop": "closed" if waits.rates is None else "open",
        "ratio": {f"p{share * 100:.0f}": waits.ratio(share) for share in _SHARES},
        "engine_seconds": {f"p{share * 100:.0f}": percentile(waits.engine, share) for share in _SHARES},
        "seconds": {f"p{share * 100:.0f}": percentile(waits.ours, share) for share in _SHARES},
        "offered_per_second": None if waits.rates is None else {"engine": waits.rates[0], "opora": waits.rates[1]},
    }


def as_picture(run: Run) -> str:
    """CPU milliseconds per order by process, a bar for each kind of order, as SVG."""
    bars = _bars(run)
    widest = max(cost.total for _, cost in bars)
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 275" font-family="sans-serif" font-size="13">',
        '<rect width="760" height="275" fill="#fff"/>',
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
        lines.append(f'<rect x="{left}" y="235" width="14" height="14" fill="{_COLOURS[name]}"/>')
        lines.append(f'<text x="{left + 20}" y="247">{title}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _ours(run: Run) -> list[tuple[str, OrderCost, float]]:
    return [
        ("заказ с отсрочкой", run.credit, MOST_CREDIT),
        ("заказ с предоплатой", run.prepaid, MOST_PREPAID),
    ]


def _bars(run: Run) -> list[tuple[str, CpuPerOrder]]:
    engines = [("образец движка", run.engine.cpu), (_COURSE, run.course.cpu)]
    return [*engines, *((title, cost.whole) for title, cost, _ in _ours(run))]


def _cpu_ratio(run: Run, cost: CpuPerOrder) -> float | None:
    return ratio(cost.total, run.engine.cpu.total)


def _history_ratios(run: Run, cost: OrderCost) -> tuple[float | None, float | None]:
    ours, engines = cost.history, run.engine.history
    return ratio(ours.events, engines.events), ratio(ours.size, engines.size)


def _loop(waits: Waits) -> str:
    kind = "закрытая петля" if waits.rates is None else "открытая петля"
    return f"Размещение, {kind}, вызывающих {waits.callers}"


def _wait(waits: Waits) -> str:
    ours, engines = (
        " / ".join(f"{percentile(seconds, share) * 1000:.0f}" for share in _SHARES)
        for seconds in (waits.ours, waits.engine)
    )
    if waits.rates is None:
        offered = ""
    else:
        engines_rate, our_rate = (figure(rate, "в секунду") for rate in waits.rates)
        offered = f"; предложено {our_rate}, движку {engines_rate}"
    return f"{ours} мс, движок {engines} мс (p50 / p95 / p99){offered}"
