"""Every sentence people read, Russian first; English stands in `locale/en/LC_MESSAGES/opora.po`."""

from collections.abc import Iterator

from domain.wording import (
    allocation,
    credit,
    doors,
    dossier,
    drift,
    history,
    journal_audit,
    letters,
    names,
    notices,
    packing,
    payments,
    policies,
    refusals,
    waits,
    watch,
    why,
)
from domain.wording.credit import outcome_text, reason_text, room_text
from domain.wording.doors import card_text, field_text, request_text
from domain.wording.history import event_text
from domain.wording.letters import Text, document_name, letter, notice, promised_orders, task_subject
from domain.wording.names import (
    choice_name,
    either,
    grant_reason,
    grant_title,
    invoice_status_name,
    invoice_title,
    reassignment_state,
    role_name,
    stage_name,
    status_name,
    supply_title,
    task_name,
)
from domain.wording.packing import packs_text
from domain.wording.refusals import refusal_text
from domain.wording.speech import RUSSIAN, Speech, plural
from domain.wording.waits import ended_by, on_expiry_text, wait_title
from domain.wording.why import person_text, spoken

__all__ = [
    "RUSSIAN",
    "Speech",
    "Text",
    "card_text",
    "choice_name",
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
    "notice",
    "on_expiry_text",
    "outcome_text",
    "packs_text",
    "person_text",
    "plural",
    "promised_orders",
    "reason_text",
    "reassignment_state",
    "refusal_text",
    "request_text",
    "role_name",
    "room_text",
    "spoken",
    "stage_name",
    "status_name",
    "supply_title",
    "task_name",
    "task_subject",
    "wait_title",
]


def message_ids() -> Iterator[str]:
    """Every Russian message id, for the catalogues."""
    for table in (
        credit.REASONS,
        credit.OUTCOMES,
        credit.CURES,
        credit.GATE_CURES,
        credit.MONEY,
        credit.ROOM,
        credit.VERDICTS,
        waits.TITLES,
        waits.ENDED_BY,
        waits.ON_EXPIRY,
        waits.WHY,
        waits.THEN,
        why.ENDED,
        why.TURNS,
        why.CLIMBS,
        why.PEOPLE,
        why.OTHERS,
        why.SHORT,
        names.ORDER_STATUSES,
        names.PASSING,
        names.STAGES,
        names.INVOICE_STATUSES,
        names.ROLES,
        names.TASK_KINDS,
        names.CHOICES,
        names.GRANT_KINDS,
        names.GRANT_STATES,
        names.REASSIGNMENT_STATES,
        names.GRANT_ORIGINS,
        names.SUPPLY_STATES,
        names.CALL_RESULTS,
        history.EVENTS,
        history.SUBJECTS,
        policies.NOTES,
        letters.TASKS,
        letters.DOCUMENTS,
        payments.QUEUE,
        payments.LINES,
        refusals.REFUSALS,
        refusals.DONE_BY,
        refusals.POLICY_VALUES,
        doors.REQUESTS,
        doors.FIELDS,
        doors.VERDICTS,
        dossier.KINDS,
        dossier.STATES,
        dossier.ANSWERS,
        allocation.CAUSES,
        allocation.GOT,
        allocation.WAITED,
        allocation.LOST,
        allocation.SUBJECTS,
        allocation.CLASSES,
        drift.DRIFTS,
        drift.AUDIT,
        journal_audit.LINES,
        watch.DISCREPANCIES,
        watch.FROZEN,
    ):
        yield from table.values()
    for pair in (*letters.LETTERS.values(), *notices.NOTICES.values()):
        yield from pair
    yield from (
        refusals.WRONG_STATE_OF_ENDED,
        refusals.NOTHING_PICKED_ANYWHERE,
        refusals.FORBIDDEN_TO_ROLE,
        credit.UNKNOWN_REASON,
        waits.ENDED_BY_DIRECTOR,
        why.PERSON,
        why.DEPUTY,
        why.GOODS,
    )
    yield from (packing.WHOLE, packing.WHOLE_AND_LOOSE)
    yield from (allocation.ANOTHERS, allocation.OF_ANOTHER)
    yield from (history.COMMENT, history.INSTEAD_OF, history.CHANGE, history.AUTHOR)
    yield from (dossier.INSTEAD, dossier.PAID, dossier.PAID_LATE, dossier.NEVER_PAID)
    yield from (letters.PROMISED, letters.NOT_PROMISED, names.SUPPLY_TITLE)
    yield from (names.GRANT_TITLE, names.EITHER, names.INVOICE_TITLE, names.INVOICE_TITLE_STAGE)
