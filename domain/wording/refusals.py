"""What a refusal says: what happened, and what to do. Keyed by the stable code of the `DomainError`."""

from typing import Any

from domain.wording.credit import reason_text
from domain.wording.names import either, role_name, status_name, supply_state_name
from domain.wording.speech import RUSSIAN, Speech

REFUSALS = {
    "refused": "Действие не выполнено. Обновите данные и попробуйте ещё раз.",
    "not_found": "Такого объекта нет или он вам не виден. Проверьте номер.",
    "customer_not_found": "Клиент не найден. Проверьте номер или заведите клиента.",
    "product_not_found": "Товара {sku} нет в каталоге. Проверьте артикул или заведите товар.",
    "order_not_found": "Заказ не найден. Проверьте номер.",
    "invoice_not_found": "Счёт не найден. Проверьте номер.",
    "payment_not_found": "Платёж не найден. Проверьте номер.",
    "task_not_found": "Задача не найдена. Обновите список задач.",
    "legal_case_not_found": "Дело не найдено. Обновите список дел.",
    "forbidden": "Ваша роль не позволяет это действие. Обратитесь к тому, у кого есть право.",
    "unauthenticated": "Ключ не указан или неизвестен. Передайте ключ в заголовке Authorization: Bearer.",
    "own_approval": "Свой заказ согласовать нельзя. Решение принимает другой руководитель.",
    "already_decided": "Уже решено: {by}, {at:moment}. Обновите заказ.",
    "approval_outdated": "Данные изменились: долг {exposure:money} больше согласованного предела {ceiling:money}. "
    "Рассмотрите новый запрос.",
    "approval_stopped": "Пока решение ждали, заказ попал под остановку. Нужны оплата, меньшая сумма или предоплата.",
    "quote_expired": "Срок предложения истёк. Скопируйте его в новый заказ: цены будут сегодняшние.",
    "wrong_state": "Заказ сейчас в состоянии «{status}»: это действие невозможно. Обновите заказ.",
    "stop_not_approvable": "Остановленный заказ нельзя согласовать. Нужны оплата, меньшая сумма, предоплата "
    "или новый лимит.",
    "invalid_input": "Значение поля {field} не подходит. Исправьте его и повторите.",
    "wrong_currency": "Валюта {currency} в поле {field} не подходит: нужна {expected}.",
    "rate_unknown": "Курса {currency} к {base} нет: попросите бухгалтера внести его и повторите.",
    "rate_date": "Курс вносят не больше чем на {days:days} вперёд. Исправьте дату.",
    "not_a_statement": "Файл — не банковская выписка 1CClientBankExchange. Выгрузите её из банк-клиента заново.",
    "truncated_statement": "Выписка обрывается: нет строки «КонецФайла». Выгрузите файл из банк-клиента заново.",
    "invalid_tax_id": "ИНН, БИН или ИИН неверен. Проверьте цифры: контрольное число не сходится.",
    "invalid_kpp": "КПП неверен: нужны 9 знаков. Проверьте его.",
    "invalid_account": "Номер счёта неверен. Проверьте счёт и код банка.",
    "invalid_bank_code": "Код банка (БИК) неверен. Проверьте его.",
    "idempotency_key_reused": "Этот Idempotency-Key уже использован с другими данными. Возьмите новый ключ.",
    "stale_version": "Данные изменились, пока вы их правили. Прочтите их заново и повторите правку.",
    "version_required": "Укажите версию, которую правите, в заголовке If-Match.",
    "customer_exists": "Клиент с ИНН/БИН {tax_id} уже заведён. Откройте его карточку.",
    "item_group_not_found": "Группы товаров «{code}» нет. Заведите её или выберите другую.",
    "item_group_exists": "Группа товаров «{code}» уже заведена. Измените её или выберите другой код.",
    "count_below_picking": "Товара {sku} насчитали {counted:quantity}, а в комплектации {picking:quantity}. "
    "Сначала верните собранное на место, затем повторите пересчёт.",
    "goods_gone": "Резерв заказа только что уменьшился, собирать пока нечего или не всё. Обновите заказ.",
    "reassignment_not_found": "Такой просьбы о передаче резерва нет. Обновите список.",
    "reassignment_exists": "Об этом товаре уже попросили, решения ещё нет. Дождитесь его.",
    "reassignment_decided": "По этой просьбе решать уже нечего. Обновите список.",
    "own_reassignment": "Передачу резерва решает не тот, кто просит, и не менеджер заказа, который получит товар. "
    "Обратитесь к другому руководителю.",
    "reassignment_same_order": "Товар передают другому заказу. Выберите два разных заказа.",
    "reassignment_order_over": "Заказ {order} уже завершён или отменён. Выберите другой.",
    "reassignment_from_picking": "Заказ {order} уже комплектуется: его товар не отдают. Выберите другой заказ.",
    "reassignment_from_paid": "По заказу {order} пришли деньги: его товар не отдают. Выберите другой заказ.",
    "reassignment_class": "Резерв забирают у обычного клиента для ключевого, заказ {order} под это не подходит. "
    "Выберите другой заказ.",
    "reassignment_not_reserved": "У заказа {order} на этом складе зарезервировано {reserved:quantity} товара {sku}. "
    "Уменьшите количество или выберите другой заказ.",
    "reassignment_not_needed": "Заказ {order} ждёт на этом складе {waiting:quantity} товара {sku}. "
    "Уменьшите количество.",
    "substitute_itself": "Товар {sku} не может заменять сам себя. Уберите его из списка замен.",
    "duplicate_substitute": "Товар {sku} стоит в списке замен дважды. Оставьте его один раз.",
    "expected_receipt_not_found": "Поставка не найдена. Обновите список поставок.",
    "expected_receipt_ended": "Поставка {number} уже {state}. Обновите список поставок.",
    "expected_elsewhere": "Поставка {number} ожидается на складе {warehouse}. Примите её туда "
    "или уберите её из прихода.",
    "not_expected": "Ничего из пришедшего в поставке {number} нет. Проверьте, та ли это поставка.",
    "day_passed": "День {day:date} в поле {field} уже прошёл. Укажите сегодняшний или более поздний.",
    "duplicate_day": "День {day:date} указан дважды. Оставьте его один раз.",
    "product_exists": "Товар {sku} уже заведён. Откройте его карточку.",
    "limit_needs_head": "Кредитный лимит устанавливает руководитель отдела продаж. Попросите его.",
    "manager_not_found": "Менеджер {manager} не найден. Проверьте имя пользователя.",
    "task_closed": "Задача уже закрыта. Обновите список задач.",
    "call_result_required": "Укажите результат звонка: promise (обещал заплатить), dispute (оспаривает), "
    "no_answer (не дозвонились) или other (другое).",
    "four_eyes": "Решение должен принять другой человек.",
    "comment_required": "Напишите комментарий: без него отклонить или вернуть заказ нельзя.",
    "extension_used": "Менеджер уже продлил этот резерв один раз. Ещё раз продлевает руководитель.",
    "statement_too_large": "Выписка слишком велика. Разделите её по датам и загрузите частями.",
    "ship_quantity": "Товара {sku} собрано {picked:quantity}: отгрузить больше или другой товар нельзя. "
    "Проверьте строки.",
    "cancel_needs_head": "Заказ уже комплектуется: отменить его может руководитель. Обратитесь к нему.",
    "duplicate_line": "Товар {sku} стоит в двух строках. Сложите количества в одну.",
    "zero_total": "Сумма заказа нулевая. Укажите цены и количества.",
    "amount_too_large": "Сумма заказа слишком велика. Проверьте количества и цены.",
    "ship_complete": "Клиент берёт заказ только целиком. Отгрузите все строки или отмените заказ.",
    "not_enough_stock": "Товара {sku} на складе не хватает. Уменьшите количество или дождитесь поступления.",
    "statement_not_found": "Выписка не найдена. Загрузите файл.",
    "external_id_reused": "Платёж с external_id {external_id} уже внесён с другими данными. "
    "Возьмите другой external_id.",
    "payment_in_progress": "Платёж сейчас сопоставляется. Повторите через несколько секунд.",
    "allocation_too_large": "Разнести {amount:money} нельзя: можно не больше {room:money}. Уменьшите сумму.",
    "nothing_to_allocate": "Разносить нечего: платёж уже разнесён или документ больше ничего не принимает.",
    "task_done_by_action": "Эту задачу закрывает само действие. Выполните его: {action}.",
    "payment_of_another_customer": "Один платёж нельзя разнести на документы разных плательщиков. "
    "Выберите документы одного.",
    "own_limit": "Расширять кредит своему клиенту или по собственной просьбе нельзя. "
    "Решение принимает другой руководитель.",
    "temporary_limit_too_long": "Временный лимит действует не дольше {days:days}. Сократите срок.",
    "grant_not_found": "Изменение лимита не найдено. Обновите список.",
    "grant_decided": "По этому изменению уже решено: {by}. Обновите список.",
    "grant_not_in_force": "Отзывать нечего: изменение уже не действует, ещё не решено или это базовый лимит. "
    "Базовый лимит меняют новым изменением.",
    "contract_exists": "Договор {number} у клиента уже есть. Проверьте номер.",
    "terms_need_head": "Обычная отсрочка клиента — {days:days}, более долгую даёт руководитель отдела продаж. "
    "Попросите его.",
    "approval_expired": "Срок согласования вышел {deadline:moment}, заказ отклонён. Скопируйте его в новый заказ.",
    "order_cancelled": "Заказ отменён {at:moment}, согласовывать нечего. "
    "Если он ещё нужен, скопируйте его в новый заказ.",
    "approval_other_revision": "Заказ изменился: сейчас действует ревизия {revision}, а вы смотрели ревизию {seen}. "
    "Откройте его заново.",
    "not_your_approval": "Этот запрос решаете не вы: он адресован руководителю филиала клиента или директору.",
    "edit_after_picking": "Заказ уже комплектуется или отгружен. "
    "Добавьте товар новым заказом, а уменьшить количество склад может при отгрузке.",
    "nothing_to_change": "Заказ уже такой: менять нечего. Укажите, что изменить.",
    "gate_closed": "Отгрузка закрыта: {reasons}",
    "gate_open": "Заказ не стоит перед закрытой отгрузкой. Обновите заказ.",
    "not_stopped_by_case": "Разрешать нечего: заказ не остановлен делом у юриста или не оплачивается полностью вперёд.",
    "trade_stop_state": "Торговля с клиентом уже в этом состоянии. Обновите карточку.",
    "limit_not_suspended": "Восстанавливать нечего: лимит не снят делом у юриста или дело ещё открыто.",
    "absence_not_found": "Отсутствие не найдено. Обновите список.",
    "user_not_found": "Сотрудник {user} не найден. Проверьте имя пользователя.",
    "deputy_cycle": "Заместители замкнулись в круг: в эти дни отвечать некому. Выберите другого заместителя.",
    "deputy_chain_too_long": "Больше трёх заместителей подряд нельзя. Выберите того, кто на месте.",
    "policy_not_found": "Такой версии политики нет. Проверьте номер.",
    "policy_decided": "По этой версии политики уже решено. Предложите новую.",
    "policy_value": "Значение поля {field} не подходит. Исправьте его и повторите.",
    "policy_outdated": "Пока эта версия ждала решения, утверждена версия {version}. Предложите изменения заново.",
    "own_policy": "Политику предлагает один человек, а утверждает другой.",
    "policy_date": "Политика вступает в силу сегодня или позже и не раньше уже утверждённой. Исправьте дату.",
    "credit_note_too_large": "Кредит-нота больше счёта: можно не больше {room:money}. Уменьшите сумму.",
    "credit_note_exists": "Кредит-нота {number} к этому счёту уже есть с другими данными. Возьмите другой номер.",
    "dispute_open": "Этот платёж по счёту уже оспаривается до {ends_on:date}. Сначала закройте спор.",
    "dispute_not_found": "Спора по этому счёту нет. Обновите счёт.",
    "dispute_again": "Этот платёж уже оспаривали. Ещё один спор, последний, открывает руководитель отдела продаж.",
    "dispute_too_long": "Спор длится не дольше {days:days}. Сократите срок.",
}

