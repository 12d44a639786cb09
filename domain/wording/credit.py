"""Why credit said what it said, in one sentence per reason (D2). Figures: those of the reason, and `currency`."""

from decimal import Decimal
from typing import Any

from domain.wording.speech import RUSSIAN, Speech

REASONS = {
    "OVER_LIMIT": "С этим заказом долг составит {exposure:money} при лимите {limit:money}: превышение на "
    "{excess:money}, нужно согласование руководителя.",
    "ORDER_OVER_2X": "С этим заказом долг составит {exposure:money} — больше предела {ceiling:money} при лимите "
    "{limit:money}: отгрузка остановлена.",
    "DEBT_OVER_2X": "Клиент уже должен {debt:money} — больше предела {ceiling:money} при лимите {limit:money}: "
    "отгрузка остановлена до погашения долга.",
    "NO_CREDIT": "Кредитный лимит клиенту не установлен: возможна только предоплата.",
    "NO_CREDIT_SUSPENDED": "Кредитный лимит снят из-за дела у юриста и ещё не восстановлен: возможна только "
    "предоплата.",
    "OVERDUE_NOTE": "Есть просрочка {amount:money}, {days:days}: отгрузке не мешает, но клиенту стоит напомнить.",
    "OVERDUE_APPROVAL": "Просрочка {amount:money}, {days:days}: нужно согласование руководителя.",
    "OVERDUE_STOP": "Просрочка {amount:money}, {days:days}: отгрузка в долг остановлена до оплаты.",
    "OVERDUE_LEGAL": "Просрочка {amount:money}, {days:days}: отгрузка в долг остановлена, такой долг ведёт юрист.",
    "TERM_LONGER": "Отсрочка {requested:days} длиннее договорной ({agreed:days}): нужно согласование руководителя.",
    "NO_CONTRACT": "Действующего договора нет: отгрузка в долг — только по согласованию.",
    "NO_RATE": "Нет свежего курса валюты: нужно согласование руководителя.",
    "DISCOUNT": "Скидка {discount:quantity}\u00a0% больше допустимой {allowed:quantity}\u00a0%: цену согласует "
    "руководитель.",
    "NO_TRADE": "Торговля с клиентом остановлена вручную.",
    "LEGAL_CASE": "По долгу клиента открыто дело у юриста: заказы остановлены.",
    "PREPAYMENT_MISSING": "Предоплата по заказу ещё не поступила.",
    "NO_ADDRESS": "Не указан адрес доставки.",
    "NO_RECIPIENT": "Не указан получатель: нужны имя и телефон.",
    "OLD_DATA": "Данные о долге устарели: сначала обновите их.",
    "NOTHING_RESERVED": "Под заказ ничего не зарезервировано.",
    "WATCH": "С этим заказом занято {exposure:money} из лимита {limit:money}: лимит почти исчерпан.",
}
UNKNOWN_REASON = "Причина: {code}."

OUTCOMES = {
    "auto": "Заказ проходит.",
    "approval": "Заказ ждёт согласования руководителя отдела продаж.",
    "stop": "Отгрузка остановлена.",
}

