"""Benchmarks as people read them: ratios first, absolute figures only beside the machine they belong to."""

from rich.console import Console
from rich.table import Table

from bench import words
from bench.figures import LATE_SECONDS, MIB, Lateness, Memory, ratio
from bench.reserves import MOST, Outcome
from bench.words import most, times


def show(outcome: Outcome, console: Console) -> None:
    """The table of ratios and lateness, then the figures of this machine."""
    wanted = outcome.wanted
    table = Table("Показатель", "Значение", "Норма", title=f"Открытых резервов: {wanted.orders}")
    ours, engine = outcome.ours.opened, outcome.engine.opened
    table.add_row("Память Temporal и воркера: резервы / пустые процессы", times(outcome.memory_ratio), most(MOST))
    table.add_row("  из неё сервер Temporal", times(ratio(ours.server, engine.server)), "")
    table.add_row("  из неё воркер", times(ratio(ours.worker, engine.worker)), "")
    late = outcome.late()
    if "released" in late:
        releases = late["released"]
        over = f"{releases.late} из {releases.count}"
        table.add_row(f"Снято позже {LATE_SECONDS:.0f} с после срока (за {wanted.window})", over, "0")
    for name, title in (
        ("released", "Опоздание снятия"),
        ("journal", "  то же по журналу"),
        ("reminded", "Опоздание напоминаний в те же минуты"),
    ):
        if name in late:
            table.add_row(f"{title}: p50 / p99 / наибольшее", _late(late[name]), "")
    sides = (("движок", outcome.engine), ("Опора", outcome.ours))
    words.show(console, table, outcome.machine, [
        f"{title}: {held(side.opened)}; на один процесс {side.opened.engine / wanted.orders / 1024:.1f} КиБ; "
        f"до начала: {held(side.idle)}"
        for title, side in sides
    ])  # fmt: skip


def _late(late: Lateness) -> str:
    return f"{late.p50:.1f} / {late.p99:.1f} / {late.longest:.1f} с".replace(".", ",")


def held(memory: Memory) -> str:
    """What each process holds, in MiB."""
    parts = (("сервер", memory.server), ("воркер", memory.worker), ("PostgreSQL", memory.database))
    return ", ".join(f"{title} {size / MIB:.1f} МиБ" for title, size in parts)
