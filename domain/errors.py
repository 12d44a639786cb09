"""Refusals: every rule that says no says it with a stable code and the figures behind it.

A `DomainError` is never retried. At the doors its `code` becomes the problem's code, its
`status` the HTTP status, its `facts` the machine-readable members; the sentence people read is
looked up by the code in `domain.wording`.
"""

from typing import ClassVar


class DomainError(Exception):
    """A business rule refused.

    Args:
        facts: JSON-ready figures and names that the sentence of the refusal needs.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409

    def __init__(self, **facts: str | int | None) -> None:
        self.facts = facts
        super().__init__(f"{self.code} {facts}" if facts else self.code)


class NotFoundError(DomainError):
    """The named object does not exist, or the caller may not see it."""

    code = "not_found"
    status = 404


class CustomerNotFoundError(NotFoundError):
    code = "customer_not_found"


class ProductNotFoundError(NotFoundError):
    """facts: sku."""

    code = "product_not_found"


class OrderNotFoundError(NotFoundError):
    code = "order_not_found"


class ForbiddenError(DomainError):
    """The caller's role does not allow the action (D14). facts: action, role."""

    code = "forbidden"
    status = 403


class OwnApprovalError(DomainError):
    """Requester, owner and their deputies cannot approve (D4-5)."""

    code = "own_approval"
    status = 409


class AlreadyDecidedError(DomainError):
    """The first approver won (D4-8). facts: by, at, decision."""

    code = "already_decided"


class ApprovalOutdatedError(DomainError):
    """Exposure outgrew the approved ceiling: a new request stands (D4-7). facts: ceiling, exposure."""

    code = "approval_outdated"


class ApprovalStoppedError(DomainError):
    """The approval met a STOP under the lock (D4-7)."""

    code = "approval_stopped"


class QuoteExpiredError(DomainError):
    """The quote's validity ran out (D6-1). facts: valid_until."""

    code = "quote_expired"


class WrongStateError(DomainError):
    """The order is in a state that does not allow the command. facts: status, command."""

    code = "wrong_state"


class ExtensionUsedError(DomainError):
    """The manager extended once already; more only by the head (D7-10). facts: extensions."""

    code = "extension_used"


class ShipQuantityError(DomainError):
    """More is shipped than was picked, or something that was not. facts: sku, picked."""

    code = "ship_quantity"


class CancelNeedsHeadError(DomainError):
    """Goods are being picked: only the head may cancel (D6-8)."""

    code = "cancel_needs_head"
    status = 403


class ShipCompleteError(DomainError):
    """The customer takes the whole order or nothing (D7-12)."""

    code = "ship_complete"


class StopNotApprovableError(DomainError):
    """A plain approval is refused in STOP (D2-12)."""

    code = "stop_not_approvable"


class InvalidInputError(DomainError):
    """A value breaks a rule of the field. facts: field, and what the text needs."""

    code = "invalid_input"
    status = 422


class WrongCurrencyError(InvalidInputError):
    """facts: field, currency, expected."""

    code = "wrong_currency"


class CommentRequiredError(InvalidInputError):
    """Rejecting or sending back needs a comment (D4-2). facts: field."""

    code = "comment_required"


class DuplicateLineError(InvalidInputError):
    """The same product stands on two lines. facts: field, sku."""

    code = "duplicate_line"


class ZeroTotalError(InvalidInputError):
    """The order comes to nothing. facts: field."""

    code = "zero_total"


class AmountTooLargeError(InvalidInputError):
    """The total is larger than any ledger holds. facts: field, limit."""

    code = "amount_too_large"


class NotAStatementError(InvalidInputError):
    """The bytes are no `1CClientBankExchange` file."""

    code = "not_a_statement"


class TruncatedStatementError(InvalidInputError):
    """The statement ends before «КонецФайла»."""

    code = "truncated_statement"


class InvalidTaxIdError(InvalidInputError):
    """No such ИНН, БИН or ИИН can exist. facts: field, reason (inn, bin_iin, country)."""

    code = "invalid_tax_id"


class InvalidKppError(InvalidInputError):
    """facts: field, reason."""

    code = "invalid_kpp"


class InvalidAccountError(InvalidInputError):
    """No such bank account can exist. facts: field, reason (iban, account, account_key, country)."""

    code = "invalid_account"


class InvalidBankCodeError(InvalidInputError):
    """No such БИК can exist. facts: field, reason."""

    code = "invalid_bank_code"


class UnauthenticatedError(DomainError):
    """No key was sent, or nobody has this key."""

    code = "unauthenticated"
    status = 401


class IdempotencyKeyReusedError(DomainError):
    """The `Idempotency-Key` was already used with another body."""

    code = "idempotency_key_reused"
    status = 422


class StaleVersionError(DomainError):
    """The object changed since the caller read it (`If-Match`). facts: current."""

    code = "stale_version"
    status = 412


class VersionRequiredError(DomainError):
    """An edit must name the version it was made on (`If-Match`)."""

    code = "version_required"
    status = 428


class CustomerExistsError(DomainError):
    """A customer with these requisites is there already. facts: tax_id."""

    code = "customer_exists"


class ProductExistsError(DomainError):
    """facts: sku."""

    code = "product_exists"


class LimitNeedsHeadError(DomainError):
    """A manager asks for a credit limit, the head of sales gives it (D14)."""

    code = "limit_needs_head"
    status = 403


class ManagerNotFoundError(InvalidInputError):
    """No manager has this login or id. facts: manager."""

    code = "manager_not_found"


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
