"""How every report says its figures."""

from datetime import timedelta

from rich.console import Console
from rich.table import Table

from bench.machine import Machine


def times(value: float | None) -> str:
    """A ratio: `1,50 ×`."""
    return "не измерить" if value is None else f"{value:.2f} ×".replace(".", ",")


def most(value: float) -> str:
    """A norm: `≤ 1,50 ×`."""
    return f"≤ {times(value)}"


def figure(value: float, unit: str, digits: int = 1) -> str:
    """`12,3 с`."""
    return f"{value:.{digits}f} {unit}".replace(".", ",")


def lasted(seconds: float) -> str:
    """How long a whole benchmark took."""
    return f"Заняло {timedelta(seconds=round(seconds))}."


def show(console: Console, ratios: Table, machine: Machine, lines: list[str], unit: str = "") -> None:
    """The table of ratios, then the absolute figures beside the machine they belong to."""
    console.print(ratios)
    console.print(f"На этой машине ({machine.sentence()}){unit}:", highlight=False)
    for line in lines:
        console.print(f"  {line}", highlight=False, soft_wrap=True)
