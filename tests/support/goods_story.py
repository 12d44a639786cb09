"""What must hold after every commit of a log of goods: the count, and the queue (D3-9, D7, D8, U18)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import Engine, text
from support.goods_log import BEFORE, KEYS, Moment, Row, Run, number

from domain.allocation import (
    Allotment,
    Claim,
    ClaimLine,
    QueueTerms,
    Rule,
    Shelf,
    ShelfKey,
    allocate,
    counts_as_vip,
)
from domain.orders import ENDED

Promise: TypeAlias = tuple[str, str, str]
"""Order, warehouse, SKU."""

HELD = ("waiting", "reserved", "picking")
PROMISED = ("reserved", "picking", "shipped")
ZERO = Decimal(0)


@dataclass
class GoodsStory:
    """What the log tells, and what is wrong with it.

    Attributes:
        hold_back: percent, by SKU.
        moments: how many commits the state was checked after.
        runs: how many runs of the queue were computed again.
        rules: by which rules lines got what they got, or nothing.
    """

    hold_back: Mapping[str, Decimal]
    terms: QueueTerms = field(default_factory=QueueTerms)
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))
    wrong: list[str] = field(default_factory=list)
    moments: int = 0
    runs: int = 0
    rules: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _vips: set[str] = field(default_factory=set)
    _due: dict[tuple[str, int], Decimal] = field(default_factory=dict)
    _looked_at: dict[ShelfKey, datetime] = field(default_factory=dict)
    _on_hand: dict[ShelfKey, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def tell(self, engine: Engine) -> "GoodsStory":
        """Replay the whole log."""
        with engine.connect() as connection:
            self._vips = {str(id_) for id_ in connection.execute(_VIPS).scalars()}
            events = connection.execute(text("SELECT * FROM goods_log ORDER BY seq")).all()
        by_xact: dict[str, list[Any]] = defaultdict(list)
        for event in events:
            by_xact[event.xact].append(event)
        for name, mine in sorted(by_xact.items(), key=lambda pair: pair[1][-1].seq):
            moment = Moment(name, mine, dict(self.tables["reservation_line"]))
            for event in mine:
                self._apply(event)
            self._check(moment)
        return self

    def _apply(self, event: Any) -> None:
        key = ":".join(str(event.row[part]) for part in KEYS[event.source].split(", "))
        if event.source == "stock_movement":
            self._on_hand[event.row["warehouse"], event.row["sku"]] += number(event.row["quantity"])
        if event.op == "DELETE":
            self.tables[event.source].pop(key, None)
        else:
            self.tables[event.source][key] = event.row

    def _check(self, moment: Moment) -> None:
        self.moments += 1
        steps = [row["key"].split(":", 2)[-1] for row in moment.rows("step")]
        when = f"after {moment.events[-1].seq} ({', '.join(steps) or 'no step'})"
        for shelf in sorted(moment.shelves):
            self._check_shelf(shelf, when)
        for order in sorted(moment.orders):
            self._check_order(order, moment, when)
        if moment.name == BEFORE:
            return
        self._check_promises_are_explained(moment, when)
        for run in moment.runs():
            self._check_run(run, when)
        self._check_settled(moment, when)

    # -- conservation ---------------------------------------------------------------------------------------------

    def _check_shelf(self, shelf: ShelfKey, when: str) -> None:
        """On hand = free + reserved + picking = everything that ever came and went (D3-9)."""
        row, sums = self.tables["stock"].get(":".join(shelf)), defaultdict(Decimal)
        for line in self.tables["reservation_line"].values():
            if (line["warehouse"], line["sku"]) == shelf:
                sums[line["state"]] += number(line["quantity"])
        on_hand = number(row["on_hand"]) if row else ZERO
        if on_hand != self._on_hand[shelf]:
            self.wrong.append(f"{when}: {shelf} has {on_hand} on hand, but {self._on_hand[shelf]} came and went")
        for state in ("reserved", "picking"):
            if (number(row[state]) if row else ZERO) != sums[state]:
                self.wrong.append(f"{when}: {shelf} says {row} but {sums[state]} are {state}")
        if min(on_hand, sums["reserved"], sums["picking"], on_hand - sums["reserved"] - sums["picking"]) < 0:
            self.wrong.append(f"{when}: {shelf} has {on_hand} on hand and promised {dict(sums)}")

    def _check_order(self, order: str, moment: Moment, when: str) -> None:
        """While a reserve lives, a line waits for, holds, shipped or closed what is wanted; then it holds nothing."""
        row, reservation = self.tables["sales_order"][order], self.tables["reservation"].get(order)
        sums, held = defaultdict(Decimal), ZERO
        for line in self.tables["reservation_line"].values():
            if line["order_id"] == order:
                sums[line["line_no"]] += number(line["quantity"])
                held += number(line["quantity"]) if line["state"] in HELD else ZERO
        over = reservation is None or reservation["status"] in {"released", "done"} or row["status"] in ENDED
        if over:
            if held:
                self.wrong.append(f"{when}: {row['number']} {row['status']} with {reservation} still holds {held}")
            return
        if moment.fits(order) or moment.name == BEFORE:
            for line_no in {line_no for other, line_no in self._due if other == order}:
                del self._due[order, line_no]
            for line in self.tables["order_line"].values():
                if (line["order_id"], line["revision"]) == (order, row["revision"]):
                    self._due[order, line["line_no"]] = number(line["quantity"])
        wanted = {line_no: due for (other, line_no), due in self._due.items() if other == order and due}
        if wanted != dict(sums):
            self.wrong.append(
                f"{when}: {row['number']} wants {wanted} but {dict(sums)} are waited for, held, shipped or closed"
            )

    def _check_promises_are_explained(self, moment: Moment, when: str) -> None:
        """Whatever somebody was promised, or lost, is in the record of a run (U18)."""
        told: dict[Promise, Decimal] = defaultdict(Decimal)
        for record in moment.rows("stock_allocation"):
            shelf = record["warehouse"], record["sku"]
            for claim in record["claims"]:
                told[claim["order_id"], *shelf] += Decimal(claim["given"])
            for loss in record["losses"]:
                told[loss["order_id"], *shelf] -= Decimal(loss["quantity"])
                if "given_to" in loss:
                    told[loss["given_to"], *shelf] += Decimal(loss["quantity"])
        before, after = _promised(moment.before.values()), _promised(self.tables["reservation_line"].values())
        for key in sorted({*before, *after, *told}):
            if after[key] - before[key] != told[key]:
                self.wrong.append(f"{when}: {key} went from {before[key]} to {after[key]}, recorded {told[key]}")

    # -- the queue ------------------------------------------------------------------------------------------------

    def _check_run(self, run: Run, when: str) -> None:
        """The rule gives everybody what the run gave, also with those in the queue whom the run never saw."""
        self.runs += 1
        known = [self._claim(claim.order_id, claim.lines) for claim in run.claims]
        alone = allocate(run.shelves, known, self.terms, run.at)
        if _given(alone) != {key: each for key, each in run.given.items() if each}:
            self.wrong.append(f"{when}: the recorded run gave {run.given}, not {_given(alone)}")
        seen = {claim.order_id for claim in run.claims}
        others = [claim for claim in self.claims({shelf.key for shelf in run.shelves}) if claim.order_id not in seen]
        queue = [*known, *others]
        again = allocate(run.shelves, queue, self.terms, run.at)
        for part in again:
            self.rules[part.rule] += 1
        nothing_free = all(shelf.free <= 0 for shelf in run.shelves)
        if _given(again) != _given(alone) and not (nothing_free and _goes_back(again)):
            unseen = [claim.order_id for claim in others]
            self.wrong.append(f"{when}: gave {_given(alone)}, not {_given(again)}; it did not see {unseen}")
        for shelf in run.shelves:
            self._check_classes(shelf, run, queue, when)
        for claim in known:
            if claim.ship_complete and any(key[0] == claim.order_id and each > 0 for key, each in run.given.items()):
                self._check_whole(claim.order_id, when)

    def _check_classes(self, shelf: Shelf, run: Run, queue: list[Claim], when: str) -> None:
        """No ordinary order is served before a key customer, or from what is kept for them (D8-1, D8-2)."""
        given = {key: each for key, each in run.given.items() if key[2] == shelf.key and each > 0}
        by_id = {claim.order_id: claim for claim in queue}
        ordinary = {order for order, _, _ in given if not counts_as_vip(by_id[order], self.terms, run.at)}
        if not ordinary:
            return
        for claim in queue:
            if any(run.given.get((claim.order_id, line.line_no, line.shelf), ZERO) < 0 for line in claim.lines):
                continue  # gathered too long: it is served whole at its turn, or waits with nothing (D8-5)
            for line in claim.lines:
                got = run.given.get((claim.order_id, line.line_no, line.shelf), ZERO)
                unmet = line.shelf == shelf.key and got < line.quantity
                whole = claim.ship_complete and claim.gathering_since is None
                if unmet and not whole and counts_as_vip(replace(claim, lines=(line,)), self.terms, run.at):
                    self.wrong.append(f"{when}: {ordinary} served before key customer {claim} of {shelf}")
        left = shelf.free - sum(each for key, each in run.given.items() if key[2] == shelf.key)
        if left < shelf.held_back:
            self.wrong.append(f"{when}: {ordinary} served out of what is held back of {shelf}")

    def _check_whole(self, order: str, when: str) -> None:
        """An order that ships whole got all it waited for, wherever it waited, or goods are gathered for it (D7-12)."""
        left = [row for row in self._lines("waiting") if row["order_id"] == order]
        if left and not any(row["gathering_since"] for row in left):
            self.wrong.append(f"{when}: a part given to an order that ships whole, {left} are missing")

    def _check_settled(self, moment: Moment, when: str) -> None:
        """Nobody waits for what was free when the queue of its shelf was last looked at: handing it out again at that
        time gives nothing to anybody. What time alone brings about is a matter of the next look (D8-6)."""
        served = {(row["warehouse"], row["sku"]) for row in moment.rows("stock_allocation", "stock_movement")}
        for shelf in served:
            self._looked_at[shelf] = moment.as_of or self._looked_at[shelf]
        together = self._joined(moment.shelves)
        shelves = [self._shelf(key) for key in sorted(together)]
        for at in {self._looked_at[shelf] for shelf in together if shelf in self._looked_at}:
            allotted = allocate(shelves, self.claims(together), self.terms, at)
            begins = any(part.rule is Rule.GATHERING and part.line.gathering_since is None for part in allotted)
            over = {key: each for key, each in _given(allotted).items() if self._looked_at.get(key[2]) == at}
            if over and not begins and not _goes_back(allotted):
                free = [(shelf.key, shelf.free) for shelf in shelves]
                self.wrong.append(f"{when}: passed over {over} at {at}; free {free}")

    def _shelf(self, key: ShelfKey) -> Shelf:
        row = self.tables["stock"].get(":".join(key))
        figures = [number(row[name]) if row else ZERO for name in ("on_hand", "reserved", "picking")]
        return Shelf(*key, on_hand=figures[0], free=figures[0] - figures[1] - figures[2],
                     hold_back_percent=self.hold_back[key[1]])  # fmt: skip

    def _joined(self, keys: set[ShelfKey]) -> set[ShelfKey]:
        """The shelves with all those that orders which ship whole wait for together with them."""
        while True:
            waiting = {row["order_id"] for row in self._lines("waiting") if (row["warehouse"], row["sku"]) in keys}
            more = {
                (row["warehouse"], row["sku"])
                for row in self._lines("waiting", "reserved")
                if row["order_id"] in waiting and self.tables["sales_order"][row["order_id"]]["ship_complete"]
            }
            if more <= keys:
                return keys
            keys = keys | more

    def _lines(self, *states: str) -> list[Row]:
        return [row for row in self.tables["reservation_line"].values() if row["state"] in states]

    def claims(self, shelves: set[ShelfKey]) -> list[Claim]:
        """Who waits on the shelves at this point of the story."""
        lines: dict[str, dict[tuple[int, str], ClaimLine]] = defaultdict(dict)
        for row in self._lines("waiting"):
            if (row["warehouse"], row["sku"]) in shelves:
                lines[row["order_id"]][row["line_no"], row["warehouse"]] = _waiting(row)
        for row in self._lines("reserved"):
            mine = lines.get(row["order_id"], {})
            if (row["warehouse"], row["sku"]) in shelves and any(line.gathering_since for line in mine.values()):
                there = mine.get((row["line_no"], row["warehouse"]))
                mine[row["line_no"], row["warehouse"]] = _with_gathered(row, there, mine.values())
        return [self._claim(order, tuple(mine.values())) for order, mine in lines.items()]

    def _claim(self, order: str, lines: tuple[ClaimLine, ...]) -> Claim:
        row = self.tables["sales_order"][order]
        confirmed_at = datetime.fromisoformat(row["confirmed_at"])
        return Claim(order, row["customer_id"] in self._vips, confirmed_at, row["ship_complete"], lines)


_VIPS = text("SELECT id FROM customer WHERE segment = 'vip'")


def _instant(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _waiting(row: Row) -> ClaimLine:
    return ClaimLine(
        row["line_no"], row["warehouse"], row["sku"], number(row["quantity"]), datetime.fromisoformat(row["since"]),
        _instant(row["displaced_at"]), row["skips"], _instant(row["gathering_since"]),
    )  # fmt: skip


def _with_gathered(row: Row, there: ClaimLine | None, mine: Iterable[ClaimLine]) -> ClaimLine:
    gathered = number(row["quantity"])
    if there is None:
        since = min(line.since for line in mine)
        return ClaimLine(row["line_no"], row["warehouse"], row["sku"], ZERO, since, gathered=gathered)
    return ClaimLine(there.line_no, there.warehouse, there.sku, there.quantity, there.since, there.displaced_at,
                     there.skips, there.gathering_since, gathered)  # fmt: skip


def _promised(rows: Iterable[Row]) -> dict[Promise, Decimal]:
    sums: dict[Promise, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["state"] in PROMISED:
            sums[row["order_id"], row["warehouse"], row["sku"]] += number(row["quantity"])
    return sums


def _given(parts: Iterable[Allotment]) -> dict[tuple[str, int, ShelfKey], Decimal]:
    return {(part.order_id, part.line.line_no, part.line.shelf): part.given for part in parts if part.given}


def _goes_back(parts: Iterable[Allotment]) -> bool:
    return any(part.rule is Rule.GATHERED_TOO_LONG for part in parts)
