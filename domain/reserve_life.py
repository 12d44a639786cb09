"""What prolongs a reserve: a person, a copy of the payment order, a silent source of payments (D7-6, D7-10)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.orders import Actor, Role
from domain.payments import PaymentDraft
from domain.stock_errors import ExtensionTooLongError, ProofEmptyError, ProofTooLargeError, ProofTypeError

LARGEST_PROOF = 5_000_000
"""Bytes of a copy of a payment order."""
_FIRST_BYTES = {b"%PDF-": "application/pdf", b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}


class PaymentNews(StrEnum):
    """What is known about money when a reserve is about to end (D7-6)."""

    NONE = "none"
    """Nothing came."""
    QUEUED = "queued"
    """Money of the payer came, and the accountant has not said yet what it pays."""
    SILENT = "silent"
    """The source of payments did not answer."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose money a source of payments is asked for."""

    tax_id: str
    country: str
    name: str


@dataclass(frozen=True, slots=True)
class FreshRequest:
    """Asks for what came from an order's payer before its reserve is given back."""

    order_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class FreshPayments:
    """Money that we have not recorded yet, and whether some of the payer's waits for the accountant."""

    brought: tuple[PaymentDraft, ...] = ()
    queued: bool = False


@dataclass(frozen=True, slots=True)
class KeepRequest:
    """Asks to keep a reserve a little longer, since nobody can tell whether it is paid."""

    order_id: str
    round: int
    news: PaymentNews
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ProofCommand:
    """A stored copy of a payment order is to count, by the hash of its bytes."""

    actor: Actor
    sha256: str


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """Asks to count a copy of a payment order at a business instant."""

    order_id: str
    round: int
    command: ProofCommand
    as_of: datetime


def extension_days(asked: int | None, ttl_days: int, role: str) -> int:
    """For how many days a person prolongs a reserve: its lifetime unless they say, a manager no more than that (D7-10).

    Raises:
        ExtensionTooLongError: a manager asked for more.
    """
    days = ttl_days if asked is None else asked
    if role == Role.MANAGER and days > ttl_days:
        raise ExtensionTooLongError(days=days, most=ttl_days)
    return days


def proof_type(content: bytes) -> str:
    """What a copy of a payment order is, by its first bytes: PDF, JPEG or PNG; what the sender calls it does not count.

    Raises:
        ProofEmptyError, ProofTooLargeError, ProofTypeError
    """
    if not content:
        raise ProofEmptyError
    if len(content) > LARGEST_PROOF:
        raise ProofTooLargeError(limit=LARGEST_PROOF)
    for first, kind in _FIRST_BYTES.items():
        if content.startswith(first):
            return kind
    raise ProofTypeError
