"""Refusals about credit: approvals, limits, policies, the gate. The conventions are those of `domain.errors`."""

from domain.errors import DomainError, InvalidInputError, NotFoundError


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


class StopNotApprovableError(DomainError):
    """A plain approval is refused in STOP (D2-12)."""

    code = "stop_not_approvable"


class LimitNeedsHeadError(DomainError):
    """A manager asks for a credit limit, the head of sales gives it (D14)."""

    code = "limit_needs_head"
    status = 403


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


class ApprovalExpiredError(DomainError):
    """Nobody answered in time and the order was rejected (D4-3, D4-9). facts: deadline."""

    code = "approval_expired"


class ApprovalOfAnotherRevisionError(DomainError):
    """The order changed since the approver looked at it (D4-6). facts: revision, seen."""

    code = "approval_other_revision"


class NotYourApprovalError(DomainError):
    """The request is another branch's, or the director's (D4-1). facts: tier."""

    code = "not_your_approval"
    status = 403


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