DONE_BY = {
    "approval": "Эта задача закроется решением по заказу: согласуйте, отклоните или верните его. Действие: {action}.",
    "gate": "Эта задача закроется решением об отгрузке: придержать, отгрузить или разобрать. Действие: {action}.",
    "picking": "Эта задача закроется отгрузкой: начните комплектацию и отгрузите заказ. Действие: {action}.",
    "cancel_acknowledgement": "Эта задача закроется, когда склад подтвердит отмену заказа. Действие: {action}.",
    "payment_queue": "Эта задача закроется, когда платёж будет разнесён: укажите, чей он и что оплачивает. "
    "Действие: {action}.",
    "limit_change": "Эта задача закроется решением об изменении лимита: одобрите или отклоните его. "
    "Действие: {action}.",
    "reassignment": "Эта задача закроется решением о передаче резерва: одобрите её или отклоните. Действие: {action}.",
    "restore_limit": "Эта задача закроется, когда директор вернёт лимит. Действие: {action}.",
}
"""Tasks that their action closes, by kind."""
POLICY_VALUES = {
    "nothing": "Менять нечего: укажите хотя бы одно поле с другим значением.",
    "unknown": "Поля {field} в политике нет. Проверьте написание: GET /api/v1/policies.",
    "whole": "Поле {field}: нужно целое число.",
    "number": "Поле {field}: нужно число, например «0.9».",
    "places": "Поле {field}: слишком много знаков после запятой, допустимо не больше {places}.",
    "range": "Поле {field}: нужно число от {least} до {most}.",
    "flag": "Поле {field}: нужно true или false.",
    "choice": "Поле {field}: допустимы {choices}.",
    "stages": "Поле {field}: нужны пять возрастающих дней — напоминание не позже срока оплаты и четыре шага "
    "после него, например [-3, 3, 7, 14, 30].",
    "above": "Поле {field}: нужно больше, чем {other} ({than}).",
    "least": "Поле {field}: нужно не меньше, чем {other} ({than}).",
    "below": "Поле {field}: нужно меньше, чем {other} ({than}).",
    "most": "Поле {field}: нужно не больше, чем {other} ({than}).",
}
"""What is wrong with a figure of a policy, by kind."""
FORBIDDEN = {
    "role": "Это действие вам недоступно. Его выполняет {allowed}.",
    "task": "Задача поручена не вам. Её закрывает {allowed}.",
}

