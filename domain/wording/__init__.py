"""Every sentence people read, Russian first; English stands in `locale/en/LC_MESSAGES/opora.po`."""

from collections.abc import Iterator

from domain.wording import credit, doors, history, letters, names, payments, refusals, waits
from domain.wording.credit import cure_texts, money_text, outcome_text, reason_text
from domain.wording.doors import card_text, field_text, request_text
from domain.wording.history import event_text
from domain.wording.letters import Text, document_name, letter, notice, task_subject
from domain.wording.names import (
    either,
    grant_reason,
    grant_title,
    invoice_status_name,
    invoice_title,
    role_name,
    stage_name,
    status_name,
    task_name,
)
from domain.wording.refusals import refusal_text
from domain.wording.speech import RUSSIAN, Speech, plural
from domain.wording.waits import ended_by, on_expiry_text, wait_title, why_text

__all__ = [
    "RUSSIAN",
    "Speech",
    "Text",
    "card_text",
    "cure_texts",
    "document_name",
    "either",
    "ended_by",
    "event_text",
    "field_text",
    "grant_reason",
    "grant_title",
    "invoice_status_name",
    "invoice_title",
    "letter",
    "message_ids",
    "money_text",
    "notice",
    "on_expiry_text",
    "outcome_text",
    "plural",
    "reason_text",
    "refusal_text",
    "request_text",
    "role_name",
    "stage_name",
    "status_name",
    "task_name",
    "task_subject",
    "wait_title",
    "why_text",
]


def message_ids() -> Iterator[str]:
    """Every Russian message id, for the catalogues."""
    for table in (
        credit.REASONS,
        credit.OUTCOMES,
        credit.CURES,
        credit.MONEY,
        credit.VERDICTS,
        waits.TITLES,
        waits.ENDED_BY,
        waits.ON_EXPIRY,
        waits.WHY,
        waits.NOT_WAITING,
        names.ORDER_STATUSES,
        names.PASSING,
        names.STAGES,
        names.INVOICE_STATUSES,
        names.ROLES,
        names.TASK_KINDS,
        names.GRANT_KINDS,
        names.GRANT_STATES,
        names.GRANT_ORIGINS,
        names.CALL_RESULTS,
        history.EVENTS,
        letters.TASKS,
        letters.DOCUMENTS,
        payments.QUEUE,
        payments.LINES,
        refusals.REFUSALS,
        refusals.DONE_BY,
        refusals.FORBIDDEN,
        doors.REQUESTS,
        doors.FIELDS,
        doors.VERDICTS,
    ):
        yield from table.values()
    for pair in (*letters.LETTERS.values(), *letters.NOTICES.values()):
        yield from pair
    yield from (credit.UNKNOWN_REASON, credit.APPROVER, waits.MOVING)
    yield from (names.GRANT_TITLE, names.EITHER, names.INVOICE_TITLE, names.INVOICE_TITLE_STAGE)
