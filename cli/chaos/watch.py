"""Looking at the database once a second while everything moves: one consistent snapshot each time, and no lock."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from cli.chaos.invariants import ALWAYS, Finding, find
from cli.chaos.sight import Sight, Snapshot, look
from domain.orders import ENDED

EVERY = 1.0
_CONNECT = 3
_ANSWER = "15s"

_NEVER_LESS = {
    "заказы": "SELECT count(*) FROM sales_order",
    "отгрузки": "SELECT count(*) FROM shipment",
    "счета": "SELECT count(*) FROM invoice",
    "платежи": "SELECT count(*) FROM payment",
    "движения": "SELECT count(*) FROM stock_movement",
    "решения": "SELECT count(*) FROM credit_decision",
    "журнал": "SELECT count(*) FROM journal",
}
_OWES_NOTHING = """
    SELECT o.key FROM outbound o JOIN schedule_line line ON line.id = o.schedule_line_id
     WHERE o.audience = 'customer' AND o.state = 'planned' AND line.residual = 0 AND o.template LIKE 'dunning%%'
"""


@contextmanager
def snapshot_of(database: str) -> Iterator[Snapshot]:
    """A transaction that sees one instant of the database and changes nothing.

    Raises:
        psycopg.OperationalError: the server does not answer.
    """
    with psycopg.connect(database, connect_timeout=_CONNECT, options=f"-c statement_timeout={_ANSWER}") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


class Watch:
    """A thread that looks, and remembers what it saw wrong.

    Attributes:
        sight: the latest look.
        looks: how many snapshots were taken.
        seen: findings, with how many snapshots had each.
        withdrawn: letters that must not go any more: they waited when their debt was seen to be paid (E3).
    """

    def __init__(self, database: Callable[[], str]) -> None:
        self.sight = Sight()
        self.looks = 0
        self.seen: Counter[str] = Counter()
        self.withdrawn: set[str] = set()
        self._database = database
        self._counts: dict[str, int] = {}
        self._ended: dict[str, str] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def look(self) -> None:
        """Take one snapshot and judge it.

        Raises:
            psycopg.Error: the database does not answer.
        """
        with snapshot_of(self._database()) as snapshot:
            findings = [*find(snapshot, ALWAYS), *self._against_memory(snapshot)]
            self.withdrawn |= {row[0] for row in snapshot.execute(_OWES_NOTHING)}
            self.sight = look(snapshot)
        self.looks += 1
        self.seen.update(map(str, findings))

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            try:
                self.look()
            except psycopg.OperationalError:
                continue  # it is down just now; the next look is soon
            except psycopg.Error as error:
                self.seen[f"снимок не прочитан: {error}"] += 1

    def _against_memory(self, snapshot: Snapshot) -> Iterator[Finding]:
        """What was there is there, and what has ended stays as it ended (W4, A1)."""
        for name, query in _NEVER_LESS.items():
            row = snapshot.execute(query).fetchone()
            count = int(row[0]) if row else 0
            if count < self._counts.get(name, 0):
                yield Finding("пропали строки", f"{name}: было {self._counts[name]}, стало {count}")
            self._counts[name] = max(count, self._counts.get(name, 0))
        rows = snapshot.execute("SELECT id::text, status FROM sales_order WHERE status = ANY(%s)", [sorted(ENDED)])
        ended = {str(order): str(status) for order, status in rows}
        for order, status in self._ended.items():
            if ended.get(order) != status:
                yield Finding("W4 законченный заказ ожил", f"{order}: был {status}, стал {ended.get(order)}")
        self._ended |= ended
