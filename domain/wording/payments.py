"""What the accountant reads: why a payment waits, why a line of a statement was put aside."""

from domain.wording.speech import RUSSIAN, Speech

QUEUE = {
    "new": "Платёж сопоставляется.",
    "unknown_payer": "Клиента с таким ИНН/БИН нет. Укажите, чей это платёж.",
    "ambiguous_payer": "С таким ИНН/БИН заведено несколько клиентов. Выберите одного.",
    "wrong_currency": "Валюта платежа — не валюта документа, который он называет, или её курса ещё нет. "
    "Решите, что с ним делать.",
    "foreign_number": "Номер в назначении принадлежит другому клиенту. Уточните у плательщика.",
    "sum_contradicts": "Назначение называет один документ, а сумма точно равна другому. Выберите нужный.",
    "nothing_open": "Названный в назначении документ уже оплачен или закрыт. Укажите другой или оставьте авансом.",
}
LINES = {
    "no_amount": "Строка {line}: у документа нет суммы. Проверьте его в банк-клиенте.",
    "bad_amount": "Строка {line}: сумма «{value}» не читается. Проверьте документ в банк-клиенте.",
    "no_date": "Строка {line}: у документа нет даты. Проверьте его в банк-клиенте.",
    "bad_date": "Строка {line}: дата «{value}» не читается. Проверьте документ в банк-клиенте.",
    "no_direction": "Строка {line}: не понять, поступили деньги или ушли. Внесите платёж вручную, если он поступил.",
    "not_closed": "Строка {line}: документ не закончен, нет строки «КонецДокумента». Выгрузите выписку заново.",
    "turnover_differs": "Строка {line}: поступления не сходятся с оборотом выписки ({value}). Проверьте, вся ли она.",
    "unknown_account": "Строка {line}: деньги пришли на счёт {value}, которого нет в счетах вашей компании. "
    "Проверьте, ваша ли это выписка.",
}


def queue_text(reason: str, speech: Speech = RUSSIAN) -> str:
    """Why a payment waits for the accountant."""
    return speech.say(QUEUE[reason])


def line_text(code: str, speech: Speech = RUSSIAN, **facts: object) -> str:
    """Why a document of a statement was put aside."""
    return speech.say(LINES[code], **facts)
