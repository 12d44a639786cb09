"""The parts of `./opora bench all`, in the order in which they run: what a machine is slowed by comes last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench import (
    growth,
    growth_report,
    invoice_report,
    invoices,
    markdown,
    memory,
    memory_report,
    order_report,
    order_run,
    report,
    reserves,
    start,
    start_report,
)
from bench.whole import Part
from cli.local.problems import StackError

NAMES = ("orders", "invoices", "start", "growth", "reserves", "memory")
_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything to measure; `settle`: rest before memory is looked at."""

    orders: int
    callers: Sequence[int]
    each: int | None
    invoices: int
    starts: int
    growth: Sequence[int]
    reserves: int
    memory: Sequence[int]
    settle: timedelta


def chosen(names: str, sizes: Sizes) -> list[Part[Any]]:
    """Parts by their names, `orders,start`.

    Raises:
        StackError: there is no such part.
    """
    wanted = {name.strip() for name in names.split(",")}
    if not wanted <= set(NAMES):
        raise StackError(f"Не понимаю «{names}»: напишите через запятую, что измерить: {', '.join(NAMES)}.")
    return [part for part in _parts(sizes) if part.name in wanted]


def _parts(sizes: Sizes) -> list[Part[Any]]:
    ends = sizes.reserves // 10
    held = reserves.Wanted(sizes.reserves, ends, ends, _WINDOW, sizes.settle)
    return [
        Part(
            "orders",
            lambda say: order_run.measure(sizes.orders, say, callers=sizes.callers, each=sizes.each),
            order_report.show,
            order_report.as_json,
            markdown.order_rows,
            order_report.as_picture,
            markdown.cpu_table,
        ),
        Part(
            "invoices",
            lambda say: invoices.measure(sizes.invoices, say),
            invoice_report.show,
            invoice_report.as_json,
            markdown.invoice_rows,
            invoice_report.as_picture,
        ),
        Part(
            "start",
            lambda say: start.measure(sizes.starts, say),
            start_report.show,
            start_report.as_json,
            markdown.start_rows,
            start_report.as_picture,
        ),
        Part(
            "growth",
            lambda say: growth.measure(sizes.growth, sizes.orders, say),
            growth_report.show,
            growth_report.as_json,
            markdown.growth_rows,
            growth_report.as_picture,
        ),
        Part(
            "reserves",
            lambda say: reserves.measure(held, say),
            report.show,
            reserves.as_json,
            markdown.reserve_rows,
        ),
        Part(
            "memory",
            lambda say: memory.measure(sizes.memory, sizes.settle, say),
            memory_report.show,
            memory_report.as_json,
            markdown.memory_rows,
            memory_report.as_picture,
        ),
    ]
