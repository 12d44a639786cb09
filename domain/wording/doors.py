"""What the doors say: requests that cannot be read, bad fields one by one, and the verdict on a customer's card."""

from typing import Any

from domain.wording.speech import RUSSIAN, Speech

REQUESTS = {
    "malformed_json": "Тело запроса — не JSON. Проверьте кавычки, запятые и кодировку UTF-8.",
    "bad_text": "В тексте есть недопустимые символы. Уберите нулевые символы и непарные суррогаты.",
    "number_not_exact": "Число нельзя принять без потери точности. Передайте его строкой, например «1000000.00».",
    "duplicate_key": "Одно и то же поле передано дважды. Оставьте одно.",
    "body_too_large": "Запрос больше допустимых {limit} байт. Разделите его на части.",
    "invalid_input": "Данные не приняты. Исправьте указанные поля и повторите.",
    "unsupported_media_type": "Тело запроса нужно передать как application/json.",
    "route_not_found": "Такого адреса нет. Сверьтесь с описанием: /openapi.json.",
    "method_not_allowed": "Этот адрес не принимает такой метод. Сверьтесь с описанием: /openapi.json.",
    "temporarily_unavailable": "Служба временно недоступна, ничего не потеряно. Повторите через несколько секунд.",
    "busy": "Эти данные сейчас меняет другая операция. Повторите через несколько секунд.",
    "overloaded": "Система сейчас обрабатывает слишком много запросов. Повторите через несколько секунд.",
    "process_ended": "Процесс по этому объекту уже завершён или ещё не начат. Обновите данные.",
    "internal_error": "Внутренняя ошибка, она записана в журнал. Повторите позже или сообщите администратору.",
}
"""By the problem's code; refusals of the rules have theirs in `domain.wording.refusals`."""

FIELDS = {
    "missing": "Поле обязательно.",
    "extra_forbidden": "Такого поля нет: уберите его или проверьте написание.",
    "json_invalid": "Тело запроса — не JSON.",
    "string_type": "Нужна строка.",
    "string_too_short": "Слишком коротко: нужно знаков не меньше {min_length}.",
    "string_too_long": "Слишком длинно: допустимо знаков не больше {max_length}.",
    "string_pattern_mismatch": "Неверный вид значения.",
    "literal_error": "Недопустимое значение. Допустимы: {expected}.",
    "enum": "Недопустимое значение. Допустимы: {expected}.",
    "bool_type": "Нужно true или false.",
    "bool_parsing": "Нужно true или false.",
    "int_type": "Нужно целое число.",
    "int_parsing": "Нужно целое число.",
    "int_from_float": "Нужно целое число.",
    "int_parsing_size": "Число слишком велико.",
    "greater_than": "Нужно значение больше {gt}.",
    "greater_than_equal": "Нужно значение не меньше {ge}.",
    "less_than": "Нужно значение меньше {lt}.",
    "less_than_equal": "Нужно значение не больше {le}.",
    "list_type": "Нужен список.",
    "too_short": "Нужно записей не меньше {min_length}.",
    "too_long": "Допустимо записей не больше {max_length}.",
    "dict_type": "Нужен объект JSON.",
    "model_type": "Нужен объект JSON.",
    "model_attributes_type": "Нужен объект JSON.",
    "uuid_type": "Нужен идентификатор UUID.",
    "uuid_parsing": "Нужен идентификатор UUID.",
    "date_type": "Нужна дата вида 2026-01-31.",
    "date_parsing": "Нужна дата вида 2026-01-31.",
    "date_from_datetime_parsing": "Нужна дата вида 2026-01-31.",
    "date_from_datetime_inexact": "Нужна дата вида 2026-01-31.",
    "datetime_type": "Нужно время вида 2026-01-31T09:00:00+05:00.",
    "datetime_parsing": "Нужно время вида 2026-01-31T09:00:00+05:00.",
    "timezone_aware": "Укажите часовой пояс, например 2026-01-31T09:00:00+05:00.",
    "not_a_number": "Нужно число строкой, например «1250.50».",
    "too_many_decimals": "Слишком много знаков после запятой: допустимо не больше {places}.",
    "too_large": "Число слишком велико: допустимо не больше {limit}.",
    "not_positive": "Нужно число больше нуля.",
    "negative": "Число не может быть отрицательным.",
    "wrong_currency": "Валюта не поддерживается. Допустимы: RUB, KZT.",
    "empty": "Поле не может быть пустым.",
    "bad_text": "Недопустимые символы в тексте.",
    "string_unicode": "Недопустимые символы в тексте.",
    "bad_email": "Это не адрес электронной почты.",
    "bad_phone": "Это не номер телефона.",
    "bad_sku": "Недопустимые символы в артикуле.",
    "bad_vat_rate": "Укажите ставку в процентах, например 12.",
    "bad_day": "Дата вне допустимых лет: 2000–2099.",
    "bad_period": "Окончание не может быть раньше начала.",
    "bad_version": "Это не версия: возьмите её из заголовка ETag.",
    "bad_cursor": "Неверное место продолжения: возьмите его из поля next предыдущего ответа.",
    "duplicate_sku": "Артикул {sku} повторяется: оставьте одну строку.",
    "nothing_to_change": "Укажите хотя бы одно поле, которое нужно изменить.",
    "one_target": "Укажите что-то одно: заказ, счёт, список allocations или клиента.",
    "amount_or_lines": "Укажите что-то одно: сумму или строки.",
    "value_error": "Недопустимое значение.",
}
"""By the kind of a field's mistake; the checks of the request schemas name these kinds."""

