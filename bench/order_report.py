"""What a whole order costs, as people read it: ratios first, then the figures of the machine, then a picture."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import words
from bench.cpu import CpuPerOrder
from bench.figures import percentile, ratio
from bench.latency import Loop, Waits
from bench.order_run import MOST_CREDIT, MOST_PLACING, MOST_PREPAID, Run
from bench.orders import EngineCost, OrderCost
from bench.picture import COLOURS, Bar, bars
from bench.words import figure, most, times

_NAMES = {"temporal": "сервер", "worker": "воркер", "api": "API", "postgres": "PostgreSQL", "caller": "вызывающий"}
_COURSE = "путь заказа без нас"
"""The engine's price for the road that an order on credit goes."""
_NOTING = "тот же путь, в шаге транзакция"
_LOOPS = {
    Loop.CLOSED: "закрытая петля",
    Loop.OPEN: "открытая петля, каждому половина его скорости",
    Loop.EQUAL: "открытая петля, обоим половина нашей скорости",
}
_SHARES = (0.5, 0.95, 0.99)


def show(run: Run, console: Console) -> None:
    """The table of ratios, then the figures of this machine."""
    table = Table("Показатель", "Значение", "Норма", title=f"Заказов каждого вида: {run.orders}")
    for title, cost, norm in _ours(run):
        table.add_row(f"Процессор: {title} / образец движка", times(_cpu_ratio(run, cost.whole)), most(norm))
    for title, road in _roads(run):
        table.add_row(f"Процессор: {title} / образец движка", times(_cpu_ratio(run, road.cpu)), "")
    for title, road in _roads(run):
        value = ratio(run.credit.whole.total, road.cpu.total)
        table.add_row(f"Процессор: заказ с отсрочкой / {title}", times(value), "")
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
    for title, cost in _costs(run):
        parts = ", ".join(f"{_NAMES[name]} {value:.0f}" for name, value in cost.by_process.items() if value >= 1)
        yield f"{title}: мс процессора {cost.total:.0f} ({parts})"
    sides: list[tuple[str, EngineCost | OrderCost]] = [("образец движка", run.engine), *_roads(run)]
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
    engines = {"engine": run.engine, "course": run.course, "noting_course": run.noting}
    sides: dict[str, EngineCost | OrderCost] = {**engines, **kinds}
    return {
        "benchmark": "orders",
        "at": run.at.isoformat(),
        "credit_ratio": _cpu_ratio(run, run.credit.whole),
        "credit_ratio_most": MOST_CREDIT,
        "prepaid_ratio": _cpu_ratio(run, run.prepaid.whole),
        "prepaid_ratio_most": MOST_PREPAID,
        "course_ratio": _cpu_ratio(run, run.course.cpu),
        "noting_course_ratio": _cpu_ratio(run, run.noting.cpu),
        "credit_to_course_ratio": ratio(run.credit.whole.total, run.course.cpu.total),
        "credit_to_noting_course_ratio": ratio(run.credit.whole.total, run.noting.cpu.total),
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
        "loop": waits.loop.value,
        "ratio": {f"p{share * 100:.0f}": waits.ratio(share) for share in _SHARES},
        "engine_seconds": {f"p{share * 100:.0f}": percentile(waits.engine, share) for share in _SHARES},
        "seconds": {f"p{share * 100:.0f}": percentile(waits.ours, share) for share in _SHARES},
        "offered_per_second": None if waits.rates is None else {"engine": waits.rates[0], "opora": waits.rates[1]},
    }


def as_picture(run: Run) -> str:
    """CPU milliseconds per order by process, a bar for each kind of order, as SVG."""
    rows = [
        Bar(title, [(COLOURS[name], value) for name, value in cost.by_process.items()], f"{cost.total:.0f}")
        for title, cost in _costs(run)
    ]
    return bars("Мс процессора на заказ", run.machine, rows, {COLOURS[name]: title for name, title in _NAMES.items()})


def _ours(run: Run) -> list[tuple[str, OrderCost, float]]:
    return [
        ("заказ с отсрочкой", run.credit, MOST_CREDIT),
        ("заказ с предоплатой", run.prepaid, MOST_PREPAID),
    ]


def _roads(run: Run) -> list[tuple[str, EngineCost]]:
    """The road of an order on credit, gone by the engine alone."""
    return [(_COURSE, run.course), (_NOTING, run.noting)]


def _costs(run: Run) -> list[tuple[str, CpuPerOrder]]:
    engines = [("образец движка", run.engine.cpu), *((title, road.cpu) for title, road in _roads(run))]
    return [*engines, *((title, cost.whole) for title, cost, _ in _ours(run))]


def _cpu_ratio(run: Run, cost: CpuPerOrder) -> float | None:
    return ratio(cost.total, run.engine.cpu.total)


def _history_ratios(run: Run, cost: OrderCost) -> tuple[float | None, float | None]:
    ours, engines = cost.history, run.engine.history
    return ratio(ours.events, engines.events), ratio(ours.size, engines.size)


def _loop(waits: Waits) -> str:
    return f"Размещение, {_LOOPS[waits.loop]}, вызывающих {waits.callers}"


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
