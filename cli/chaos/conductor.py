"""Breaking things on schedule, and bringing them back."""

import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cli.chaos.plan import EVERY_WORKER, EVERYTHING, WORKERS, Fault
from cli.chaos.stack import ChaosStack

_TICK = 0.05


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault as it came to pass: seconds from the beginning, and how long each killed part took to answer again."""

    at: float
    verb: str
    target: str
    lasts: float
    share: float
    back: dict[str, float] = field(default_factory=dict)


class Conductor:
    """Works off the faults of a plan in the main thread; what lasts is undone beside it.

    Attributes:
        log: what happened, in order.
        killed: processes killed with -9.
        died: parts that ended although nobody had killed them.
    """

    def __init__(self, stack: ChaosStack, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._say = say
        self._begun = time.monotonic()
        self._undoing: list[threading.Timer] = []
        self._lasting: dict[tuple[str, str], Fault] = {}
        self.log: list[Happened] = []
        self.killed = 0
        self.died: list[str] = []

    def play(self, faults: tuple[Fault, ...], span: float) -> None:
        """Every fault at its time, or as soon after it as the one before is over; then everything is whole again."""
        self._begun = time.monotonic()
        for fault in faults:
            self._tend_until(fault.at)
            self._commit(fault)
        self._tend_until(span)
        self.make_whole()

    def make_whole(self) -> None:
        """No fault goes on; every part runs and answers."""
        for timer in self._undoing:
            timer.cancel()
        self._stack.links.heal_all()
        for name in self._stack.names:
            if self._stack.process(name).poll() is None:
                self._stack.signal(name, signal.SIGCONT)
        self._tend()

    def _tend_until(self, at: float) -> None:
        while time.monotonic() - self._begun < at:
            self._tend()
            time.sleep(_TICK)

    def _tend(self) -> None:
        """What died of itself is brought back as the supervisor of a stack would, and is told."""
        for name in self._stack.dead():
            self.died.append(f"{name} на {self._now():.1f} с")
            self._note(Happened(self._now(), "died", name, 0.0, 1.0, self._stack.revive(name)))

    def _commit(self, fault: Fault) -> None:
        begun = self._now()
        back: dict[str, float] = {}
        match fault.verb:
            case "kill":
                back = self._kill(fault)
            case "stop":
                self._stack.signal(fault.target, signal.SIGSTOP)
                self._later(fault, lambda: self._go_on(fault.target))
            case verb:
                self._stack.links.tell(fault.target, verb, fault.share)
                self._later(fault, lambda: self._stack.links.heal(fault.target, verb))
        self._note(Happened(begun, fault.verb, fault.target, fault.lasts, fault.share, back))

    def _kill(self, fault: Fault) -> dict[str, float]:
        groups = {EVERYTHING: self._stack.names, EVERY_WORKER: WORKERS}
        targets = groups.get(fault.target, [fault.target])
        for name in random.Random(fault.at).sample(targets, len(targets)):  # a power cut has no order
            self._stack.kill(name)
            self.killed += 1
        time.sleep(fault.lasts)
        return self._stack.revive(*targets)

    def _go_on(self, name: str) -> None:
        if self._stack.process(name).poll() is None:
            self._stack.signal(name, signal.SIGCONT)

    def _later(self, fault: Fault, undo: Callable[[], None]) -> None:
        """Undo a fault when its time is over, unless another of its kind has taken its place meanwhile."""
        self._lasting[fault.target, fault.verb] = fault

        def end() -> None:
            if self._lasting[fault.target, fault.verb] is fault:
                undo()

        if fault.lasts:
            timer = threading.Timer(fault.lasts, end)
            timer.daemon = True
            timer.start()
            self._undoing.append(timer)

    def _now(self) -> float:
        return round(time.monotonic() - self._begun, 3)

    def _note(self, happened: Happened) -> None:
        self.log.append(happened)
        back = ", ".join(f"{name} {seconds:.2f} с" for name, seconds in happened.back.items())
        lasts = f" на {happened.lasts:g} с" if happened.lasts else ""
        again = f"; снова отвечает: {back}" if back else ""
        self._say(f"{happened.at:7.2f} с  {happened.verb:8}{happened.target}{lasts}{again}")
