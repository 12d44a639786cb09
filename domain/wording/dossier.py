"""What an approver reads beside the reasons: who is asked, how the customer pays, what may be answered (D4-2)."""

from decimal import Decimal

from domain.wording.speech import RUSSIAN, Speech

KINDS = {"price": "Согласовать цену", "credit": "Согласовать отгрузку в долг", "gate": "Решить об отгрузке собранного"}
STATES = {
    "open": "Ждёт решения",
    "approved": "Согласовано",
    "rejected": "Отклонено",
    "rework": "Возвращено на доработку",
    "expired": "Срок вышел",
    "outdated": "Данные изменились",
    "void": "Снято",
}
ANSWERS = {
    "approve": "Согласовать",
    "reject": "Отклонить: напишите, почему",
    "rework": "Вернуть на доработку: напишите, что изменить",
}
INSTEAD = "{person}, замещает: {instead_of}"
PAID = "За 12 месяцев оплачено {paid:invoices}, вовремя {percent} %."
PAID_LATE = (
    "За 12 месяцев оплачено {paid:invoices}, вовремя {percent} %. Опоздания: в среднем {mean} дн., "
    "самое долгое — {worst:days}."
)
NEVER_PAID = "За 12 месяцев клиент не оплатил ни одного счёта."


def request_name(kind: str, speech: Speech = RUSSIAN) -> str:
    """What is asked for."""
    return speech.say(KINDS[kind])


def request_state(state: str, speech: Speech = RUSSIAN) -> str:
    """Where a request stands."""
    return speech.say(STATES[state])


def answer_name(verdict: str, speech: Speech = RUSSIAN) -> str:
    """One of the three answers."""
    return speech.say(ANSWERS[verdict])


def addressee_text(person: str, instead_of: str | None, speech: Speech = RUSSIAN) -> str:
    """«Анна Ким, замещает: Олег Сергеев»."""
    return person if instead_of is None else speech.say(INSTEAD, person=person, instead_of=instead_of)


def behaviour_text(
    paid: int, percent: int | None, mean_late: Decimal, worst_late: int, speech: Speech = RUSSIAN
) -> str:
    """How a customer paid, in a sentence."""
    if percent is None:
        return speech.say(NEVER_PAID)
    sentence = PAID_LATE if worst_late else PAID
    return speech.say(sentence, paid=paid, percent=percent, mean=speech.quantity(mean_late), worst=worst_late)
