"""What people and workflows may do to an order next, by what they see of it."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.orders import CANCELLABLE, ENDED, OrderStatus, Wait, WaitReason


@dataclass(frozen=True)
class Sight:
    """What somebody sees of an order before acting on it."""

    order: str
    status: str
    wait: Wait | None

    @property
    def reason(self) -> WaitReason | None:
        return self.wait.reason if self.wait else None


@dataclass(frozen=True)
class Operation:
    """Something that may be done to an order, how often, and when it makes sense."""

    name: str
    weight: int
    sensible: Callable[[Sight], bool]


OVER = {*ENDED, OrderStatus.AWAITING_FINAL_PAYMENT}
RESERVED = {"confirmed", "part_reserved", "awaiting_payment", "ready"}
OPERATIONS = [
    Operation("reserve", 12, lambda seen: seen.status == "confirmed" and seen.wait is None),
    Operation("look_again", 3, lambda seen: seen.status in RESERVED),
    Operation("pay", 3, lambda seen: seen.reason in {WaitReason.PAYMENT, WaitReason.LATE_PAYMENT}),
    Operation("release", 4, lambda seen: seen.reason in {WaitReason.PAYMENT, WaitReason.PICKING}),
    Operation("extend", 1, lambda seen: seen.reason in {WaitReason.PAYMENT, WaitReason.LATE_PAYMENT}),
    Operation("decide", 9, lambda seen: seen.status == "checking"),
    Operation("revise", 2, lambda seen: seen.status in RESERVED),
    Operation("cancel", 1, lambda seen: seen.status in CANCELLABLE),
    Operation("pick", 6, lambda seen: seen.reason in {WaitReason.STOCK, WaitReason.PICKING}),
    Operation("meet_gate", 2, lambda seen: seen.status == "picking" and seen.reason is not WaitReason.GATE),
    Operation("unpick", 4, lambda seen: seen.reason is WaitReason.GATE),
    Operation("ship", 8, lambda seen: seen.status == "picking" and seen.reason is not WaitReason.GATE),
    Operation("receipt", 2, lambda _: True),
    Operation("count", 1, lambda _: True),
    Operation("reassign", 1, lambda _: True),
]
