"""Whether the figures of stock are what its rows add up to: found and told, never repaired (D3-9, D3-10)."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from domain.allocation import NOTHING

LATE_RELEASE = timedelta(seconds=60)
"""A reserve that ran out is worked off within this time."""
QUEUE_GRACE = timedelta(hours=2)
"""What time alone brings, such as D8-6, is handed out by an hourly sweep: it is late after this time."""


class Drift(StrEnum):
    """What does not add up."""

    ON_HAND = "on_hand"
    """On hand is not the sum of the movements."""
    RESERVED = "reserved"
    """The reserved figure is not the sum of the reserved lines."""
    PICKING = "picking"
    """The same of what is being picked."""
    OVER_PROMISED = "over_promised"
    """More is promised than there is."""
    SHIPPED = "shipped"
    """What shipments say has left is not what was written off."""
    ENDED_HOLDS = "ended_holds"
    """An order that has ended still holds goods, or waits for them (D7-17)."""
    EXPIRED = "expired"
    """A reserve has run out and still stands (D7-6)."""
    UNSERVED = "unserved"
    """Somebody waits whose turn it is for goods that are free (D8)."""


@dataclass(frozen=True, slots=True)
class ShelfFigures:
    """A stock row beside the sums of the rows that it must be equal to."""

    warehouse: str
    sku: str
    on_hand: Decimal
    reserved: Decimal
    picking: Decimal
    moved: Decimal
    lines_reserved: Decimal
    lines_picking: Decimal


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: where, what is recorded and what the rows say; `since` when for what should have ended."""

    kind: Drift
    warehouse: str | None = None
    sku: str | None = None
    recorded: Decimal | None = None
    counted: Decimal | None = None
    order_id: str | None = None
    since: datetime | None = None

    @property
    def name(self) -> str:
        """The same difference, found again, has the same name, whatever its figures are by then."""
        return ":".join([self.kind, self.warehouse or "", self.sku or "", self.order_id or ""])

    def plain(self) -> dict[str, str | None]:
        """JSON-ready."""
        return {name: None if value is None else str(value) for name, value in asdict(self).items()}


def compare(shelf: ShelfFigures) -> Iterator[Finding]:
    """What does not add up on one shelf (D3-9)."""
    pairs = (
        (Drift.ON_HAND, shelf.on_hand, shelf.moved),
        (Drift.RESERVED, shelf.reserved, shelf.lines_reserved),
        (Drift.PICKING, shelf.picking, shelf.lines_picking),
    )
    for kind, recorded, counted in pairs:
        if recorded != counted:
            yield Finding(kind, shelf.warehouse, shelf.sku, recorded, counted)
    promised = max(shelf.reserved + shelf.picking, shelf.lines_reserved + shelf.lines_picking)
    if promised > max(NOTHING, shelf.on_hand):
        yield Finding(Drift.OVER_PROMISED, shelf.warehouse, shelf.sku, promised, shelf.on_hand)


def late_before(as_of: datetime) -> datetime:
    """A reserve that ran out before this instant should have been released by now (D7-6)."""
    return as_of - LATE_RELEASE


def unknown(findings: Iterable[Finding], known: Iterable[str]) -> list[Finding]:
    """Findings that nobody was told of yet, each once."""
    told = set(known)
    fresh: dict[str, Finding] = {}
    for finding in findings:
        if finding.name not in told:
            fresh.setdefault(finding.name, finding)
    return list(fresh.values())
