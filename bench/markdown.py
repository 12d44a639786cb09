"""One table of all benchmarks for a README: ratios first, absolute figures beside them, the machine above."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.figures import MIB, percentile, ratio
from bench.growth import Run as GrowthRun
from bench.invoices import Run as InvoiceRun
from bench.latency import Loop, Waits
from bench.machine import Machine
from bench.memory import Run as MemoryRun
from bench.order_run import MOST_CREDIT, MOST_PLACING, MOST_PREPAID
from bench.order_run import Run as OrderRun
from bench.reserves import MOST, Outcome
from bench.start import Run as StartRun

_SHARES = (0.5, 0.95, 0.99)
_LOOPS = {
    Loop.CLOSED: "closed loop",
    Loop.OPEN: "open loop, each at half of its own rate",
    Loop.EQUAL: "open loop, both at half of our rate",
}
_PROCESSES = {"temporal": "server", "worker": "worker", "api": "API", "postgres": "PostgreSQL", "caller": "caller"}
_GROWTH = {
    "cpu_ms_per_order": ("CPU of an order on credit", "ms"),
    "statements_per_order": ("statements of an order on credit", ""),
    "cpu_ms_per_prepaid_order": ("CPU of a prepaid order", "ms"),
    "statements_per_prepaid_order": ("statements of a prepaid order", ""),
    "placing_1_p50_ms": ("placing, 1 caller, p50", "ms"),
    "placing_1_p95_ms": ("placing, 1 caller, p95", "ms"),
    "placing_8_p50_ms": ("placing, 8 callers, p50", "ms"),
    "placing_8_p95_ms": ("placing, 8 callers, p95", "ms"),
    "customer_card_p50_ms": ("a customer's card, p50", "ms"),
    "receivables_p50_ms": ("first page of unpaid invoices, p50", "ms"),
    "customer_receivables_p50_ms": ("unpaid invoices of a customer, p50", "ms"),
    "start_seconds": ("start-up", "s"),
    "recovery_worker_seconds": ("kill -9 of the worker: an order decided after", "s"),
    "recovery_api_seconds": ("kill -9 of the API: an order decided after", "s"),
    "recovery_temporal_seconds": ("kill -9 of Temporal: an order decided after", "s"),
    "recovery_postgres_seconds": ("kill -9 of PostgreSQL: an order decided after", "s"),
    "database_mib": ("size of the database", "MiB"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured beside what, their ratio, the ratio that is wanted, and both figures of this machine."""

    title: str
    ratio: str = ""
    wanted: str = ""
    ours: str = ""
    beside: str = ""


def page(machine: Machine, rows: Iterable[Row], tables: Iterable[str], took: Iterable[str]) -> str:
    """The whole report of one run.

    Args:
        tables: what stands below the table of ratios.
        took: the parts of the run and how long each took.
    """
    code = f", commit `{machine.commit}`" if machine.commit else ""
    head = (
        f"One run of `./opora bench all`{code}. Ratios travel, absolute figures do not: they are of {machine.system}, "
        f"{machine.cores} cores, {machine.memory_mib} MiB, Python {machine.python}, load before {machine.load:.1f}."
    )
    ratios = _table(
        ("", "Ratio", "Wanted", "Opora", "Beside it"),
        [(row.title, row.ratio, row.wanted, row.ours, row.beside) for row in rows],
    )
    return "\n\n".join([head, ratios, *tables, f"Took: {'; '.join(took)}."]) + "\n"


def order_rows(run: OrderRun) -> list[Row]:
    """Whole orders and their placing."""
    engine, credit, prepaid = run.engine, run.credit, run.prepaid
    costs = [
        ("whole order on credit / the engine's reference order", credit.whole, engine.cpu, MOST_CREDIT),
        ("whole prepaid order / the same", prepaid.whole, engine.cpu, MOST_PREPAID),
        ("order on credit / the engine on its road, every step empty", credit.whole, run.course.cpu, None),
        ("order on credit / the engine on its road, a transaction in each step", credit.whole, run.noting.cpu, None),
        ("that road, every step empty / the reference order", run.course.cpu, engine.cpu, None),
        ("that road, a transaction in each step / the reference order", run.noting.cpu, engine.cpu, None),
    ]
    rows = [
        _row(f"CPU: {title}", ours.total, beside.total, "ms", most=most, digits=0)
        for title, ours, beside, most in costs
    ]
    rows += [_placing(waits) for waits in run.waits]
    for title, ours in (("on credit", credit), ("prepaid", prepaid)):
        left, engines = ours.history, engine.history
        rows += [
            _row(f"whole orders a second, {title} / reference orders", ours.per_second, engine.per_second, "/s"),
            _row(f"events of history, {title} / reference", left.events, engines.events, digits=0),
            _row(f"size of history, {title} / reference", left.size / 1024, engines.size / 1024, "KiB"),
            Row(
                f"statements and transactions, {title}",
                ours=f"{ours.served.statements:.0f} and {ours.served.transactions:.0f}",
            ),
        ]
    return rows


