"""Work for people: its kinds, who may finish it, and with what result."""

from collections.abc import Mapping
from enum import StrEnum

from domain.errors import DomainError, InvalidInputError, NotFoundError
from domain.orders import Actor, Role, WaitReason


class TaskKind(StrEnum):
    """What a person is asked to do; sentences stand in `domain.wording`."""

    APPROVAL = "approval"
    """Approve, reject or return an order (D4)."""
    APPROVAL_LAPSED = "approval_lapsed"
    """The approval request lapsed unanswered (D4-3)."""
    CREDIT_STOP = "credit_stop"
    """An order has stood in STOP for a week (D2-15)."""
    STOP_CANCELLED = "stop_cancelled"
    """A stopped order was cancelled by itself (D2-15)."""
    CALL_UNPAID = "call_unpaid"
    """The reserve was released unpaid: call and find the reason (D7-6)."""
    SHIPMENT_LATE = "shipment_late"
    """A deferral order was not shipped in time (D7-5)."""
    LATE_PAYMENT = "late_payment"
    """Money came after the release and the goods are gone (D7-8)."""
    LATE_PRICE = "late_price"
    """Money came after the release and after the prices had lapsed (D7-8)."""
    PART_PAYMENT = "part_payment"
    """Less came than must be in before shipment (D7-11)."""
    FIND_PAYMENT = "find_payment"
    """The customer showed a copy of the payment order: look for the money (D7-10)."""
    PICKING = "picking"
    """Pick the goods (D12-3)."""
    SHORTAGE_CHOICE = "shortage_choice"
    """Goods are short: learn what the customer chooses (D7-12)."""
    STOCK_LATE = "stock_late"
    """A backorder waits too long (D6-13)."""
    CANCEL_LATE = "cancel_late"
    """The warehouse has not acknowledged a cancellation (D6-13)."""
    GATE = "gate"
    """Hold, ship or put back goods that stand picked before a closed gate (D12-2)."""
    UNPICK = "unpick"
    """Put goods back whose gate did not open (D12-2)."""
    CANCEL_ACKNOWLEDGEMENT = "cancel_acknowledgement"
    """Put picked goods back and confirm the cancellation (D6-8)."""
    PAYMENT_QUEUE = "payment_queue"
    """A payment that nobody can match but the accountant (D9-5)."""
    CALL_OVERDUE = "call_overdue"
    """Phone the debtor at +7."""
    OVERDUE_REVIEW = "overdue_review"
    """The head of sales takes over at +14."""
    LEGAL_CASE = "legal_case"
    """The lawyer takes over at +30."""
    LEGAL_DOCUMENT = "legal_document"
    """A document is missing in a legal case (D10-10)."""
    NO_EMAIL = "no_email"
    """A letter could not be written: the customer has no e-mail (D10-11)."""
    NO_EMAIL_ORDER = "no_email_order"
    """The same about an order."""
    MESSAGE_UNKNOWN = "message_unknown"
    """Nobody knows whether a letter went out (D10-15)."""
    MESSAGE_FAILED = "message_failed"
    """The mail server refused a letter for good."""
    REWORK = "rework"
    """The approver sent the order back: change it or offer another (D4-2)."""
    ORDER_LAPSED = "order_lapsed"
    """No late payment came and the order was cancelled (D7-9)."""
    SHORT_SHIPPED = "short_shipped"
    """Less was shipped than was ordered (D7-14)."""
    REASSIGNMENT = "reassignment"
    """Decide whether reserved goods go from one order to another (D8-4)."""
    RESERVE_TAKEN = "reserve_taken"
    """Goods of the order went to another: tell the customer (D8-4)."""
    COUNT_SHORTAGE = "count_shortage"
    """A count found less than was promised to the order (D7-15)."""
    COUNT_REVIEW = "count_review"
    """A count took promised goods away: find out why (D7-15)."""
    LIMIT_REVIEW = "limit_review"
    LIMIT_CHANGE = "limit_change"
    """Decide on a change of a customer's credit (D5, D14)."""
    RESTORE_LIMIT = "restore_limit"
    """Give the limit back that a closed legal case took away (D5-8)."""
    SUPPLY_CONTROL = "supply_control"
    """A control date of an expected receipt: make sure that the goods are on their way."""
    SUPPLY_LATE = "supply_late"
    """Expected goods have not come: find out when they will."""
    STOCK_DRIFT = "stock_drift"
    """Figures of stock that do not add up (D3-10)."""
    OTHER = "other"


