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


class InvalidInputError(DomainError):
    """A value breaks a rule of the field. facts: field, and what the text needs."""

    code = "invalid_input"
    status = 422


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


class ManagerNotFoundError(InvalidInputError):
    """No manager has this login or id. facts: manager."""

    code = "manager_not_found"


class ContractExistsError(DomainError):
    """The customer has a contract of this number. facts: number."""

    code = "contract_exists"


class TermsNeedHeadError(DomainError):
    """A deferral beyond the customer's usual one is given by head, director or admin. facts: days."""

    code = "terms_need_head"
    status = 403


class OrderCancelledError(DomainError):
    """The order was cancelled before the answer came (D4-9). facts: at, reason."""

    code = "order_cancelled"


class EditAfterPickingError(DomainError):
    """Goods are being picked or have left: what is added is a new order (D6-7). facts: status."""

    code = "edit_after_picking"


class NothingToChangeError(InvalidInputError):
    """The revision asks for what the order already says. facts: field."""

    code = "nothing_to_change"


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


class PayloadUnreadableError(DomainError):
    """A payload is sealed with a key that is not known here, or was changed. facts: key (its name)."""

    code = "payload_unreadable"
