"""Messages of the hourly round of the queues for goods."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StockSweep:
    """Asks for a round of all queues. A round that begins anew brings its time and its place along.

    Attributes:
        after: warehouse and SKU of the last shelf that was served.
    """

    as_of: datetime | None = None
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepPage:
    """The next few shelves of a round, in the order of warehouse and SKU."""

    as_of: datetime
    after: tuple[str, ...] = ()
    size: int = 20


@dataclass(frozen=True, slots=True)
class Swept:
    """Orders that goods moved to or from, and the last shelf; without one the round is over."""

    served: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StockCheck:
    """Asks to hold the figures of stock against their rows."""

    as_of: datetime


@dataclass(frozen=True, slots=True)
class StockChecked:
    """How many differences there are, and how many of them were told just now."""

    found: int = 0
    told: int = 0
