"""A letter or notice on its way out, and how its sending may end (D10-15)."""

from dataclasses import dataclass
from enum import StrEnum

RESERVATION_REMINDER = "reservation_reminder"
"""The letter of D7-4: the order waits for money, its reserve for so many days more."""


class MessageState(StrEnum):
    """planned -> sending -> done | failed | unknown; or cancelled before it was sent."""

    PLANNED = "planned"
    SENDING = "sending"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Message:
    """What a mail server needs to know, and the key it is known by here."""

    key: str
    template: str
    audience: str
    recipient: str
    subject: str
    body: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one message."""

    key: str
    state: MessageState