class CallResult(StrEnum):
    """What a call to a debtor brought (D10, +7)."""

    PROMISE = "promise"
    DISPUTE = "dispute"
    NO_ANSWER = "no_answer"
    OTHER = "other"


class TaskNotFoundError(NotFoundError):
    code = "task_not_found"


class TaskClosedError(DomainError):
    """Somebody finished the task before. facts: state."""

    code = "task_closed"


class TaskDoneByActionError(DomainError):
    """The action itself closes the task, ticking it off would leave the process waiting.

    facts: kind, action (the call to make), link (its path).
    """

    code = "task_done_by_action"


class CallResultRequiredError(InvalidInputError):
    """A call is finished only with what it brought. facts: field, allowed."""

    code = "call_result_required"


def check_result(kind: str, result: str | None) -> None:
    """A call to a debtor needs one of the four results (D10); any other task takes what it is given.

    Raises:
        CallResultRequiredError: the result is missing or is none of the four.
    """
    if kind == TaskKind.CALL_OVERDUE and result not in set(CallResult):
        raise CallResultRequiredError(field="result", allowed=", ".join(CallResult))


ACTIONS: Mapping[str, str] = {
    TaskKind.APPROVAL: "/api/v1/orders/{id}/approval",
    TaskKind.GATE: "/api/v1/orders/{id}/gate",
    TaskKind.PICKING: "/api/v1/orders/{id}/ship",
    TaskKind.CANCEL_ACKNOWLEDGEMENT: "/api/v1/orders/{id}/cancel",
    TaskKind.SHORTAGE_CHOICE: "/api/v1/orders/{id}/shortage",
    TaskKind.PAYMENT_QUEUE: "/api/v1/payments/{id}/allocate",
    TaskKind.LIMIT_CHANGE: "/api/v1/limit-changes/{id}/decision",
    TaskKind.REASSIGNMENT: "/api/v1/stock/reassignments/{id}/decision",
    TaskKind.RESTORE_LIMIT: "/api/v1/customers/{id}/limit/restore",
}
"""Tasks that an action closes, with the door of the action; `id` is that of the order, the payment, the change of
credit, the request for goods or the customer."""
ACTION_ENDS: Mapping[str, frozenset[WaitReason]] = {
    TaskKind.APPROVAL: frozenset({WaitReason.APPROVAL}),
    TaskKind.GATE: frozenset({WaitReason.GATE}),
    TaskKind.PICKING: frozenset({WaitReason.PICKING, WaitReason.SHIPMENT, WaitReason.STOCK}),
    TaskKind.CANCEL_ACKNOWLEDGEMENT: frozenset({WaitReason.CANCEL_ACKNOWLEDGEMENT}),
}
"""What an order waits for while the action of its task is still to be done."""


def check_not_done_by_action(kind: str, subject_id: str, *, awaited: bool) -> None:
    """Refuse to tick off work that a process waits for; when it no longer does, a left-over task may be closed.

    Raises:
        TaskDoneByActionError
    """
    if awaited and kind in ACTIONS:
        link = ACTIONS[kind].format(id=subject_id)
        raise TaskDoneByActionError(kind=kind, action=f"POST {link}", link=link)


def may_complete(actor: Actor, role: str, assignee_id: str | None) -> bool:
    """The assignee finishes a task, anybody of the role where there is none, and the head any manager's (D14)."""
    mine = assignee_id == actor.id or (assignee_id is None and role == actor.role)
    return mine or (actor.role == Role.HEAD and role == Role.MANAGER)
