"""Subjects and leading sentences of letters to customers, subjects of tasks, and how these and notices are said.

The leading sentence says it all; the template around it (activities/templates) adds greeting, table and signature.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from domain.wording.notices import NOTICES
from domain.wording.speech import RUSSIAN, Speech


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered subject and its leading sentence."""

    subject: str
    lead: str


LETTERS = {
    # the order (D7-4, D7-9, D7-12, D8-4)
    "reservation_reminder": (
        "Заказ {order} ждёт оплаты",
        "Ваш заказ ждёт оплаты, резерв действует ещё {days:days}",
    ),
    "delivery_moved": (
        "Заказ {order}: срок поставки части товара меняется",
        "По заказу {order} меняется срок поставки части товара. Когда товар поступит, мы зарезервируем его для вашего "
        "заказа в приоритетном порядке",
    ),
    "late_payment": (
        "Заказ {order}: оплата получена, товара не хватает",
        "Мы получили оплату заказа {order}, но резерв к этому времени был снят, и товара сейчас не хватает. Сумма "
        "{amount:money} учтена как ваш аванс",
    ),
    "late_price": (
        "Заказ {order}: оплата получена, срок действия цен истёк",
        "Мы получили оплату заказа {order}, {amount:money}, но резерв к этому времени был снят, а срок действия цен "
        "истёк",
    ),
    "shortage_choice": (
        "По заказу {order} не хватает товара",
        "По вашему заказу {order} не хватает товара. Выберите, как нам поступить, и ответьте на это письмо до "
        "{until:moment}. Если ответа не будет, заказ будет ждать поступления товара",
    ),
    # the overdue invoice (D10)
    "dunning_letter": (
        "Напоминание об оплате счёта {invoice}",
        "Напоминаем, что срок оплаты счёта {invoice} истёк {days:days} назад",
    ),
    "dunning_call": (
        "Повторное напоминание об оплате счёта {invoice}",
        "Срок оплаты счёта {invoice} истёк {days:days} назад, оплата пока не поступила",
    ),
    "dunning_head": (
        "Счёт {invoice}: отгрузки в долг приостановлены",
        "Срок оплаты счёта {invoice} истёк {days:days} назад. Отгрузки в долг приостановлены до оплаты",
    ),
    "dunning_legal": (
        "Счёт {invoice} передан в юридический отдел",
        "Срок оплаты счёта {invoice} истёк {days:days} назад. Дело передано в юридический отдел",
    ),
}

TASKS = {
    "limit_review": "Проверить лимит нового клиента {customer}: {amount:money}",
    "limit_change": "Решить об изменении лимита {customer}: {amount:money}",
    "limit_change_unlimited": "Решить, отгружать ли {customer} без ограничения суммы",
    "limit_change_policy": "Решить об особых кредитных условиях {customer}",
    "restore_limit": "Дело {case} закрыто: вернуть лимит {customer}",
    "reassignment": "Решить, передать ли заказу {order}, {customer}, {quantity:quantity} {unit} «{product}» "
    "из резерва заказа {other}",
    "reserve_taken": "Заказ {order}: часть резерва передана другому — сообщить {customer}",
    "count_shortage": "Заказ {order}: после инвентаризации на складе {warehouse} товара не хватает — договориться с "
    "{customer}",
    "count_review": "Инвентаризация на складе {warehouse}: не хватает обещанного товара ({count:orders}) — выяснить "
    "причину",
    "rework": "Доработать заказ {order}, {customer}: {comment}",
    "order_lapsed": "Заказ {order} отменён без оплаты: сообщить {customer}",
    "short_shipped": "Заказ {order} отгружен не полностью: сообщить {customer}",
    "cancel_acknowledgement": "Вернуть на место собранное по заказу {order} и подтвердить отмену",
    "approval": "Согласовать заказ {order}, {customer}: {amount:money}",
    "approval_lapsed": "Заказ {order} отклонён без решения: сообщить {customer}",
    "credit_stop": "Заказ {order} стоит из-за долга {customer}: получить {needed:money}",
    "credit_stop_whatever_is_paid": "Заказ {order}, {customer}: остановку снимет не оплата — узнать, когда её снимут",
    "stop_cancelled": "Остановленный заказ {order} отменён: сообщить {customer}",
    "call_unpaid": "Связаться с {customer}: заказ {order} не оплачен, резерв снят — выяснить причину",
    "shipment_late": "Заказ {order}, {customer}: отгрузка не началась в срок",
    "late_payment": "{customer}: заказ {order} оплачен после снятия резерва — предложить ждать, изменить заказ или "
    "вернуть деньги",
    "late_price": "{customer}: заказ {order} оплачен после снятия резерва, срок действия цен истёк — подтвердить цены "
    "или изменить заказ",
    "part_payment": "{customer}: по заказу {order} пришло {received:money}, этого мало для отгрузки — "
    "запросить остаток",
    "find_payment": "Найти платёж {customer} по заказу {order}: клиент прислал копию платёжного поручения",
    "shortage_choice": "Заказ {order}, {customer}: товара не хватает — узнать до {until:moment}, что выбирает клиент",
    "shortage_choice_no_email": "Заказ {order}, {customer}: товара не хватает, а e-mail у клиента нет — "
    "связаться и узнать до {until:moment}, что он выбирает",
    "stock_late": "Заказ {order}, {customer}: товара всё нет — узнать срок и сказать клиенту",
    "cancel_late": "Заказ {order}: склад не подтвердил отмену",
    "gate": "Отгрузка заказа {order} закрыта, {customer}: придержать, отгрузить или разобрать",
    "unpick": "Вернуть на место собранное по заказу {order}, склад {warehouse}",
    "picking": "Собрать заказ {order}, склад {warehouse}",
    "payment_queue": "Разобрать платёж {amount:money} от {payer}",
    "call_overdue": "Позвонить {customer}: счёт {invoice} просрочен на {days:days}, {amount:money}",
    "overdue_review": "{customer}: счёт {invoice} просрочен на {days:days}, {amount:money} — решить, что делать",
    "legal_case": "Дело {case}: {customer}, {amount:money}, просрочка {days:days}",
    "legal_document": "Дело {case}: приложить «{document}»",
    "no_email": "У {customer} нет e-mail: сообщить о счёте {invoice} другим способом",
    "no_email_order": "У {customer} нет e-mail: сообщить о заказе {order} другим способом",
    "supply_control": "Поставка {supply}, {supplier}, ожидается {until:date}: {note}",
    "supply_late": "Поставка {supply}, {supplier}, ожидалась {until:date} и не пришла: узнать новый срок",
    "message_unknown": "Проверить, ушло ли письмо «{subject}» ({recipient})",
    "stock_drift": "Остатки не сходятся, расхождений: {count}. Найти причину",
    "message_failed": "Письмо «{subject}» не принято почтой {recipient}: проверить адрес",
}

