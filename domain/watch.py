"""The database held against its processes: each thing that is not over has one, which gets on; nothing else has.

Facts in, findings out. A finding that may be seen in passing, while a step is under way, is believed when it is seen
again after a grace.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from domain.messages import MessageState

GRACE = timedelta(minutes=2)
"""A thing and its process may disagree for so long: one of them is just being told."""
LONGEST_SENDING = timedelta(minutes=10)
"""Whoever sends a message for longer is gone."""
LONGEST_PLANNED = timedelta(minutes=10)
"""A message whose process has ended waits no longer than this for somebody to send it."""
GIVEN_UP_AFTER = timedelta(hours=25)
"""A process gives a message up after a day; one that is older and has no process known to us is nobody's."""
MOST_ATTEMPTS = 20
"""An activity that was tried so often needs a person."""
POLLER_SILENCE = timedelta(minutes=2)
"""A worker asks for work at least once a minute."""


class Kind(StrEnum):
    """What does not agree."""

    NO_PROCESS = "no_process"
    """A thing that is not over has no process (W1)."""
    NO_ROW = "no_row"
    """A process is about nothing that the database knows (W2)."""
    OUTLIVES = "outlives"
    """A thing is over, and its process runs on (W2)."""
    BEHIND = "behind"
    """A process stands elsewhere than its order."""
    IDLE = "idle"
    """An order awaits nothing, and its process does nothing (W1)."""
    BROKEN = "broken"
    """The code of a process fails again and again (W3)."""
    MANY_ATTEMPTS = "many_attempts"
    """A step was tried too often (W3)."""
    OWN_STEP = "own_step"
    """The same of a step within a workflow task, which the engine does not know: its attempts report it (W3)."""
    NO_WORKER = "no_worker"
    """Nobody takes work from a queue."""
    SENDING = "sending"
    """A message has been on its way for too long (D10-15)."""
    UNSENT = "unsent"
    """A message is planned, and nobody is there to send it."""


AT_ONCE = frozenset({Kind.MANY_ATTEMPTS, Kind.OWN_STEP, Kind.NO_WORKER, Kind.SENDING, Kind.UNSENT})
"""Kinds that are no matter of a moment: their facts are old already."""
REPAIRED = frozenset({Kind.NO_PROCESS, Kind.BEHIND, Kind.OUTLIVES, Kind.SENDING, Kind.UNSENT})
"""Kinds that are safe to repair without a person: a process is started from its row, or looks again; a message is
delivered by the rules of D10-15."""
LOOK_AGAIN = {"order": "stock_allocated", "invoice": "payment_applied", "grant": "changed", "supply": "changed"}
"""By the kind of a thing: the signal after which its process reads the row again. Such a process lives exactly as long
as its thing; those of money are short, and only missed."""


@dataclass(frozen=True, slots=True)
class Thing:
    """A row that has, or had, a process.

    Attributes:
        process: the id of its process.
        lives: whether something is left to happen.
        state: the word its process shows too; empty where there is none.
        waits: whether the row says what is awaited; one that awaits nothing is being worked on.
        posting: whether messages about it are still under way: its process outlives it until they are out.
    """

    process: str
    lives: bool
    state: str = ""
    waits: bool = True
    posting: bool = False


