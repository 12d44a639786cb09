"""Refusals about money: statements, payments, invoices, disputes. The conventions are those of `domain.errors`."""

from domain.errors import DomainError, InvalidInputError, NotFoundError


class WrongCurrencyError(InvalidInputError):
    """facts: field, currency, expected."""

    code = "wrong_currency"


class RateUnknownError(InvalidInputError):
    """Nobody recorded any rate of this currency yet (D2-17). facts: field, currency, base."""

    code = "rate_unknown"


class RateDateError(InvalidInputError):
    """A rate is set for a past day or one of the next few (D2-17). facts: field, days."""

    code = "rate_date"


class NotAStatementError(InvalidInputError):
    """The bytes are no `1CClientBankExchange` file."""

    code = "not_a_statement"


class TruncatedStatementError(InvalidInputError):
    """The statement ends before «КонецФайла»."""

    code = "truncated_statement"


class StatementTooLargeError(InvalidInputError):
    """facts: field, size, limit (bytes)."""

    code = "statement_too_large"
    status = 413


class InvoiceNotFoundError(NotFoundError):
    code = "invoice_not_found"


class LegalCaseNotFoundError(NotFoundError):
    code = "legal_case_not_found"


class PaymentNotFoundError(NotFoundError):
    code = "payment_not_found"


class StatementNotFoundError(NotFoundError):
    code = "statement_not_found"


class ExternalIdReusedError(DomainError):
    """A payment with this `external_id` is there with other figures. facts: external_id."""

    code = "external_id_reused"


class PaymentInProgressError(DomainError):
    """The payment is being matched this very moment."""

    code = "payment_in_progress"


class AllocationTooLargeError(DomainError):
    """More is allocated than the payment has left, or than the document may take (D9-10). facts: amount, room."""

    code = "allocation_too_large"


class NothingToAllocateError(DomainError):
    """The payment has nothing left, or the document takes nothing more."""

    code = "nothing_to_allocate"


class PaymentOfAnotherCustomerError(DomainError):
    """Parts of one payment go to documents of different payers, or it pays another payer's already."""

    code = "payment_of_another_customer"


class CreditNoteTooLargeError(InvalidInputError):
    """More is credited than the invoice has left. facts: field, room."""

    code = "credit_note_too_large"


class CreditNoteExistsError(DomainError):
    """A note of this number stands on the invoice with other figures. facts: number."""

    code = "credit_note_exists"


class DisputeOpenError(DomainError):
    """The instalment is disputed already. facts: ends_on."""

    code = "dispute_open"


class DisputeNotFoundError(NotFoundError):
    code = "dispute_not_found"


class DisputeTooLongError(InvalidInputError):
    """A dispute ends within 14 days; the head may extend it once (D11-1). facts: field, days."""

    code = "dispute_too_long"


class DisputeAgainError(DomainError):
    """The instalment was disputed before: the head alone may open one more dispute (D11-1). facts: earlier."""

    code = "dispute_again"
    status = 403