def cpu_table(run: OrderRun) -> str:
    """CPU by process."""
    sides = {
        "the engine's reference order": run.engine.cpu,
        "the road of an order on credit, empty": run.course.cpu,
        "the same, a transaction in each step": run.noting.cpu,
        "order on credit": run.credit.whole,
        "prepaid order": run.prepaid.whole,
    }
    return _table(
        ("CPU milliseconds per order", *_PROCESSES.values(), "all"),
        [
            (
                title,
                *(f"{cost.by_process[name]:.0f}" if name in cost.by_process else "" for name in _PROCESSES),
                f"{cost.total:.0f}",
            )
            for title, cost in sides.items()
        ],
    )


def invoice_rows(run: InvoiceRun) -> list[Row]:
    """Invoices per second."""
    return [
        _row("invoices put under watch / empty workflows started", run.ours.started, run.engine.started, "/s"),
        _row("invoices paid / empty workflows ended", run.ours.ended, run.engine.ended, "/s"),
    ]


def reserve_rows(run: Outcome) -> list[Row]:
    """Memory of open reserves, and how late they ended."""
    ours, engine = (side.opened.engine / MIB for side in (run.ours, run.engine))
    title = f"memory of {run.wanted.orders:,} open reserves / as many empty workflows"
    released = run.late().get("released")
    late = f"{released.p50:.1f}, {released.p99:.1f}, {released.longest:.1f} s" if released else ""
    ends = f"{run.wanted.ends:,} reserves that end within {run.wanted.window}: late by p50, p99, most"
    return [_row(title, ours, engine, "MiB", most=MOST), *([Row(ends, ours=late)] if late else [])]


def memory_rows(run: MemoryRun) -> list[Row]:
    """Memory at each size."""
    return [
        _row(
            f"memory of {size:,} open orders and as many invoices / {2 * size:,} empty workflows",
            ours.opened.engine / MIB,
            engine.opened.engine / MIB,
            "MiB",
        )
        for size, ours, engine in zip(run.sizes, run.ours, run.engine, strict=True)
    ]


def start_rows(run: StartRun) -> list[Row]:
    """Starts beside the engine's, then recoveries."""
    engine = percentile(run.engine, 0.5)
    kinds = {"empty directory": run.empty, "the same directory again": run.again}
    starts = [
        _row(f"start-up, {title} / the engine's server and worker", percentile(seconds, 0.5), engine, "s")
        for title, seconds in kinds.items()
    ]
    return starts + [
        Row(f"kill -9 of {part}: an order decided after, median, most",
            ours=f"{percentile(seconds, 0.5):.1f}, {max(seconds):.1f} s")
        for part, seconds in run.recovery.items()
    ]  # fmt: skip


def growth_rows(run: GrowthRun) -> list[Row]:
    """Each figure at the largest size beside the same at the smallest."""
    smallest, largest = run.sizes[0], run.sizes[-1]
    sizes = f"{largest.invoices:,} invoices / {smallest.invoices:,}"
    before = smallest.figures()
    return [
        _row(f"{sizes}: {_GROWTH[name][0]}", value, before[name], _GROWTH[name][1])
        for name, value in largest.figures().items()
    ]


def _placing(waits: Waits) -> Row:
    callers = "1 caller" if waits.callers == 1 else f"{waits.callers} callers"
    offered = ["", ""] if waits.rates is None else [f" at {rate:.1f}/s" for rate in reversed(waits.rates)]
    ours, engine = (
        f"{', '.join(f'{percentile(seconds, share) * 1000:.0f}' for share in _SHARES)} ms"
        for seconds in (waits.ours, waits.engine)
    )
    return Row(
        f"placing with decision / update-with-start, {_LOOPS[waits.loop]}, {callers}: p50, p95, p99",
        ", ".join(_times(waits.ratio(share)) for share in _SHARES),
        _most(MOST_PLACING) if waits.callers in {1, 8} else "",
        ours + offered[0],
        engine + offered[1],
    )


def _row(title: str, ours: float, beside: float, unit: str = "", *, most: float | None = None, digits: int = 1) -> Row:
    figures = (f"{value:.{digits}f} {unit}".strip().replace(" /", "/") for value in (ours, beside))
    return Row(title, _times(ratio(ours, beside)), "" if most is None else _most(most), *figures)


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} ×"


def _most(value: float) -> str:
    return f"≤ {_times(value)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
