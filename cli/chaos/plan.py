"""The seeded schedule of a chaos run: what people do and what breaks, all from one seed, before anything starts."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from domain.requisites import is_kz_tax_id

WORKERS = ("worker", "worker-2")
PROGRAMS = (*WORKERS, "api")
SERVERS = ("postgres", "temporal", "mail")
EVERYTHING = "everything"
EVERY_WORKER = "workers"
CALLERS = "callers"
LINKS = (
    f"{CALLERS}/api",
    *(f"{program}/{server}" for program in PROGRAMS for server in SERVERS if (program, server) != ("api", "mail")),
)
"""Every connection, to a program of ours and from it, goes through a proxy of its own."""

Verb = Literal["kill", "stop", "cut", "reset", "swallow", "slow", "silence"]

_KILLED = (*WORKERS, "worker", EVERY_WORKER, "api", "api", "postgres", "postgres", "temporal", "temporal", "mail",
           EVERYTHING)  # fmt: skip
_LULL = 4.0
"""Seconds at the beginning without a fault: there has to be something to break."""
_PER_ORDER = 0.6
_PER_KILL = 5.0
_OTHERS_PER_KILL = 2
_ZOMBIE = 14.0
"""Longer than an activity may take: what a stopped worker finishes then is refused as late (F7)."""
_NOBODY_WORKS = 20.0
"""Longer than the shortest timers and every first retry: what was due meanwhile is done once, afterwards (F2)."""
_PAUSED = 4.0
PRODUCTS = 6
SHORT = "HAOS-1"
"""A product of which too little is there, until trucks bring more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that breaks. `at`: seconds from the beginning; `lasts`: seconds until it is undone; `share`: of the
    packets that meet it, where it is a matter of chance."""

    at: float
    verb: Verb
    target: str
    lasts: float
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Buyer:
    """A customer: `deferral` and `prepayment` are its usual terms; `limit` 0 buys for prepayment only."""

    tax_id: str
    limit: int
    deferral: int
    prepayment: int
    key: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that somebody does to an order, after `pause` seconds. `repeat`: once more under the same key."""

    do: str
    pause: float
    part: float = 1.0
    days: int = 0
    word: str = ""
    repeat: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """One order: who buys what on which terms, and what is done to it. `impatient`: the caller hangs up once."""

    number: int
    at: float
    buyer: int
    lines: tuple[tuple[str, int], ...]
    ship_complete: bool
    kind: str
    steps: tuple[Step, ...]
    impatient: bool


@dataclass(frozen=True, slots=True)
class Truck:
    """Goods that come in at a time."""

    at: float
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run does. `asks`: whether the mail server can be asked what reached it (D10-15)."""

    seed: int
    span: float
    asks: bool
    buyers: tuple[Buyer, ...]
    stock: tuple[tuple[str, int], ...]
    stories: tuple[Story, ...]
    trucks: tuple[Truck, ...]
    faults: tuple[Fault, ...] = field(repr=False)

    @property
    def kills(self) -> int:
        return sum(fault.verb == "kill" for fault in self.faults)


def make_plan(seed: int, orders: int, kills: int) -> Plan:
    """The same seed, orders and kills are the same plan, whatever runs beside it."""
    rnd = random.Random(seed)
    span = _LULL + max(15.0, orders * _PER_ORDER, kills * _PER_KILL)
    asks = rnd.random() < 0.7
    buyers = _buyers(rnd)
    stock = tuple((f"HAOS-{number}", orders * (4 if number == 1 else 60)) for number in range(1, PRODUCTS + 1))
    stories = tuple(_story(rnd, number, span) for number in range(orders))
    stock += tuple((sku, THERE) for story in stories if story.kind in _OF_ITS_OWN for sku, _ in story.lines)
    trucks = tuple(Truck(at, SHORT, rnd.randrange(5, 30)) for at in _spread(rnd, 2.0, span, max(2, orders // 12)))
    faults = sorted(
        (*_kills(rnd, kills, span), *_other_faults(rnd, _OTHERS_PER_KILL * kills, span)), key=lambda fault: fault.at
    )
    return Plan(seed, span, asks, buyers, stock, stories, trucks, tuple(faults))


# -- what breaks ----------------------------------------------------------------------------------------------------


def _kills(rnd: random.Random, kills: int, span: float) -> Iterator[Fault]:
    """Parts are killed as often as `_KILLED` names them, in an order of the seed's own."""
    bag: list[str] = []
    for at in _spread(rnd, _LULL, span, kills):
        if not bag:
            bag = rnd.sample(_KILLED, len(_KILLED))
        target, lasts = bag.pop(), rnd.choice((0.0, 0.2, 1.0, 3.0))
        yield Fault(at, "kill", target, _NOBODY_WORKS if target == EVERY_WORKER else lasts)


