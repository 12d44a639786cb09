"""What happened to an invoice, one sentence per journal event."""

from typing import Any

from domain.wording.names import stage_name
from domain.wording.speech import RUSSIAN, Speech

EVENTS = {
    "dunning_done": "{stage}: просрочка {days_overdue:days}, остаток {residual:money}.",
    "dunning_before_due": "{stage}: осталось получить {residual:money}.",
    "dunning_skipped": "{stage}: шаг пропущен, процесс начался позже.",
    "payment_received": "Поступила оплата {amount:money}, остаток {residual:money}.",
    "invoice_settled": "Счёт оплачен полностью.",
    "message_done": "Отправлено: «{subject_line}».",
    "message_failed": "Не доставлено: «{subject_line}».",
    "message_unknown": "Неизвестно, доставлено ли: «{subject_line}».",
    "message_merged": "Вошло в другое письмо того же дня: «{subject_line}».",
    "message_cancelled": "Не отправлено, потому что долг погашен: «{subject_line}».",
}


def event_text(event: str, speech: Speech = RUSSIAN, **data: Any) -> str:
    """The sentence of a journal event; one without a sentence shows its name."""
    if event == "dunning_done" and int(data.get("days_overdue") or 0) <= 0:
        event = "dunning_before_due"
    if event not in EVENTS:
        return event
    figures = {name: value for name, value in data.items() if name not in {"speech", "event"}}
    if "stage" in figures:
        figures["stage"] = stage_name(figures["stage"], speech)
    return speech.say(EVENTS[event], **figures)
