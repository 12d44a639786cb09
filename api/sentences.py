"""The sentence of each refusal: what is wrong and what to do, Russian first (English by the catalogue)."""

from collections.abc import Mapping
from typing import Any

from api.i18n import Language, translate

UNKNOWN = "Действие отклонено правилом «{code}»."

API_SENTENCES: dict[str, str] = {
    # who calls
    "unauthenticated": "Ключ не передан или не действует. Передайте ключ сотрудника в заголовке Authorization: Bearer.",
    "forbidden": "Для этого действия у вас нет прав. Обратитесь к сотруднику с нужной ролью.",
    # how they call
    "malformed_json": "Тело запроса — не JSON. Проверьте кавычки, запятые и кодировку UTF-8.",
    "bad_text": "В тексте есть недопустимые символы. Уберите нулевые символы и непарные суррогаты.",
    "number_not_exact": 'Число нельзя передать без потери точности. Передайте его строкой, например "1000000.00".',
    "duplicate_key": "Одно и то же поле передано дважды. Оставьте одно.",
    "body_too_large": "Запрос больше допустимых {limit} байт. Разделите его на части.",
    "invalid_input": "Данные не приняты. Исправьте указанные поля.",
    "route_not_found": "Такого адреса нет. Сверьтесь с описанием API: /openapi.json.",
    "method_not_allowed": "Этот адрес не принимает такой метод. Сверьтесь с описанием API: /openapi.json.",
    "idempotency_key_reused": "Этот ключ Idempotency-Key уже использован с другими данными. Возьмите новый ключ.",
    "stale_version": "Данные изменил другой сотрудник. Прочитайте их заново и повторите.",
    "version_required": "Укажите в заголовке If-Match версию, которую вы правите (она пришла в ETag).",
    "temporarily_unavailable": "Служба временно недоступна, ничего не потеряно. Повторите через несколько секунд.",
    "busy": "Эти данные сейчас меняет другая операция. Повторите через несколько секунд.",
    "internal_error": "Внутренняя ошибка: она записана в журнал. Повторите позже или сообщите администратору.",
    # reference data
    "not_found": "Объект не найден. Проверьте идентификатор.",
    "customer_exists": "Клиент с реквизитами {tax_id} уже есть. Откройте его карточку.",
    "product_exists": "Товар с артикулом {sku} уже есть. Измените его цену или возьмите другой артикул.",
    "limit_needs_head": "Кредитный лимит устанавливает руководитель отдела продаж. Создайте клиента с лимитом 0 "
    "и попросите руководителя.",
    "manager_not_found": "Менеджер «{manager}» не найден. Укажите логин или идентификатор менеджера.",
    "invalid_tax_id": "{tax_id} — не ИНН и не БИН/ИИН: не сходятся длина или контрольные цифры. Проверьте номер.",
    "invalid_kpp": "{kpp} — не КПП: нужны 9 знаков. Проверьте номер.",
    "wrong_currency": "Валюта {currency} здесь не подходит, нужна {expected}.",
}


def sentence(code: str, facts: Mapping[str, Any], language: Language) -> str:
    """The sentence for `code` with its facts filled in; a fact that is not there leaves its name."""
    text = translate(API_SENTENCES.get(code, UNKNOWN), language)
    return text.format_map(_Facts({"code": code, **facts}))


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"
