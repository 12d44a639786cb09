"""How figures grow with the database, as people read them: ratios to the smallest size first."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import words
from bench.figures import MIB
from bench.growth import Grown, Run
from bench.picture import PLAIN, Bar, bars
from bench.words import figure, times

_TITLES = {
    "cpu_ms_per_order": ("Процессор на заказ с отсрочкой", "мс"),
    "statements_per_order": ("Запросов на заказ", ""),
    "cpu_ms_per_prepaid_order": ("Процессор на заказ по предоплате", "мс"),
    "statements_per_prepaid_order": ("Запросов на заказ по предоплате", ""),
    "placing_1_p50_ms": ("Размещение, 1 вызывающий, p50", "мс"),
    "placing_1_p95_ms": ("Размещение, 1 вызывающий, p95", "мс"),
    "placing_8_p50_ms": ("Размещение, 8 вызывающих, p50", "мс"),
    "placing_8_p95_ms": ("Размещение, 8 вызывающих, p95", "мс"),
    "customer_card_p50_ms": ("Карточка клиента, p50", "мс"),
    "receivables_p50_ms": ("Неоплаченные счета, p50", "мс"),
    "customer_receivables_p50_ms": ("Неоплаченные счета клиента, p50", "мс"),
    "start_seconds": ("Запуск", "с"),
    "recovery_worker_seconds": ("Решение после kill -9 воркера", "с"),
    "recovery_api_seconds": ("Решение после kill -9 API", "с"),
    "recovery_temporal_seconds": ("Решение после kill -9 Temporal", "с"),
    "recovery_postgres_seconds": ("Решение после kill -9 PostgreSQL", "с"),
    "database_mib": ("Размер базы", "МиБ"),
}


def show(run: Run, console: Console) -> None:
    """The table of ratios, then the figures of this machine."""
    smallest, *larger = run.sizes
    title = f"Счетов в базе, в сравнении с {_thousands(smallest.invoices)}"
    table = Table("Показатель", *(_thousands(grown.invoices) for grown in larger or [smallest]), title=title)
    for name, ratios in run.ratios().items():
        table.add_row(_TITLES[name][0], *(times(value) for value in (ratios[1:] or ratios)))
    words.show(console, table, run.machine, [line for grown in run.sizes for line in _figures(grown)])


def _figures(grown: Grown) -> Iterator[str]:
    yield (
        f"{_thousands(grown.invoices)} счетов, {_thousands(grown.customers)} клиентов: "
        f"записаны за {figure(grown.written_in, 'с')}"
    )
    for name, value in grown.figures().items():
        title, unit = _TITLES[name]
        yield f"  {title}: {figure(value, unit).strip()}"


def as_json(run: Run) -> dict[str, Any]:
    """Ratios first, then everything they were counted from."""
    return {
        "benchmark": "growth",
        "at": run.at.isoformat(),
        "invoices": [grown.invoices for grown in run.sizes],
        "ratio_to_smallest": run.ratios(),
        "machine": asdict(run.machine),
        "orders": run.orders,
        "figures": [grown.figures() for grown in run.sizes],
        "customers": [grown.customers for grown in run.sizes],
        "written_in_seconds": [grown.written_in for grown in run.sizes],
        "database_mib": [grown.database_bytes / MIB for grown in run.sizes],
        "placing_seconds": [grown.placing for grown in run.sizes],
        "page_seconds": [grown.pages for grown in run.sizes],
    }


def as_picture(run: Run) -> str:
    """How many times each figure grew from the smallest database to the largest, as SVG."""
    grown = {name: ratios[-1] or 0.0 for name, ratios in run.ratios().items() if name != "database_mib"}
    sizes = f"{_thousands(run.sizes[0].invoices)} → {_thousands(run.sizes[-1].invoices)}"
    rows = [Bar(_TITLES[name][0], [(PLAIN, value)], times(value)) for name, value in grown.items()]
    return bars(f"Во сколько раз больше: счетов в базе {sizes}", run.machine, rows)


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", " ")
