"""What a run came to: as lines for people, as a value for machines."""

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from cli.chaos.conductor import Happened

SHOWN = 20


@dataclass(slots=True)
class Outcome:
    """One run.

    Attributes:
        lost: acknowledged and not there; doubled: there more than once; violated: invariants that did not hold in some
            snapshot, and answers that must not be; stuck: what had neither ended nor a reason to wait in the end.
        settled: seconds from the last fault until all was quiet.
        snapshots: of the database that were judged; `missed`: how often it did not answer.
        histories: of processes, told again in the end.
    """

    seed: int
    orders: int
    kills: int
    processes_killed: int
    faults: list[Happened]
    seconds: float = 0.0
    settled: float | None = None
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    violated: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    snapshots: int = 0
    missed: int = 0
    commands: int = 0
    asked_again: int = 0
    hurt: int = 0
    histories: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.violated or self.stuck)

    def recovery(self) -> dict[str, list[float]]:
        """Seconds that each part took to answer again, after each time that it was killed or died."""
        took: dict[str, list[float]] = defaultdict(list)
        for happened in self.faults:
            for name, seconds in happened.back.items():
                took[name.removesuffix("-2")].append(round(seconds, 3))
        return dict(sorted(took.items()))

    def as_json(self) -> dict[str, Any]:
        """The verdict first, then everything it was made of."""
        return {"clean": self.clean, **asdict(self), "recovery": self.recovery()}


def show(outcome: Outcome, console: Console) -> None:
    """The table, and by name what is wrong."""
    table = Table(title=f"Хаос, зерно {outcome.seed}", title_justify="left")
    for column in ("Заказов", "Убито", "Сбоев", "Потеряно", "Задвоено", "Нарушено", "Застряло"):
        table.add_column(column, justify="right")
    figures = (outcome.orders, outcome.kills, len(outcome.faults), len(outcome.lost), len(outcome.doubled),
               len(outcome.violated), len(outcome.stuck))  # fmt: skip
    table.add_row(*map(str, figures))
    console.print(table)
    back = Table(title="Снова отвечает, с", title_justify="left")
    for column in ("Часть", "Раз", "p50", "Наибольшее"):
        back.add_column(column, justify="left" if column == "Часть" else "right")
    for name, seconds in outcome.recovery().items():
        back.add_row(name, str(len(seconds)), f"{median(seconds):.2f}", f"{max(seconds):.2f}")
    console.print(back)
    settled = "не улеглось" if outcome.settled is None else f"улеглось за {outcome.settled:.1f} с после сбоев"
    console.print(
        f"Снимков: {outcome.snapshots} (без ответа базы: {outcome.missed}), "
        f"команд: {outcome.commands}, переспрошено: {outcome.asked_again}, "
        f"соединений оборвано: {outcome.hurt}, {settled}, историй воспроизведено: {outcome.histories}, "
        f"всего {outcome.seconds:.0f} с."
    )
    for title, counted in (("Чем кончилось", outcome.ends), ("Отказано", outcome.refused)):
        if counted:
            console.print(f"{title}: {', '.join(f'{name} {count}' for name, count in counted.items())}.")
    for title, findings in (("Потеряно", outcome.lost), ("Задвоено", outcome.doubled), ("Нарушено", outcome.violated),
                            ("Застряло", outcome.stuck)):  # fmt: skip
        for finding in findings[:SHOWN]:
            console.print(f"✗ {title}: {finding}")
        if len(findings) > SHOWN:
            console.print(f"✗ {title}: и ещё {len(findings) - SHOWN}")
    console.print("Ничего не потеряно, не задвоено, не нарушено и не застряло." if outcome.clean
                  else "Есть потери: смотрите строки с ✗.")  # fmt: skip
