"""What a process waits for, who can end the wait, and what happens by itself (D6-13)."""

from typing import Any

from domain.wording.speech import RUSSIAN, Speech

TITLES = {
    "cancel_acknowledgement": "Отменяется: склад возвращает собранное на место",
    "acceptance": "Ждёт решения клиента по предложению",
    "approval": "Ждёт согласования руководителя",
    "credit_stop": "Отгрузка остановлена кредитной проверкой",
    "stock": "Ждёт товара на складе",
    "payment": "Ждёт оплаты",
    "late_payment": "Резерв снят, ждёт поздней оплаты",
    "picking": "Ждёт комплектации",
    "shipment": "Ждёт отгрузки",
    "final_payment": "Отгружен, ждёт окончательной оплаты",
    "due_date": "Ждёт срока оплаты",
    "overdue": "Просрочен, ждёт оплаты",
    "gate": "Отгрузка закрыта: собранное ждёт решения",
    "limit_start": "Ждёт дня, с которого действует изменение лимита",
    "limit_end": "Действует, ждёт конца срока",
}

ENDED_BY = {
    "cancel_acknowledgement": "Склад подтверждает отмену.",
    "acceptance": "Менеджер размещает заказ, когда клиент согласен.",
    "approval": "Решение принимает руководитель отдела продаж.",
    "credit_stop": "Заказ пойдёт дальше, когда причина остановки снята.",
    "stock": "Товар должен поступить на склад.",
    "payment": "Клиент оплачивает заказ.",
    "late_payment": "Клиент оплачивает заказ или менеджер резервирует товар заново.",
    "picking": "Склад начинает комплектацию.",
    "shipment": "Склад отгружает товар.",
    "final_payment": "Клиент полностью оплачивает счета.",
    "due_date": "Клиент полностью оплачивает счёт.",
    "overdue": "Клиент полностью оплачивает счёт.",
    "gate": "Руководитель отдела продаж решает: придержать, отгрузить или разобрать.",
    "limit_start": "Наступает день начала или руководитель отдела продаж отзывает изменение.",
    "limit_end": "Срок выходит или руководитель отдела продаж отзывает изменение.",
}

ON_EXPIRY = {
    "expire_quote": "Предложение закроется как просроченное.",
    "reject": "Заказ будет отклонён, менеджер получит задачу.",
    "cancel": "Заказ будет отменён, менеджер получит задачу.",
    "release": "Резерв снимется, товар вернётся в свободный остаток, менеджер получит задачу.",
    "task": "Ответственный получит задачу.",
    "escalate": "Наступит следующий шаг взыскания.",
    "unpick": "Собранное вернётся на место, заказ снова станет готовым к комплектации.",
    "begin": "Изменение лимита вступит в силу, ждущие заказы будут пересмотрены.",
    "tell": "Менеджер клиента узнает о конце срока.",
    "end": "Изменение перестанет действовать, подтверждённые заказы останутся в силе.",
    "nothing": "Само ничего не произойдёт.",
}

WHY = {
    "cancel_acknowledgement": "Руководитель отменяет заказ, склад возвращает собранное на место.",
    "acceptance": "Предложение отправлено и ждёт ответа клиента до {until:moment}.",
    "approval": "Заказ ждёт согласования руководителя отдела продаж до {until:moment}.",
    "credit_stop": "Отгрузка остановлена. Если ничего не изменится, заказ отменится {until:moment}.",
    "stock": "Товара на складе не хватает: заказ стоит в очереди.",
    "payment": "Заказ ждёт оплаты {needed:money}. Резерв действует до {until:moment}.",
    "late_payment": "Резерв снят: оплата не пришла вовремя. Поздняя оплата принимается до {until:moment}.",
    "picking": "Заказ готов и ждёт комплектации на складе.",
    "shipment": "Заказ комплектуется и ждёт отгрузки.",
    "final_payment": "Товар отгружен, осталось получить {needed:money}.",
    "due_date": "Срок оплаты ещё не наступил.",
    "gate": "Отгрузка закрыта: собранное ждёт решения руководителя отдела продаж до {until:moment}.",
    "limit_start": "Изменение лимита вступит в силу {until:moment}.",
    "limit_end": "Изменение лимита действует до {until:moment}.",
    "overdue": "Счёт просрочен на {days:days}, осталось получить {needed:money}.",
}
NOT_WAITING = {
    "closed": "Заказ завершён: отгруженное оплачено.",
    "rejected": "Заказ отклонён.",
    "cancelled": "Заказ отменён.",
    "expired": "Срок предложения истёк: создайте новый заказ с новыми ценами.",
}
MOVING = "Заказ никого не ждёт: он обрабатывается."


def wait_title(reason: str, speech: Speech = RUSSIAN) -> str:
    """What is awaited, as a short title."""
    return speech.say(TITLES[reason])


def ended_by(reason: str, speech: Speech = RUSSIAN) -> str:
    """What ends the wait."""
    return speech.say(ENDED_BY[reason])


def on_expiry_text(on_expiry: str, speech: Speech = RUSSIAN) -> str:
    """What happens by itself when the wait runs out."""
    return speech.say(ON_EXPIRY[on_expiry])


def why_text(reason: str | None, status: str, speech: Speech = RUSSIAN, **facts: Any) -> str:
    """«Почему стоит заказ»: the first sentence of the answer. Facts: `until` on the company's clock, `needed`,
    `currency`, `days`."""
    if reason is not None:
        return speech.say(WHY[reason], **facts)
    return speech.say(NOT_WAITING.get(status, MOVING))
