"""Names of states, stages, roles and tasks as people read them."""

from collections.abc import Sequence

from domain.wording.speech import MISSING, RUSSIAN, Speech

ORDER_STATUSES = {
    "quoted": "Предложение",
    "checking": "Проверяется",
    "awaiting_approval": "На согласовании",
    "stopped": "Остановлен",
    "confirmed": "Подтверждён",
    "reserved": "Зарезервирован",
    "part_reserved": "Зарезервирован частично",
    "awaiting_payment": "Ждёт оплаты",
    "ready": "Готов к комплектации",
    "picking": "Комплектуется",
    "shipped": "Отгружен",
    "awaiting_final_payment": "Ждёт окончательной оплаты",
    "closed": "Завершён",
    "rejected": "Отклонён",
    "cancelled": "Отменён",
    "expired": "Срок предложения истёк",
}

PASSING = {"cancelling": "Отменяется"}
"""States between two states, named in refusals only."""

STAGES = {
    "before_due": "Срок оплаты близко",
    "letter": "Напоминание клиенту",
    "call": "Звонок клиенту",
    "head": "У руководителя отдела продаж",
    "legal": "У юриста",
}

INVOICE_STATUSES = {"open": "Ждёт оплаты", "overdue": "Просрочен", "settled": "Оплачен"}

ROLES = {
    "manager": "менеджер",
    "head": "руководитель отдела продаж",
    "director": "директор",
    "accountant": "бухгалтер",
    "warehouse": "склад",
    "buyer": "закупщик",
    "lawyer": "юрист",
    "admin": "администратор",
}

TASK_KINDS = {
    "limit_review": "Проверить лимит",
    "limit_change": "Решить об изменении лимита",
    "restore_limit": "Вернуть лимит после дела",
    "reassignment": "Решить о передаче резерва",
    "reserve_taken": "Резерв передан другому заказу",
    "count_shortage": "После инвентаризации не хватает товара",
    "count_review": "Разобраться с результатами инвентаризации",
    "rework": "Доработать заказ",
    "order_lapsed": "Заказ отменён без оплаты",
    "short_shipped": "Отгружено не полностью",
    "cancel_acknowledgement": "Подтвердить отмену",
    "approval": "Согласовать заказ",
    "shortage_choice": "Узнать выбор клиента: товара не хватает",
    "stock_late": "Товара нет дольше срока",
    "cancel_late": "Отмена не подтверждена",
    "gate": "Решить о закрытой отгрузке",
    "unpick": "Разобрать собранное",
    "approval_lapsed": "Согласование не получено",
    "credit_stop": "Заказ остановлен",
    "stop_cancelled": "Остановленный заказ отменён",
    "call_unpaid": "Резерв снят без оплаты: связаться с клиентом",
    "shipment_late": "Отгрузка задерживается",
    "late_payment": "Оплата пришла после снятия резерва",
    "late_price": "Оплата пришла, срок действия цен истёк",
    "part_payment": "Заказ оплачен не полностью",
    "find_payment": "Найти платёж по копии платёжного поручения",
    "picking": "Собрать заказ",
    "payment_queue": "Разобрать платёж",
    "call_overdue": "Позвонить должнику",
    "overdue_review": "Разобрать просрочку",
    "legal_case": "Взять дело в работу",
    "legal_document": "Приложить документ к делу",
    "no_email": "Отправить письмо вручную",
    "no_email_order": "Сообщить о заказе без e-mail",
    "message_unknown": "Проверить, ушло ли письмо",
    "message_failed": "Письмо не доставлено",
    "supply_control": "Проверить поставку",
    "supply_late": "Поставка задерживается",
    "stock_drift": "Остатки не сходятся",
    "other": "Задача",
}

CALL_RESULTS = {
    "promise": "Обещал заплатить",
    "dispute": "Оспаривает долг",
    "no_answer": "Не дозвонились",
    "other": "Другое",
}

CHOICES = {
    "wait": "Ждать товара",
    "part": "Взять то, что есть",
    "alternative": "Взять замену",
    "cancel": "Отказаться от заказа",
}
"""What a customer may do when goods are short."""