@dataclass(frozen=True, slots=True)
class Process:
    """An open process as the engine lists it: its id, the state it shows, and what its code stumbles over."""

    id: str
    state: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """A message that is not out yet. `process`: whose it is, if that is known; `since`: planned, or claimed, at."""

    key: str
    state: MessageState
    since: datetime
    process: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference.

    Attributes:
        object: the id of a process, with `#` and a step of it if it is about one; the key of a message; the name of a
            queue.
        seen_at: when somebody stumbled over it, who has reported it; None: the look sees it itself.
    """

    kind: str
    object: str
    expected: str = ""
    found: str = ""
    seen_at: datetime | None = None


def compare(things: Iterable[Thing], processes: Mapping[str, Process]) -> Iterator[Finding]:
    """Hold things against open processes, both ways (W1, W2)."""
    known: dict[str, Thing] = {thing.process: thing for thing in things}
    for thing in known.values():
        yield from _of_thing(thing, processes.get(thing.process))
    for process in processes.values():
        if process.id not in known and process.id.partition("/")[0] in LOOK_AGAIN:
            yield Finding(Kind.NO_ROW, process.id, "a row", "none")
        if process.problem:
            yield Finding(Kind.BROKEN, process.id, "no failure", process.problem)


def _of_thing(thing: Thing, process: Process | None) -> Iterator[Finding]:
    if thing.lives and process is None:
        yield Finding(Kind.NO_PROCESS, thing.process, "an open process", thing.state or "none")
    elif process is None:
        return
    elif not thing.lives and not thing.posting:
        yield Finding(Kind.OUTLIVES, thing.process, thing.state or "over", "an open process")
    elif thing.lives and thing.state and process.state and thing.state != process.state:
        yield Finding(Kind.BEHIND, thing.process, thing.state, process.state)
    elif thing.lives and not thing.waits:
        yield Finding(Kind.IDLE, thing.process, "a wait or a step", "nothing")


def overdue_effects(effects: Iterable[Effect], processes: Collection[str], as_of: datetime) -> Iterator[Finding]:
    """Messages that nobody will send any more: their sender died, or their process is gone."""
    for effect in effects:
        age = as_of - effect.since
        if effect.state is MessageState.SENDING:
            if age > LONGEST_SENDING:
                yield Finding(Kind.SENDING, effect.key, f"sent within {LONGEST_SENDING}", effect.since.isoformat())
        elif age > (GIVEN_UP_AFTER if effect.process is None else LONGEST_PLANNED) and effect.process not in processes:
            yield Finding(Kind.UNSENT, effect.key, "a process that sends it", effect.process or "none known")


def silent_queues(last_asked: Mapping[str, datetime | None], as_of: datetime) -> Iterator[Finding]:
    """Queues from which nobody has asked for work lately."""
    for queue, at in last_asked.items():
        if at is None or as_of - at > POLLER_SILENCE:
            yield Finding(Kind.NO_WORKER, queue, "a worker", at.isoformat() if at else "never")


def still_tried(
    reports: Iterable[Finding], processes: Collection[str], as_of: datetime, within: timedelta
) -> Iterator[Finding]:
    """Steps within workflow tasks that fail to this day: the process is open, and the last attempt was that lately."""
    for report in reports:
        process = report.object.rpartition("#")[0]
        if process in processes and report.seen_at is not None and as_of - report.seen_at <= within:
            yield report


@dataclass(frozen=True, slots=True)
class Known:
    """A discrepancy as it stands: since when it is seen, and whether it is believed."""

    kind: str
    object: str
    first_seen: datetime
    believed: bool


@dataclass(slots=True)
class Settlement:
    """What a look changes: `new` is seen for the first time, `believed` from now on, `seen` again; `gone` no more."""

    new: list[Finding] = field(default_factory=list)
    believed: list[Finding] = field(default_factory=list)
    seen: list[Finding] = field(default_factory=list)
    gone: list[Known] = field(default_factory=list)


def settle(found: Iterable[Finding], known: Iterable[Known], as_of: datetime, grace: timedelta = GRACE) -> Settlement:
    """Weigh what was found against what is known already; a report that was taken back meanwhile is no finding."""
    before = {(each.kind, each.object): each for each in known}
    settled = Settlement()
    for finding in {(each.kind, each.object): each for each in found}.values():
        earlier = before.pop((finding.kind, finding.object), None)
        if earlier is None and finding.seen_at is not None:
            continue
        if earlier is not None and earlier.believed:
            settled.seen.append(finding)
        elif finding.kind in AT_ONCE or not grace or (earlier is not None and as_of - earlier.first_seen >= grace):
            settled.believed.append(finding)
        elif earlier is None:
            settled.new.append(finding)
        else:
            settled.seen.append(finding)
    settled.gone = list(before.values())
    return settled


# -- messages of the watchdog -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watch:
    """Asks for one round of the watchdog; `doubtful`: also for what became of letters that a restore made doubtful."""

    grace: timedelta = GRACE
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Asks to hold the database against its processes at an instant, and to see that letters are taken too.

    `tried_within`: how long a step within a workflow task may be silent that is still being tried.
    """

    as_of: datetime
    mail_queue: str
    grace: timedelta = GRACE
    tried_within: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Looked:
    """How many discrepancies are only suspected, how many are open, and how many of those can be repaired."""

    suspected: int = 0
    open: int = 0
    repairable: int = 0


@dataclass(frozen=True, slots=True)
class RepairPage:
    """Asks to repair the next few discrepancies after the one named."""

    as_of: datetime
    after: str | None = None
    size: int = 100


@dataclass(frozen=True, slots=True)
class Repaired:
    """How many processes were started or told; messages that have to be delivered; where to go on, None at the end."""

    done: int = 0
    effects: tuple[str, ...] = ()
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """How a round ended: discrepancies still open, and what it repaired."""

    open: int = 0
    repaired: int = 0