ENDED = {"closed", "rejected", "cancelled", "expired"}
WRONG_STATE_OF_ENDED = (
    "Заказ уже в состоянии «{status}», действие невозможно. Если он ещё нужен, скопируйте его в новый заказ."
)
"""An ended order is not opened again, it is copied (D6-5)."""


def refusal_text(code: str, speech: Speech = RUSSIAN, **facts: Any) -> str:
    """The sentence of a refusal; an unknown code gets the general one. States and roles are told by name."""
    told = dict(facts)
    if "status" in facts:
        told["status"] = status_name(str(facts["status"]), speech)
    if code == "expected_receipt_ended":
        told["state"] = supply_state_name(str(facts.get("state")), speech)
    if facts.get("allowed") and code == "forbidden":
        roles = [role_name(role, speech) for role in str(facts["allowed"]).split(", ")]
        told["allowed"] = either(roles, speech)
    if code == "gate_closed" and facts.get("reasons"):
        told["reasons"] = " ".join(reason_text(each, speech, **facts) for each in str(facts["reasons"]).split(", "))
    return speech.say(_sentence(code, facts), **told)


def _sentence(code: str, facts: dict[str, Any]) -> str:
    """Some refusals say more when more is known."""
    match code:
        case "task_done_by_action":
            return DONE_BY.get(str(facts.get("kind")), REFUSALS[code])
        case "policy_value":
            return POLICY_VALUES.get(str(facts.get("kind")), REFUSALS[code])
        case "forbidden" if facts.get("allowed"):
            return FORBIDDEN["task" if facts.get("action") == "complete_task" else "role"]
        case "wrong_state" if facts.get("status") in ENDED:
            return WRONG_STATE_OF_ENDED
        case _:
            return REFUSALS.get(code, REFUSALS["refused"])