DOCUMENTS = {
    "contract": "Договор",
    "invoices": "Счета",
    "waybills": "Накладные",
    "reconciliation": "Акт сверки",
    "letters": "Письма клиенту с отметкой о доставке",
    "calls": "Результаты звонков",
    "approvals": "Решения о согласовании",
    "debt": "Расчёт долга",
}


PROMISED = "{order} ({on:date})"
NOT_PROMISED = "{order} (срок пока неизвестен)"


def promised_orders(orders: Iterable[tuple[str, date | None]], speech: Speech = RUSSIAN) -> str:
    """Orders by number, each with the day on which its goods are expected: «ЗК-000017 (15.04.2026)»."""
    return ", ".join(speech.say(PROMISED if on else NOT_PROMISED, order=order, on=on) for order, on in orders)


def letter(name: str, speech: Speech = RUSSIAN, **facts: Any) -> Text:
    """A letter to a customer."""
    return _text(LETTERS[name], speech, facts)


def notice(name: str, speech: Speech = RUSSIAN, **facts: Any) -> Text:
    """A notice to a member of staff; a decision without a comment ends with the decision, a stop that no money lifts
    asks for none, a reserve that does not lapse is told without an end, a deputy whom they answer for (D4-4)."""
    if name == "approval_decided" and not facts.get("comment"):
        name = "approval_decided_silently"
    if name == "order_reserved" and facts.get("until") is None:
        name = "order_reserved_without_end"
    if name == "credit_stopped" and _no_money(facts):
        name = "credit_stopped_whatever_is_paid"
    if facts.get("instead_of") and f"{name}_for" in NOTICES:
        name = f"{name}_for"
    return _text(NOTICES[name], speech, facts)


def task_subject(kind: str, speech: Speech = RUSSIAN, **facts: Any) -> str:
    """What the person is asked to do, in one line; a change of credit by its kind (`grant`), a question to
    the customer by whether a letter asks it too (D10-11)."""
    if kind == "shortage_choice" and facts.get("no_email"):
        kind = "shortage_choice_no_email"
    if kind == "credit_stop" and _no_money(facts):
        kind = "credit_stop_whatever_is_paid"
    return speech.say(TASKS.get(f"{kind}_{facts.get('grant')}", TASKS[kind]), **facts)


def _no_money(facts: dict[str, Any]) -> bool:
    return facts.get("needed") is not None and Decimal(str(facts["needed"])) <= 0


def document_name(code: str, speech: Speech = RUSSIAN) -> str:
    return speech.say(DOCUMENTS[code])


def _text(parts: tuple[str, str], speech: Speech, facts: dict[str, Any]) -> Text:
    subject, lead = parts
    return Text(subject=speech.say(subject, **facts), lead=speech.say(lead, **facts))