VERDICTS = {
    "no_trade": "Торговля с клиентом остановлена вручную: новые заказы не пройдут.",
    "legal_case": "По долгу открыто дело у юриста: новые заказы не пройдут, пока он не разрешит.",
    "suspended": "Лимит снят делом у юриста, его возвращает директор: пока заказ пройдёт только по полной предоплате.",
    "no_contract": "Действующего договора нет: любой заказ в долг уйдёт на согласование. Предоплата открыта.",
    "unlimited": "Сумма не ограничена до {until:date} включительно: заказ в долг пройдёт сразу.",
    "over_limit_by_debt": "Лимит исчерпан: любой заказ в долг уйдёт на согласование.",
    "free_by_debt": "Заказ в долг до {available:money} пройдёт сразу, больше — по согласованию.",
    "no_credit": "Кредита нет: заказ пройдёт только по полной предоплате.",
    "overdue_stop": "Просрочка {amount:money}, {days:days}: заказ в долг будет остановлен до оплаты. "
    "Предоплата открыта.",
    "overdue_approval": "Просрочка {amount:money}, {days:days}: любой заказ в долг уйдёт на согласование.",
    "over_double": "Долг с учётом заказов {exposure:money} — больше предела {ceiling:money}: заказ в долг будет "
    "остановлен. Предоплата открыта.",
    "over_limit": "Лимит исчерпан: заказ в долг до {to_stop:money} уйдёт на согласование, больше — будет остановлен.",
    "free": "Заказ в долг до {available:money} пройдёт сразу, до {to_stop:money} — по согласованию.",
}


def request_text(code: str, speech: Speech = RUSSIAN, **facts: Any) -> str | None:
    """The sentence about a request that no rule has seen yet; None when the code is a rule's."""
    sentence = REQUESTS.get(code)
    return None if sentence is None else speech.say(sentence, **facts)


def field_text(kind: str, speech: Speech = RUSSIAN, **facts: Any) -> str:
    """What is wrong with one field."""
    return speech.say(FIELDS.get(kind, FIELDS["value_error"]), **facts)


def card_text(verdict: str, speech: Speech = RUSSIAN, **figures: Any) -> str:
    """What happens to an order of this customer now."""
    return speech.say(VERDICTS[verdict], **figures)
