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
    """The first approver won (D4-8). facts: by (an id, which the API makes a name), at, decision."""

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


class RateUnknownError(InvalidInputError):
    """Nobody recorded any rate of this currency yet (D2-17). facts: field, currency, base."""

    code = "rate_unknown"


class RateDateError(InvalidInputError):
    """A rate is set for a past day or one of the next few (D2-17). facts: field, days."""

    code = "rate_date"


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


class TooManyCallsError(DomainError):
    """The person calls too often. facts: retry_after (seconds)."""

    code = "too_many_calls"
    status = 429


class TooManyBadKeysError(TooManyCallsError):
    """Too many calls with unknown keys came from this address. facts: retry_after (seconds)."""

    code = "too_many_bad_keys"


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


class OwnLimitError(DomainError):
    """Credit is widened by another than its requester and than the customer's own manager (D5-1, D4-5)."""

    code = "own_limit"
    status = 403


class TemporaryLimitTooLongError(InvalidInputError):
    """A temporary limit ends in time, by the policy within 90 days by default (D5-1). facts: field, days."""

    code = "temporary_limit_too_long"


class GrantNotFoundError(NotFoundError):
    code = "grant_not_found"


class GrantDecidedError(DomainError):
    """Somebody decided on the change of credit before. facts: state, by."""

    code = "grant_decided"


class GrantNotInForceError(DomainError):
    """Only a change that counts, or will, and has an end or waits for its day is revoked. facts: state."""

    code = "grant_not_in_force"


class ContractExistsError(DomainError):
    """The customer has a contract of this number. facts: number."""

    code = "contract_exists"


class TermsNeedHeadError(DomainError):
    """A deferral beyond the customer's usual one is given by head, director or admin. facts: days."""

    code = "terms_need_head"
    status = 403


class ApprovalExpiredError(DomainError):
    """Nobody answered in time and the order was rejected (D4-3, D4-9). facts: deadline."""

    code = "approval_expired"


class OrderCancelledError(DomainError):
    """The order was cancelled before the answer came (D4-9). facts: at, reason."""

    code = "order_cancelled"


class ApprovalOfAnotherRevisionError(DomainError):
    """The order changed since the approver looked at it (D4-6). facts: revision, seen."""

    code = "approval_other_revision"


class NotYourApprovalError(DomainError):
    """The request is another branch's, or the director's (D4-1). facts: tier."""

    code = "not_your_approval"
    status = 403


class EditAfterPickingError(DomainError):
    """Goods are being picked or have left: what is added is a new order (D6-7). facts: status."""

    code = "edit_after_picking"


class NothingToChangeError(InvalidInputError):
    """The revision asks for what the order already says. facts: field."""

    code = "nothing_to_change"


class GateClosedError(DomainError):
    """The shipment gate is closed (D12-1). facts: reasons."""

    code = "gate_closed"


class GateOpenError(DomainError):
    """The order does not stand before a closed gate (D12-2). facts: status."""

    code = "gate_open"


class NotStoppedByCaseError(DomainError):
    """No legal case holds this order, or it is not prepaid whole (D2-8)."""

    code = "not_stopped_by_case"


class TradeStopError(DomainError):
    """Trade is stopped already, or is not stopped. facts: state."""

    code = "trade_stop_state"


class LimitNotSuspendedError(DomainError):
    """No legal case took the limit away, or one is still open (D5-8)."""

    code = "limit_not_suspended"


class AbsenceNotFoundError(NotFoundError):
    code = "absence_not_found"


class UserNotFoundError(InvalidInputError):
    """Nobody has this login or id. facts: field, user."""

    code = "user_not_found"


class DeputyCycleError(InvalidInputError):
    """Deputies would answer for each other in a circle (D4-4). facts: field, chain."""

    code = "deputy_cycle"


class DeputyChainTooLongError(InvalidInputError):
    """More than three deputies in a row (D4-4). facts: field, chain."""

    code = "deputy_chain_too_long"


class PolicyNotFoundError(NotFoundError):
    code = "policy_not_found"


class PolicyDecidedError(DomainError):
    """Somebody decided on the policy version before. facts: state."""

    code = "policy_decided"


class PolicyValueError(InvalidInputError):
    """A figure of a policy is out of its range, or does not fit another. facts: field, kind, its bounds."""

    code = "policy_value"


class PolicyOutdatedError(DomainError):
    """Another version was published since this one was proposed. facts: version."""

    code = "policy_outdated"


class OwnPolicyError(DomainError):
    """A policy is proposed by one person and published by another (D14)."""

    code = "own_policy"
    status = 403


class PolicyDateError(InvalidInputError):
    """A policy begins today or later, and not before the newest published one. facts: field."""

    code = "policy_date"


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


class PayloadUnreadableError(DomainError):
    """A payload is sealed with a key that is not known here, or was changed. facts: key (its name)."""

    code = "payload_unreadable"
