"""`./opora bench all`: all benchmarks one after the other, in one report.

What was measured is written after each part: one that fails takes nothing with it, neither what came before nor after.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

from rich.console import Console

from bench.files import write, write_json
from bench.machine import Machine, this_machine
from bench.markdown import Row, page
from bench.words import lasted
from cli.local.problems import StackError, explain_os_error

Outcome = TypeVar("Outcome")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part(Generic[Outcome]):
    """One benchmark: what measures it, and what its outcome is shown as."""

    name: str
    measure: Callable[[Say], Outcome]
    show: Callable[[Outcome, Console], None]
    as_json: Callable[[Outcome], dict[str, Any]]
    rows: Callable[[Outcome], list[Row]]
    as_picture: Callable[[Outcome], str] | None = None
    as_table: Callable[[Outcome], str] | None = None


@dataclass(slots=True)
class Report:
    """Everything that is known so far."""

    folder: Path
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    machine: Machine = field(default_factory=this_machine)

    def add(self, part: Part[Outcome], outcome: Outcome, seconds: float) -> None:
        """Write down what one more part came to.

        Raises:
            StackError: the files cannot be written.
        """
        self.parts[part.name] = part.as_json(outcome)
        self.took[part.name] = seconds
        self.rows += part.rows(outcome)
        if part.as_table is not None:
            self.tables.append(part.as_table(outcome))
        if part.as_picture is not None:
            write(self.folder / f"{part.name}.svg", part.as_picture(outcome))
        write_json(self.folder / "bench.json", self._as_json())
        took = [f"{name} {timedelta(seconds=round(spent))}" for name, spent in self.took.items()]
        write(self.folder / "bench.md", page(self.machine, self.rows, self.tables, took))

    def _as_json(self) -> dict[str, Any]:
        return {
            "benchmark": "all",
            "at": self.at.isoformat(),
            "machine": asdict(self.machine),
            "took_seconds": self.took,
            "parts": self.parts,
        }


def run_all(parts: Iterable[Part[Any]], folder: Path, say: Say, console: Console) -> None:
    """Measure part after part, show each and keep it. Call from the main thread.

    Raises:
        StackError: parts failed, which is said when all others are through; or the files cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(explain_os_error(error, folder)) from error
    report, failed = Report(folder), list[str]()
    for part in parts:
        console.rule(part.name)
        begun = time.monotonic()
        try:
            outcome = part.measure(say)
        except Exception as error:
            failed.append(f"{part.name}: {error if isinstance(error, StackError) else repr(error)}")
            console.print(failed[-1], highlight=False)
            continue
        seconds = time.monotonic() - begun
        part.show(outcome, console)
        report.add(part, outcome, seconds)
        console.print(f"{part.name}: {lasted(seconds)}", highlight=False)
    console.rule()
    for name, seconds in report.took.items():
        console.print(f"{name}: {lasted(seconds)}", highlight=False)
    console.print(lasted(sum(report.took.values())), f"Отчёт: {folder / 'bench.md'}", highlight=False)
    if failed:
        raise StackError("\n".join(failed))
