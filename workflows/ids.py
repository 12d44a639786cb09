"""Names of things in Temporal: workflow ids, the task queue, search attributes. No personal data in any of them."""

from temporalio.common import SearchAttributeKey

TASK_QUEUE = "opora"

STATUS = SearchAttributeKey.for_keyword("OporaStatus")
WAITING = SearchAttributeKey.for_keyword("OporaWaiting")
CUSTOMER = SearchAttributeKey.for_keyword("OporaCustomerId")
MANAGER = SearchAttributeKey.for_keyword("OporaManagerId")
STAGE = SearchAttributeKey.for_keyword("OporaStage")
DUE_AT = SearchAttributeKey.for_datetime("OporaDueAt")

NOT_WAITING = "none"
"""What `WAITING` says of a process that is on its way."""

SEARCH_ATTRIBUTES = {
    "OporaStatus": "Keyword",
    "OporaWaiting": "Keyword",
    "OporaCustomerId": "Keyword",
    "OporaManagerId": "Keyword",
    "OporaStage": "Keyword",
    "OporaDueAt": "Datetime",
}


def mail_queue(task_queue: str) -> str:
    """Where letters wait for a slot, apart from the steps of `task_queue`: a silent mail server fills only these."""
    return f"{task_queue}-mail"


def order_workflow_id(order_id: str) -> str:
    return f"order/{order_id}"


def invoice_workflow_id(schedule_line_id: str) -> str:
    return f"invoice/{schedule_line_id}"


def grant_workflow_id(grant_id: str) -> str:
    return f"grant/{grant_id}"


def supply_workflow_id(receipt_id: str) -> str:
    return f"supply/{receipt_id}"


def payment_workflow_id(identity: str) -> str:
    return f"payment/{identity}"


def statement_workflow_id(sha256: str) -> str:
    return f"statement/{sha256}"


def manual_allocation_workflow_id(payment_id: str, key: str) -> str:
    return f"payment/{payment_id}/allocate/{key}"
