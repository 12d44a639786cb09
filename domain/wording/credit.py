"""Why credit said what it said, in one sentence per reason (D2). Figures: those of the reason, and `currency`."""

from collections.abc import Collection, Iterable
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
    "OVERDUE_NOTE": "Есть просрочка {amount:money}, {days:days}: отгрузке не мешает, но клиенту стоит напомнить.",
    "OVERDUE_APPROVAL": "Просрочка {amount:money}, {days:days}: нужно согласование руководителя.",
    "OVERDUE_STOP": "Просрочка {amount:money}, {days:days}: отгрузка в долг остановлена до оплаты.",
    "OVERDUE_LEGAL": "Просрочка {amount:money}, {days:days}: отгрузка в долг остановлена, долг у юриста.",
    "TERM_LONGER": "Отсрочка {requested:days} длиннее договорной ({agreed:days}): нужно согласование руководителя.",
    "NO_CONTRACT": "Действующего договора нет: отгрузка в долг — только по согласованию.",
    "NO_RATE": "Нет свежего курса валюты: нужно согласование руководителя.",
    "DISCOUNT": "Скидка {discount} % больше допустимой {allowed} %: цену согласует руководитель.",
    "NO_TRADE": "Торговля с клиентом остановлена вручную.",
    "LEGAL_CASE": "По долгу клиента открыто дело у юриста: новые заказы не принимаются.",
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
    "OVERDUE_STOP": "Остановку за просрочку снимет её оплата; предоплата за этот заказ пропустит его и при просрочке.",
    "OVERDUE_LEGAL": "Остановку за просрочку снимет её оплата; предоплата за этот заказ пропустит его и при просрочке.",
    "ORDER_OVER_2X": "Превышение предела снимет оплата долга, меньшая сумма заказа, предоплата или новый лимит.",
    "DEBT_OVER_2X": "Превышение предела снимет оплата долга, предоплата за этот заказ или новый лимит.",
    "NO_CREDIT": "Заказ пройдёт по предоплате или когда руководитель отдела продаж установит лимит.",
    "NO_RATE": "Согласовывать не придётся, если бухгалтер внесёт свежий курс.",
    "NO_TRADE": "Запрет на торговлю снимает руководитель отдела продаж.",
    "LEGAL_CASE": "Остановку по делу снимает только юрист.",
}
"""What lifts each stop (D2-8, D2-12), and what makes an approval needless (D2-17)."""
APPROVER = "Решает руководитель отдела продаж."
MONEY = {
    "approval": "Без согласования заказ пройдёт, если клиент заплатит {needed:money}.",
    "stop": "Деньгами остановку снимет оплата {needed:money}.",
    "case": "Долг по делу — {needed:money}.",
}


VERDICTS = {"approve": "согласован", "reject": "отклонён", "rework": "возвращён на доработку"}


def verdict_text(verdict: str, speech: Speech = RUSSIAN) -> str:
    """What an approver answered, as part of a sentence about the order."""
    return speech.say(VERDICTS[verdict])


def reason_text(code: str, speech: Speech = RUSSIAN, **figures: Any) -> str:
    """The sentence of one credit reason."""
    return speech.say(REASONS.get(code, UNKNOWN_REASON), code=code, **figures)


def cure_texts(outcome: str, reasons: Iterable[str], speech: Speech = RUSSIAN) -> list[str]:
    """Who and what lifts an approval or a stop, reason by reason, each said once."""
    told = [APPROVER] if outcome == "approval" else []
    told += [CURES[code] for code in reasons if code in CURES]
    return [speech.say(sentence) for sentence in dict.fromkeys(told)]


def money_text(
    outcome: str, reasons: Collection[str], needed: Decimal, currency: str, speech: Speech = RUSSIAN
) -> str | None:
    """How much money lifts it; None when none does, or it takes somebody's word besides."""
    if needed <= 0 or "NO_TRADE" in reasons:
        return None
    kind = "case" if "LEGAL_CASE" in reasons else outcome
    return speech.say(MONEY[kind], needed=needed, currency=currency) if kind in MONEY else None


def outcome_text(outcome: str, speech: Speech = RUSSIAN) -> str:
    """What the decision means for the order, in one short sentence."""
    return speech.say(OUTCOMES[outcome])
