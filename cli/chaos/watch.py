"""Looking at the database once a second while everything moves: one consistent snapshot each time, and no lock."""

import threading
from collections import Counter, defaultdict
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
    "звенья журнала": "SELECT count(*) FROM journal_link",
    "сообщения": "SELECT count(*) FROM outbound",
    "согласования": "SELECT count(*) FROM approval",
    "лимиты": "SELECT count(*) FROM credit_grant",
    "строки графика": "SELECT count(*) FROM schedule_line",
    "распределения": "SELECT count(*) FROM stock_allocation",
    "задачи": "SELECT count(*) FROM task",
}
_FINAL = {
    "W4 законченный заказ ожил": """
        SELECT id::text, status FROM sales_order WHERE status = ANY(%(ended)s)
    """,
    "E1 законченная отправка началась снова": """
        SELECT key, state FROM outbound WHERE state IN ('done', 'failed', 'unknown', 'cancelled')
    """,
    "C3 решённый лимит изменился": """
        SELECT id::text, concat_ws(' ', kind, amount, decided_by, decided_at) FROM credit_grant
         WHERE decided_at IS NOT NULL
    """,
    "A1 решённое согласование изменилось": """
        SELECT id::text, concat_ws(' ', state, ceiling, decided_by, decided_at) FROM approval
         WHERE state <> 'open' AND state <> 'approved'
    """,
}
"""What stays as it is once it is there: its name and its value."""
_TOLD = """
    SELECT o.number, o.status, (
           SELECT count(*) FROM journal WHERE subject = 'order' AND subject_id = o.id::text
              AND event <> ALL('{payment_received,proof_received,reminded,reservation_extended,details_changed}'))
      FROM sales_order o
"""
"""Where each order stands, and how often the journal tells of what may move one."""
_WORDS = {"ended": sorted(ENDED)}
_OWES_NOTHING = """
    SELECT o.key FROM outbound o JOIN schedule_line line ON line.id = o.schedule_line_id
     WHERE o.audience = 'customer' AND o.state = 'planned' AND line.residual = 0 AND o.template LIKE 'dunning%'
    UNION
    SELECT m.key FROM outbound m JOIN sales_order o ON o.id = m.order_id
     WHERE m.audience = 'customer' AND m.state = 'planned' AND m.template = 'reservation_reminder'
       AND o.wait ->> 'reason' IS DISTINCT FROM 'payment'
"""
"""Letters that ask for money which nobody waits for any more (E3)."""


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
        looks: how many snapshots were taken; `missed`: how often the database did not answer.
        seen: findings, with how many snapshots had each.
        withdrawn: letters that must not go any more: they waited when their debt was seen to be paid (E3).
    """

    def __init__(self, database: Callable[[], str]) -> None:
        self.sight = Sight()
        self.looks = self.missed = 0
        self.seen: Counter[str] = Counter()
        self.withdrawn: set[str] = set()
        self._database = database
        self._counts: dict[str, int] = {}
        self._orders: dict[str, tuple[str, int]] = {}
        self._final: dict[str, dict[str, str]] = defaultdict(dict)
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
            standing = {number: (status, told) for number, status, told in snapshot.execute(_TOLD)}
            findings = [
                *find(snapshot, ALWAYS),
                *self._against_memory(snapshot),
                *self._moved_in_silence(standing),
            ]
            self.withdrawn |= {row[0] for row in snapshot.execute(_OWES_NOTHING)}
            self.sight = look(snapshot)
        self.looks += 1
        self.seen.update(map(str, findings))
        self._orders = standing

    def look_again(self) -> None:
        """Look once more; what prevents it is told, unless the database is only down just now."""
        try:
            self.look()
        except psycopg.errors.QueryCanceled as error:
            self.seen[f"снимок не прочитан за {_ANSWER}: {error}"] += 1
        except psycopg.OperationalError:
            self.missed += 1
        except Exception as error:
            self.seen[f"снимок не прочитан: {error!r}"] += 1

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self.look_again()

    def _against_memory(self, snapshot: Snapshot) -> Iterator[Finding]:
        """What was there is there, and what is final stays as it is (W4, E1, C3, A1)."""
        for name, query in _NEVER_LESS.items():
            row = snapshot.execute(query).fetchone()
            count = int(row[0]) if row else 0
            if count < self._counts.get(name, 0):
                yield Finding("пропали строки", f"{name}: было {self._counts[name]}, стало {count}")
            self._counts[name] = max(count, self._counts.get(name, 0))
        for rule, query in _FINAL.items():
            known, now = self._final[rule], {str(name): str(value) for name, value in snapshot.execute(query, _WORDS)}
            for name, value in known.items():
                if now.get(name) != value:
                    yield Finding(rule, f"{name}: было {value}, стало {now.get(name)}")
            known |= now

    def _moved_in_silence(self, standing: dict[str, tuple[str, int]]) -> Iterator[Finding]:
        """Orders that stand elsewhere than before, while the journal tells of nothing that may have moved them (A1)."""
        for number, (status, told) in standing.items():
            was, told_then = self._orders.get(number, (status, 0))
            if was != status and told <= told_then:
                yield Finding("A1 перемена без записи", f"{number}: {was} → {status}")
