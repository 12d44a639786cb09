"""Payments as they travel between doors, workflows and activities."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from domain.matching import QueueReason
from domain.orders import Actor


class PaymentState(StrEnum):
    """`matched`: the payer is known and the rest is his advance; `unmatched`: the accountant's queue."""

    MATCHED = "matched"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class PaymentDraft:
    """Money as it came. `identity` makes it one payment however often it is told (D9-1).

    `currency` None: not said, and no account of ours tells; the payer's decides, or the company's for an unknown payer.
    One that comes by itself travels to its process with payer and purpose as they were given: where payloads are not
    sealed, its history shows both.
    """

    identity: str
    source: str
    posted_on: date
    amount: Decimal
    purpose: str
    external_id: str | None = None
    currency: str | None = None
    document_number: str | None = None
    payer_name: str | None = None
    payer_tax_id: str | None = None
    payer_kpp: str | None = None
    payer_account: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentInput:
    """Starts `PaymentWorkflow`: with a draft to record, or with the id of what a statement recorded."""

    identity: str
    actor: Actor
    as_of: datetime
    draft: PaymentDraft | None = None
    payment_id: str | None = None


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """Asks to record a payment once."""

    draft: PaymentDraft
    actor: Actor
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ApplyRequest:
    """Asks to match and apply a recorded payment."""

    payment_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class PaymentOutcome:
    """What became of a payment, and which neighbours must look again.

    `order_ids` took money themselves or through their invoices; `stopped_order_ids` waited for credit and move on,
    since the account's exposure fell (D2-13), in the order in which they were decided again.
    """

    payment_id: str
    state: PaymentState
    unallocated: Decimal
    reason: QueueReason | None = None
    customer_id: str | None = None
    credit_account_id: str | None = None
    order_ids: tuple[str, ...] = ()
    schedule_line_ids: tuple[str, ...] = ()
    stopped_order_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ManualAllotment:
    """A part of a payment that the accountant gives to an order or an invoice; no amount: as much as it may take."""

    order_id: str | None = None
    invoice_id: str | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AllocateCommand:
    """The accountant's decision on a payment: whose it is, and what it pays.

    Without allotments the payment is the named customer's and is matched like any other of his (D9-6).
    """

    payment_id: str
    key: str
    actor: Actor
    as_of: datetime
    customer_id: str | None = None
    allotments: tuple[ManualAllotment, ...] = ()


@dataclass(frozen=True, slots=True)
class StatementInput:
    """Starts `StatementWorkflow` for an upload of a stored file; `upload_id` tells uploads of one file apart.

    `progress` carries the answer so far when the workflow continues as new.
    """

    sha256: str
    upload_id: str
    actor: Actor
    as_of: datetime
    progress: "StatementSummary | None" = None


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A document that was put aside: the line of its section, why, and the value in the way."""

    line: int
    code: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class StatementSummary:
    """What came of one upload. `ignored`: documents of money that left or moved between our accounts."""

    payments_created: int = 0
    duplicates: int = 0
    matched: int = 0
    unmatched: int = 0
    ignored: int = 0
    rejected: tuple[RejectedLine, ...] = ()
    warnings: tuple[RejectedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingPayment:
    """A recorded payment that nobody has matched yet."""

    payment_id: str
    identity: str
