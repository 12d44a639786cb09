"""What callers were told and what reached the outside, held against what is recorded: nothing lost, nothing doubled."""

import email
import email.policy
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from cli.chaos.invariants import Finding
from cli.chaos.sight import Snapshot
from cli.chaos.stories import Told
from domain.orders import SYSTEM

_BY_PEOPLE = "SELECT subject_id, count(*) FROM journal WHERE subject = 'order' AND actor_role <> 'admin' AND event "
_DID = {
    "place": f"""
        SELECT order_id::text, count(*) FROM credit_decision
         WHERE occasion LIKE 'decision-%%' AND actor_id <> '{SYSTEM.id}' GROUP BY 1
    """,
    "approval": _BY_PEOPLE + "IN ('approved', 'rejected', 'rework') GROUP BY 1",
    "revise": _BY_PEOPLE + "= 'revision_asked' GROUP BY 1",
    "start-picking": _BY_PEOPLE + "= 'picking_started' GROUP BY 1",
    "unpick": _BY_PEOPLE + "= 'unpicked' GROUP BY 1",
    "ship": "SELECT order_id::text, count(*) FROM shipment GROUP BY 1",
    "close-short": _BY_PEOPLE + "= 'short_closed' GROUP BY 1",
    "cancel": _BY_PEOPLE + "IN ('cancel_asked', 'cancelled') GROUP BY 1",
}
"""By command: how often each order shows that it was carried out. What the system does by itself is not counted."""
_LIMITS = """
    SELECT reason, count(*), count(*) FILTER (WHERE decided_by IS NOT NULL) FROM credit_grant
     WHERE reason LIKE 'chaos-%' GROUP BY 1
"""
_LEDGER = "SELECT message_id, key, state FROM outbound"
_REACHES = {"done": (1, 1), "unknown": (0, 1), "sending": (0, 1)}
"""How many letters may have reached the receiver, at least and at most, by where the ledger stands."""


def reached(mailbox: Path) -> Counter[str]:
    """How often each Message-ID reached the mail server: it keeps every letter that it took, each in a file of its own
    that was written through to the disk before it said so."""
    heads = (email.message_from_bytes(file.read_bytes(), policy=email.policy.compat32)
             for file in (mailbox / "new").iterdir())  # fmt: skip
    return Counter(str(head["Message-ID"]).strip() for head in heads)


class Judge:
    """Compares one snapshot with what was told.

    Attributes:
        lost: acknowledged, and not there.
        doubled: there more than once.
    """

    def __init__(self, snapshot: Snapshot, told: Told, letters: Counter[str], withdrawn: Iterable[str]) -> None:
        self.lost: list[Finding] = []
        self.doubled: list[Finding] = []
        self._snapshot = snapshot
        self._orders(told)
        self._commands(told)
        self._limits(told)
        self._payments(told)
        self._trucks(told)
        self._letters(letters, set(withdrawn))

    def _count(self, query: str, *values: object) -> Counter[str]:
        return Counter({str(row[0]): int(row[1]) for row in self._snapshot.execute(query, values)})

    def _weigh(self, rule: str, what: str, there: int, least: int, most: int) -> None:
        if there < least:
            self.lost.append(Finding(rule, f"{what}: {there} вместо {least}"))
        if there > most:
            self.doubled.append(Finding(rule, f"{what}: {there} вместо {most}"))

    def _orders(self, told: Told) -> None:
        there = self._count("SELECT comment, count(*) FROM sales_order WHERE comment LIKE 'chaos-%%' GROUP BY 1")
        for comment, order in told.orders.items():
            self._weigh("заказ", comment, there[comment], int(order is not None), 1)

    def _commands(self, told: Told) -> None:
        there = {command: self._count(query) for command, query in _DID.items()}
        for (order, command), (least, most) in told.commands.items():
            self._weigh(command, order, there[command][order], least, most)

    def _limits(self, told: Told) -> None:
        there = {str(row[0]): (int(row[1]), int(row[2])) for row in self._snapshot.execute(_LIMITS)}
        for reason, (asked, decided) in told.limits.items():
            requests, decisions = there.get(reason, (0, 0))
            self._weigh("просьба о лимите", reason, requests, int(asked), 1)
            self._weigh("решение о лимите", reason, decisions, int(decided), 1)

    def _payments(self, told: Told) -> None:
        by_api = self._count("SELECT external_id, count(*) FROM payment WHERE external_id IS NOT NULL GROUP BY 1")
        by_file = self._count("SELECT document_number, count(*) FROM payment WHERE source <> 'api' GROUP BY 1")
        for there, answers in ((by_api, told.payments), (by_file, told.lines)):
            for name, acknowledged in answers.items():
                self._weigh("платёж", name, there[name], int(acknowledged), 1)

    def _trucks(self, told: Told) -> None:
        """Goods are counted in pieces: what came in beyond the first stock is what trucks brought."""
        there = self._count("""
            SELECT sku, sum(quantity)::int FROM stock_movement WHERE kind = 'receipt' GROUP BY sku
        """)
        for sku in {sku for sku, _, _ in told.trucks.values()}:
            mine = [(quantity, acknowledged) for name, quantity, acknowledged in told.trucks.values() if name == sku]
            least = sum(quantity for quantity, acknowledged in mine if acknowledged)
            self._weigh("приход", sku, there[sku], least, sum(quantity for quantity, _ in mine))

    def _letters(self, letters: Counter[str], withdrawn: set[str]) -> None:
        known = {str(row[0]): (str(row[1]), str(row[2])) for row in self._snapshot.execute(_LEDGER)}
        for message_id, (key, state) in known.items():
            self._weigh("письмо", f"{key} ({state})", letters[message_id], *_REACHES.get(state, (0, 0)))
            if key in withdrawn and letters[message_id]:
                self.doubled.append(Finding("письмо об оплаченном долге", key))
        for message_id in letters.keys() - known.keys():
            self.doubled.append(Finding("письмо без записи", message_id))


def all_of(*groups: Iterable[Finding]) -> Iterator[str]:
    """Findings in words, each once."""
    yield from dict.fromkeys(str(finding) for group in groups for finding in group)