CURES = {
    "OVER_LIMIT": "Согласовывать не придётся, если долг уложится в лимит: помогут оплата, меньшая сумма заказа или "
    "новый лимит.",
    "OVERDUE_APPROVAL": "Если клиент оплатит просрочку, согласовывать её не придётся.",
    "TERM_LONGER": "Срок согласовывать не придётся, если дать договорную отсрочку, {agreed:days}, или взять "
    "полную предоплату.",
    "NO_CONTRACT": "Согласовывать не придётся, если подписать договор или взять полную предоплату.",
    "DISCOUNT": "Цену согласовывать не придётся, если скидка будет не больше {allowed:quantity}\u00a0%; "
    "предоплата здесь не поможет.",
    "OVERDUE_STOP": "Остановку за просрочку снимет её оплата; с полной предоплатой заказ пройдёт и при просрочке.",
    "OVERDUE_LEGAL": "Остановку за просрочку снимет её оплата; с полной предоплатой заказ пройдёт и при просрочке.",
    "ORDER_OVER_2X": "Превышение предела снимет оплата долга, меньшая сумма заказа, предоплата или новый лимит.",
    "DEBT_OVER_2X": "Превышение предела снимет оплата долга, предоплата за этот заказ или новый лимит.",
    "NO_CREDIT": "Заказ пройдёт по предоплате или когда руководитель отдела продаж установит лимит.",
    "NO_RATE": "Согласовывать не придётся, если бухгалтер внесёт свежий курс.",
    "NO_CREDIT_SUSPENDED": "Заказ пройдёт по предоплате или когда директор восстановит лимит.",
    "NO_TRADE": "Запрет на торговлю снимает руководитель отдела продаж или директор.",
    "LEGAL_CASE": "Пока дело открыто, пройдёт только заказ с полной предоплатой, и только с разрешения юриста.",
    "LEGAL_CASE_PREPAID": "Заказ с полной предоплатой может пропустить юрист.",
}
"""What lifts each reason that holds an order (D2-8, D2-12)."""
GATE_CURES = {
    "OVERDUE_STOP": "Отгрузку откроет оплата просрочки.",
    "OVERDUE_LEGAL": "Отгрузку откроет оплата просрочки.",
    "DEBT_OVER_2X": "Отгрузку откроет оплата долга или новый лимит.",
    "OVER_LIMIT": "Отгрузку откроет оплата, новый лимит или решение руководителя отдела продаж.",
    "ORDER_OVER_2X": "Отгрузку откроет оплата, новый лимит или решение руководителя отдела продаж.",
    "NO_CREDIT": "Отгрузку откроет оплата, новый лимит или решение руководителя отдела продаж.",
    "OVERDUE_APPROVAL": "Отгрузку откроет оплата просрочки.",
    "TERM_LONGER": "Отгрузку откроет договорная отсрочка, полная предоплата или решение руководителя отдела продаж.",
    "NO_RATE": "Отгрузку откроет свежий курс или решение руководителя отдела продаж.",
    "NO_CONTRACT": "Отгрузку откроет действующий договор, полная предоплата или решение руководителя отдела продаж.",
    "PREPAYMENT_MISSING": "Отгрузку откроет предоплата.",
    "NO_ADDRESS": "Впишите адрес доставки в заказ.",
    "NO_RECIPIENT": "Впишите получателя в заказ.",
    "OLD_DATA": "Отгрузку откроют свежие данные о долге.",
    "NOTHING_RESERVED": "Отгрузку откроет резерв товара.",
    "NO_TRADE": "Отгрузку откроет снятие запрета: это делает руководитель отдела продаж или директор.",
    "LEGAL_CASE": "Отгрузку откроет юрист, когда закроет дело или разрешит заказ с полной предоплатой.",
}
"""What opens the shipment gate again (D4-12, D12-1)."""
MONEY = {
    "approval": "Без согласования заказ пройдёт, если клиент заплатит {needed:money}.",
    "approval_prepaid": "Без согласования заказ пройдёт, если клиент оплатит его полностью вперёд: {needed:money}.",
    "stop": "Деньгами остановку снимет оплата {needed:money}.",
    "stop_then_approval": "Деньгами остановку снимет оплата {needed:money}, после неё заказ пойдёт на согласование.",
    "debt_zero": "По действующим правилам заказ стоит до полного погашения долга: нужно {needed:money}.",
    "case": "Дело закроют, когда клиент погасит долг: {needed:money}.",
    "prepaid": "Другой путь — полная предоплата этого заказа, {prepayment:money}: с ней он пройдёт при любом долге.",
}


ROOM = {
    "both": "Сколько ещё можно отгрузить: сразу до {auto:money}, по согласованию до {approval:money}.",
    "auto": "Сколько ещё можно отгрузить: сразу до {auto:money}, больше отгрузка остановится.",
    "auto_then_asks": "Сколько ещё можно отгрузить: сразу до {auto:money}, больше — по согласованию.",
    "asks": "Сколько ещё можно отгрузить: сразу — ничего, по согласованию до {approval:money}.",
    "asks_any": "Сколько ещё можно отгрузить: сразу — ничего, по согласованию — на любую сумму.",
    "any": "Сколько ещё можно отгрузить: на любую сумму.",
    "prepaid": "Сколько ещё можно отгрузить: в долг — ничего, по полной предоплате — на любую сумму.",
    "nothing": "Сколько ещё можно отгрузить: ничего, новые заказы не принимаются.",
}
"""How much more may go out, sorted by what bounds it."""

VERDICTS = {"approve": "согласован", "reject": "отклонён", "rework": "возвращён на доработку"}


def verdict_text(verdict: str, speech: Speech = RUSSIAN) -> str:
    """What an approver answered, as part of a sentence about the order."""
    return speech.say(VERDICTS[verdict])


def reason_text(code: str, speech: Speech = RUSSIAN, **figures: Any) -> str:
    """The sentence of one credit reason."""
    return speech.say(REASONS.get(code, UNKNOWN_REASON), code=code, **figures)


def room_text(
    auto: Decimal | None, approval: Decimal | None, prepaid_open: bool, currency: str, speech: Speech = RUSSIAN
) -> str:
    """«Сколько ещё можно отгрузить»; None: no sum is too large."""
    if auto is None:
        kind = "any"
    elif approval is None:
        kind = "auto_then_asks" if auto else "asks_any"
    elif not approval:
        kind = "prepaid" if prepaid_open else "nothing"
    elif not auto:
        kind = "asks"
    else:
        kind = "both" if approval > auto else "auto"
    return speech.say(ROOM[kind], auto=auto, approval=approval, currency=currency)


def outcome_text(outcome: str, speech: Speech = RUSSIAN) -> str:
    """What the decision means for the order, in one short sentence."""
    return speech.say(OUTCOMES[outcome])