def _other_faults(rnd: random.Random, how_many: int, span: float) -> Iterator[Fault]:
    for at in _spread(rnd, _LULL / 2, span, how_many):
        match rnd.choice(("stop", "cut", "cut", "reset", "swallow", "swallow", "slow", "silence")):
            case "stop":
                target = rnd.choice((*PROGRAMS, *SERVERS))
                longest = _ZOMBIE if target in WORKERS else _PAUSED
                yield Fault(at, "stop", target, rnd.choice((1.0, longest)))
            case "cut":
                yield Fault(at, "cut", rnd.choice(LINKS), 0.0)
            case "slow":
                yield Fault(at, "slow", rnd.choice(LINKS), rnd.choice((3.0, 6.0)), rnd.choice((0.02, 0.2)))
            case "silence":
                yield Fault(at, "silence", rnd.choice(LINKS), rnd.choice((2.0, 7.0)))
            case verb:
                yield Fault(at, verb, rnd.choice(LINKS), rnd.choice((3.0, 6.0)), rnd.choice((0.05, 0.3)))


def _spread(rnd: random.Random, begin: float, end: float, how_many: int) -> list[float]:
    """So many instants, one in each equal part of the time."""
    pace = (end - begin) / max(1, how_many)
    return [round(begin + pace * (turn + rnd.random()), 3) for turn in range(how_many)]


# -- what people do -------------------------------------------------------------------------------------------------


def _buyers(rnd: random.Random) -> tuple[Buyer, ...]:
    """Some with room for all they want, some that soon reach their limit, some that pay ahead."""
    terms = [(100_000_000, 14, 0), (100_000_000, 7, 0), (60_000, 14, 0), (60_000, 14, 0), (100_000_000, 14, 30)]
    terms += [(0, 0, 100)] * 3 + [(100_000_000, 14, 0)] * 2
    tax_ids = filter(is_kz_tax_id, (f"210440{number:06d}" for number in count(rnd.randrange(900_000))))
    return tuple(
        Buyer(next(tax_ids), limit, deferral, prepayment, rnd.random() < 0.3) for limit, deferral, prepayment in terms
    )


_CREDIT, _LIMITED, _SPLIT, _PREPAID, _DEBTORS = (0, 1), (2, 3), (4,), (5, 6, 7), (8, 9)