GRANT_KINDS = {
    "base": "Базовый лимит",
    "temporary": "Временный лимит",
    "unlimited": "Без ограничения суммы",
    "policy": "Особые условия",
}

GRANT_STATES = {
    "requested": "ждёт решения",
    "scheduled": "вступит в силу позже",
    "in_force": "действует",
    "rejected": "отклонено",
    "revoked": "отозвано",
    "ended": "срок вышел",
}

REASSIGNMENT_STATES = {
    "requested": "ждёт решения",
    "approved": "передано",
    "rejected": "отклонено",
    "void": "решать уже нечего",
}

GRANT_ORIGINS = {
    "opora:card": "Изменён в карточке клиента",
    "opora:first": "Установлен при заведении клиента",
    "opora:import": "Перенесён загрузкой данных",
}
"""Why a base limit changed that nobody asked for in words."""
SUPPLY_STATES = {"expected": "ожидается", "received": "принята", "cancelled": "отменена"}
SUPPLY_TITLE = "Поставка: {state}"
GRANT_TITLE = "Изменение лимита: {kind}, {state}"

EITHER = "{most} или {last}"
INVOICE_TITLE = "Счёт {invoice}: {status}"
INVOICE_TITLE_STAGE = "Счёт {invoice}: {status}, {stage}"


def invoice_title(number: str, status: str, stage: str | None, speech: Speech = RUSSIAN) -> str:
    """«Счёт СФ-000017: Просрочен, Звонок клиенту»."""
    told = _name(INVOICE_STATUSES, status, speech)
    if stage is None or status == "settled":
        return speech.say(INVOICE_TITLE, invoice=number, status=told)
    return speech.say(INVOICE_TITLE_STAGE, invoice=number, status=told, stage=stage_name(stage, speech))


def grant_title(kind: str, state: str, speech: Speech = RUSSIAN) -> str:
    """«Изменение лимита: Временный лимит, действует»."""
    return speech.say(GRANT_TITLE, kind=_name(GRANT_KINDS, kind, speech), state=_name(GRANT_STATES, state, speech))


def supply_state_name(state: str, speech: Speech = RUSSIAN) -> str:
    """«принята»."""
    return _name(SUPPLY_STATES, state, speech)


def supply_title(state: str, speech: Speech = RUSSIAN) -> str:
    """«Поставка: ожидается»."""
    return speech.say(SUPPLY_TITLE, state=supply_state_name(state, speech))


def grant_reason(reason: str, speech: Speech = RUSSIAN) -> str:
    """Why credit changed: the words of whoever asked, or where a limit came from."""
    return _name(GRANT_ORIGINS, reason, speech)


def role_name(role: str, speech: Speech = RUSSIAN) -> str:
    return _name(ROLES, role, speech)


def status_name(status: str, speech: Speech = RUSSIAN) -> str:
    return _name(ORDER_STATUSES | PASSING, status, speech)


def invoice_status_name(status: str, speech: Speech = RUSSIAN) -> str:
    return _name(INVOICE_STATUSES, status, speech)


def either(names: Sequence[str], speech: Speech = RUSSIAN) -> str:
    """«бухгалтер, директор или склад»."""
    if len(names) < 2:
        return "".join(names)
    return speech.say(EITHER, most=", ".join(names[:-1]), last=names[-1])


def stage_name(stage: str | None, speech: Speech = RUSSIAN) -> str:
    """The name of a dunning stage; a dash before the first one."""
    return _name(STAGES, stage or MISSING, speech)


def reassignment_state(state: str, speech: Speech = RUSSIAN) -> str:
    return _name(REASSIGNMENT_STATES, state, speech)


def choice_name(choice: str, speech: Speech = RUSSIAN) -> str:
    return _name(CHOICES, choice, speech)


def task_name(kind: str, speech: Speech = RUSSIAN) -> str:
    return _name(TASK_KINDS, kind, speech)


def _name(table: dict[str, str], code: str, speech: Speech) -> str:
    return speech.say(table[code]) if code in table else code
