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
    "invoice_credited": "Счёт закрыт: после кредит-ноты платить по нему нечего.",
    "credit_note_posted": "Кредит-нота {number} на {amount:money}: в аванс клиента вернулось {freed:money}.",
    "dispute_opened": "Открыт спор на {amount:money} до {until:date}: {reason}.",
    "dispute_closed_ours": "Спор закрыт, прав поставщик: {comment}",
    "dispute_closed_client": "Спор закрыт, прав клиент: {comment}",
    "dispute_closed_settled": "Спор закрыт: платить по счёту больше нечего.",
    "dispute_closed_lapsed": "Срок спора вышел.",
    "message_done": "Отправлено: «{subject_line}».",
    "message_failed": "Не доставлено: «{subject_line}».",
    "message_unknown": "Неизвестно, доставлено ли: «{subject_line}».",
    "message_merged": "Вошло в другое письмо того же дня: «{subject_line}».",
    "message_cancelled": "Не отправлено, потому что долг погашен: «{subject_line}».",
    "message_disputed": "Не отправлено, потому что счёт оспаривается: «{subject_line}».",
}


_VARIANTS = {
    ("invoice_settled", "credited"): "invoice_credited",
    ("message_cancelled", "disputed"): "message_disputed",
    **{("dispute_closed", how): f"dispute_closed_{how}" for how in ("ours", "client", "settled", "lapsed")},
}
"""Events that have a sentence of their own by their result."""


def event_text(event: str, speech: Speech = RUSSIAN, **data: Any) -> str:
    """The sentence of a journal event; one without a sentence shows its name."""
    if event == "dunning_done" and int(data.get("days_overdue") or 0) <= 0:
        event = "dunning_before_due"
    event = _VARIANTS.get((event, str(data.get("result") or data.get("error"))), event)
    if event not in EVENTS:
        return event
    figures = {name: value for name, value in data.items() if name not in {"speech", "event"}}
    if "stage" in figures:
        figures["stage"] = stage_name(figures["stage"], speech)
    return speech.say(EVENTS[event], **figures)