_PLACED = ("place", "agree", "served")
_GONE = (*_PLACED, "pick", "ship")
_PART_GONE = ("place", "agree", "part_served", "pick", "ship")
KINDS: dict[str, tuple[int, tuple[int, ...], tuple[str, ...]]] = {
    "credit": (14, _CREDIT, (*_GONE, "pay_invoices")),
    "in_parts": (10, _CREDIT, (*_PART_GONE, "restock", "served", "pick", "ship", "pay_invoices", "pay_invoices")),
    "closed_short": (4, _CREDIT, (*_PART_GONE, "close_short", "pay_invoices")),
    "unpicked": (4, _CREDIT, (*_PLACED, "pick", "unpick", "served", "pick", "ship", "pay_invoices")),
    "over_limit": (14, _LIMITED, (*_GONE, "pay_invoices")),
    "split_terms": (8, _SPLIT, ("place", "agree", "pay_ahead", "served", "pick", "ship", "pay_invoices")),
    "prepaid": (16, _PREPAID, ("place", "agree", "pay_ahead", "served", "pick", "ship")),
    "paid_in_parts": (6, _PREPAID, ("place", "agree", "pay_ahead", "pay_ahead", "served", "pick", "ship")),
    "unpaid": (7, _PREPAID, ("place", "agree", "age")),
    "late_money": (4, _PREPAID, ("place", "agree", "age", "pay_ahead", "served", "pick", "ship")),
    "raised_limit": (6, _LIMITED, ("place", "raise_limit", "agree", "served", "pick", "ship", "pay_invoices")),
    "revised": (10, (*_CREDIT, *_LIMITED), ("place", "revise", "agree", "served", "pick", "ship", "pay_invoices")),
    "cancelled": (9, (*_CREDIT, *_LIMITED, *_PREPAID), ("place", "cancel")),
    "cancelled_in_picking": (4, _CREDIT, (*_PLACED, "pick", "cancel", "acknowledge")),
    "overdue": (9, _DEBTORS, (*_GONE, "overdue", "overdue", "overdue", "overdue")),
    "overdue_paid": (7, _DEBTORS, (*_GONE, "overdue", "overdue", "pay_invoices")),
    "lapsed_quote": (4, (*_CREDIT, *_PREPAID), ("age",)),
}
"""By kind: how often, who buys, and what is done in turn."""
_AGED = 15
"""Days after which a reserve of seven is over, one of a Saturday too, and its order still waits for money (D7-9)."""
_LADDER = (5, 12, 20, 42)
"""Days past the due date to which an overdue invoice is moved, rung by rung."""
_PARTS = {"paid_in_parts": (0.5, 1.0, 1.0)}
"""How much of what is to be paid goes in turn where a kind of story is about parts."""
_OF_ITS_OWN = {"in_parts", "closed_short"}
"""Kinds whose order is for goods that nobody else wants, and of which there are too few."""
THERE, WANTED = 5, 9
"""How many of them are there, and how many the order is for."""


def _story(rnd: random.Random, number: int, span: float) -> Story:
    kind = rnd.choices(list(KINDS), [weight for weight, _, _ in KINDS.values()])[0]
    _, who, verbs = KINDS[kind]
    buyer = rnd.choice(who)
    skus = rnd.sample(range(1, PRODUCTS + 1), rnd.choice((1, 1, 2, 3)))
    lines = tuple((f"HAOS-{sku}", rnd.randrange(2, 20)) for sku in sorted(skus))
    if kind in _OF_ITS_OWN:
        lines = ((f"HAOS-OWN-{number}", WANTED),)
    rungs, parts = iter(_LADDER), iter(_PARTS.get(kind, ()))
    steps = tuple(_step(rnd, verb, rungs, parts) for verb in verbs)
    at = round(rnd.random() * (span - 10.0), 3)
    whole = rnd.random() < 0.2 and kind not in _OF_ITS_OWN
    return Story(number, at, buyer, lines, whole, kind, steps, rnd.random() < 0.3)


def _step(rnd: random.Random, verb: str, rungs: Iterator[int], parts: Iterator[float]) -> Step:
    part, days, word = 1.0, 0, ""
    match verb:
        case "agree" | "raise_limit":
            word = rnd.choice(("approve", "approve", "approve", "reject"))
        case "pay_invoices" | "pay_ahead":
            word = rnd.choice(("payment", "statement", "statement"))
            part = next(parts, rnd.choice((1.0, 1.0, 1.0, 0.4)))
        case "ship":
            part = next(parts, 1.0)
        case "revise":
            part = rnd.choice((0.5, 1.5, 3.0))
        case "age":
            days = _AGED
        case "overdue":
            days = next(rungs)
    return Step(verb, round(rnd.uniform(0.1, 1.5), 3), part, days, word, repeat=rnd.random() < 0.35)
