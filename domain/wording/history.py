"""What happened, one sentence per journal event. Who did it and when stands beside the sentence.

A key is the event, or `subject:event` where the same event means another thing, or `event:variant` where the figures
of the event tell kinds of it apart (`VARIANTS`).
"""

from collections.abc import Iterator
from typing import Any

from domain.wording.names import role_name, stage_name, status_name
from domain.wording.speech import RUSSIAN, Speech

EVENTS = {
    "dunning_done": "{stage}: просрочка {days_overdue:days}, остаток {residual:money}.",
    "dunning_before_due": "{stage}: осталось получить {residual:money}.",
    "dunning_skipped": "{stage}: шаг пропущен, процесс начался позже.",
    "payment_received": "Поступила оплата {amount:money}, остаток {residual:money}.",
    "invoice_settled": "Счёт оплачен полностью.",
    "taken_over": "Счёт принят из файла: осталось {residual:money}, срок {due_date:date}.",
    "message_done": "Отправлено: «{subject_line}».",
    "message_failed": "Не доставлено: «{subject_line}».",
    "message_unknown": "Неизвестно, доставлено ли: «{subject_line}».",
    "message_merged": "Вошло в другое письмо того же дня: «{subject_line}».",
    "message_cancelled": "Не отправлено, потому что долг погашен: «{subject_line}».",
    "quoted": "Предложение {number} на {gross:money}.",
    "credit_decided:auto": "Кредитная проверка ревизии {revision}: заказ проходит. Долг с ним {exposure:money}, лимит "
    "{limit:money}.",
    "credit_decided:approval": "Кредитная проверка ревизии {revision}: нужно согласование. Долг с заказом "
    "{exposure:money}, лимит {limit:money}.",
    "credit_decided:stop": "Кредитная проверка ревизии {revision}: отгрузка в долг остановлена. Долг с заказом "
    "{exposure:money}, лимит {limit:money}.",
    "gate_decided:auto": "Проверка перед отгрузкой: можно отгружать. Долг {exposure:money}, лимит {limit:money}.",
    "gate_decided:approval": "Проверка перед отгрузкой: нужно решение. Долг {exposure:money}, лимит {limit:money}.",
    "gate_decided:stop": "Проверка перед отгрузкой: отгрузка закрыта. Долг {exposure:money}, лимит {limit:money}.",
    "approved": "Ревизия {revision} согласована, долг до {ceiling:money}.",
    "approved:price": "Цена ревизии {revision} согласована.",
    "approved:gate": "Отгрузка согласована, долг до {ceiling:money}.",
    "rejected": "Заказ отклонён.",
    "rejected:credit": "Ревизия {revision} не согласована: долг был бы {ceiling:money}.",
    "rejected:price": "Цена ревизии {revision} не согласована.",
    "rejected:gate": "Отгрузка не согласована.",
    "rework": "Ревизия {revision} возвращена на доработку.",
    "outdated": "Согласование ревизии {revision} не подошло: данные изменились.",
    "approval_expired": "Ответа до {deadline:moment} не было: ревизия {revision} не согласована.",
    "revision_asked": "Запрошена ревизия {revision} на {gross:money}.",
    "revised": "Действует ревизия {revision} на {gross:money}.",
    "revision_refused": "Ревизия {revision} остановлена кредитной проверкой, прежняя в силе.",
    "rate_recorded": "Записан курс: {rate}.",
    "rate_corrected": "Курс исправлен: {rate}.",
    "copied": "Скопирован из заказа {number}.",
    "legal_cleared": "Юрист разрешил заказ, хотя по долгу открыто дело.",
    "details_changed": "Изменены адрес, контакт, примечание или день отгрузки.",
    "reserved": "Товар зарезервирован.",
    "order_moved": "Заказ перешёл на следующий этап.",
    "order_moved:confirmed:stock": "В резерве ничего нет, заказ ждёт поступления товара.",
    "order_moved:part_reserved:payment": "В резерве только часть товара, заказ ждёт оплаты.",
    "order_moved:part_reserved:stock": "В резерве только часть товара, остального заказ ждёт.",
    "order_moved:awaiting_payment:payment": "Товар в резерве, заказ ждёт оплаты.",
    "order_moved:ready:picking": "Товар в резерве, заказ готов к комплектации.",
    "order_moved:awaiting_final_payment:final_payment": "Отгружать больше нечего, заказ ждёт окончательной оплаты.",
    "reservation_extended": "Резерв продлён до {expires_at:moment}.",
    "reservation_extended:part_payment": "Пришла часть оплаты, {received:money}: резерв продлён до "
    "{expires_at:moment}.",
    "reservation_extended:proof": "Клиент прислал копию платёжного поручения: резерв продлён до {expires_at:moment}.",
    "reservation_extended:silent": "Сведения о платежах получить не удалось: резерв продлён до {expires_at:moment}.",
    "reservation_extended:queued": "Платёж клиента ещё не разнесён: резерв продлён до {expires_at:moment}.",
    "proof_received": "Получена копия платёжного поручения, бухгалтер ищет платёж.",
    "reservation_released": "Резерв снят.",
    "reserve_again": "Заказано повторное резервирование.",
    "picking_called": "Товар передан на комплектацию.",
    "picking_started": "Комплектация начата.",
    "shipped": "Отгружено, отгрузка {shipment}.",
    "shipped_short": "Отгружено меньше собранного.",
    "over_delivered": "Отгружено больше заказанного на {excess:money}.",
    "invoiced": "Выставлен счёт {invoice} на {gross:money}.",
    "order:payment_received": "Поступила оплата {amount:money}.",
    "late_payment": "Оплата пришла после снятия резерва: {received:money}.",
    "late_payment_part": "После снятия резерва пришла часть оплаты, {received:money}: для отгрузки этого мало.",
    "late_payment_price": "Оплата {received:money} пришла после снятия резерва и после срока действия цен.",
    "late_payment_short": "Товара для оплаченного заказа не хватило: {returned:money} учтено как аванс клиента.",
    "reminded": "Отправлено напоминание.",
    "reminded:approval": "О согласовании напомнили.",
    "cancel_asked": "Запрошена отмена, её подтверждает склад.",
    "short_closed": "Остаток заказа закрыт без отгрузки.",
    "cancelled": "Заказ отменён.",
    "expired": "Срок предложения истёк.",
    "closed": "Заказ завершён.",
    "gate_hold": "Собранное придержано перед закрытой отгрузкой.",
    "gate_ship": "Отгрузка разрешена, хотя проверка её закрыла.",
    "gate_unpick": "Собранное велено разобрать.",
    "unpicked": "Собранное разобрано, товар вернулся в резерв.",
    "shortage_asked": "Товара не хватает: клиент выбирает до {until:moment}, как быть.",
    "shortage_chosen:wait": "Товара не хватает: клиент ждёт.",
    "shortage_chosen:part": "Товара не хватает: клиент берёт то, что есть.",
    "shortage_chosen:alternative": "Товара не хватает: клиент берёт замену, {substitutes}.",
    "shortage_chosen:cancel": "Товара не хватает: клиент отказался от заказа.",
    "shortage_lapsed": "Товара не хватает: клиент не ответил в срок, заказ ждёт.",
    "shortage_void": "Клиенту больше не нужно выбирать, как быть с нехваткой товара.",
    "ships_in_parts": "Заказ больше не нужно отгружать целиком: клиент согласился на часть.",
    "reserve_fitted": "Резерв приведён к новой ревизии.",
    "invoice_settled:credited": "Счёт закрыт: после кредит-ноты платить по нему нечего.",
    "credit_note_posted": "Кредит-нота {number} на {amount:money}: в аванс клиента вернулось {freed:money}.",
    "dispute_opened": "Открыт спор на {amount:money} до {until:date}: {reason}.",
    "dispute_closed": "Спор закрыт.",
    "dispute_closed:ours": "Спор закрыт, прав поставщик.",
    "dispute_closed:client": "Спор закрыт, прав клиент.",
    "dispute_closed:settled": "Спор закрыт: платить по счёту больше нечего.",
    "dispute_closed:lapsed": "Срок спора вышел.",
    "message_cancelled:disputed": "Не отправлено, потому что счёт оспаривается: «{subject_line}».",
    "message_cancelled:not_awaited": "Не отправлено, потому что заказ больше не ждёт оплаты: «{subject_line}».",
    "grant_requested:base": "Запрошен лимит {amount:money} с {valid_from:date}.",
    "grant_requested:temporary": "Запрошен временный лимит {amount:money} с {valid_from:date} по {valid_to:date}.",
    "grant_requested:unlimited": "Запрошен кредит без лимита с {valid_from:date} по {valid_to:date}.",
    "grant_requested:policy": "Запрошены особые условия с {valid_from:date} по {valid_to:date}: {changes}.",
    "grant_approved:base": "Утверждён лимит {amount:money} с {valid_from:date}.",
    "grant_approved:temporary": "Утверждён временный лимит {amount:money} с {valid_from:date} по {valid_to:date}.",
    "grant_approved:unlimited": "Утверждён кредит без лимита с {valid_from:date} по {valid_to:date}.",
    "grant_approved:policy": "Утверждены особые условия с {valid_from:date} по {valid_to:date}: {changes}.",
    "grant_rejected": "В изменении лимита отказано.",
    "grant_revoked": "Изменение лимита отозвано.",
    "grant_begun": "Изменение лимита вступило в силу.",
    "grant_warned": "Об окончании срока предупреждено.",
    "grant_ended": "Срок изменения лимита вышел.",
    "limit_restored": "Лимит, снятый делом у юриста, восстановлен.",
    "trade_stopped": "Торговля с клиентом остановлена.",
    "trade_stop_lifted": "Торговля с клиентом снова разрешена.",
    "contract_added": "Договор {number} подписан {signed_on:date}.",
    "absence_added": "Отсутствие {person} с {from_on:date} по {to_on:date}, отвечает {deputy}.",
    "absence_cancelled": "Отсутствие отменено.",
    "user_changed": "Изменены филиал или заместитель сотрудника.",
    "customer_created": "Клиент заведён с лимитом {credit_limit:money}.",
    "customer_changed": "Карточка клиента изменена: {changes}.",
    "contract_changed": "Договор {number} записан.",
    "product_created": "Товар заведён с ценой {price}.",
    "product_changed": "Товар изменён: {changes}.",
    "substitutes_set": "Замены товара: {substitutes}.",
    "substitutes_cleared": "У товара больше нет замен.",
    "opening_stock_corrected": "Начальный остаток исправлен: было {before:quantity}, стало {after:quantity}.",
    "item_group_created": "Группа товаров заведена, для ключевых клиентов остаётся {hold_back} %.",
    "item_group_created:policy": "Группа товаров заведена, доля для ключевых клиентов — по общей политике.",
    "item_group_changed": "Группа товаров изменена: для ключевых клиентов оставалось {before} %, теперь {hold_back} %.",
    "item_group_changed:policy_to_own": "Группа товаров изменена: доля для ключевых клиентов была по общей политике, "
    "теперь {hold_back} %.",
    "item_group_changed:own_to_policy": "Группа товаров изменена: для ключевых клиентов оставалось {before} %, "
    "теперь доля — по общей политике.",
    "item_group_changed:policy_to_policy": "Группа товаров изменена, доля для ключевых клиентов — по общей политике.",
    "reassignment_requested": "Запрошена передача {quantity:quantity} {sku} из резерва заказа {from_order} "
    "заказу {to_order}.",
    "reassignment_approved": "Заказу {to_order} передано {quantity:quantity} {sku} из резерва заказа {from_order}.",
    "reassignment_rejected": "В передаче {sku} из резерва заказа {from_order} заказу {to_order} отказано.",
    "reassignment_void": "Передавать {sku} из резерва заказа {from_order} заказу {to_order} уже нечего или незачем.",
    "reserve_taken": "Из резерва {quantity:quantity} {sku} передано заказу {to_order}.",
    "reserve_given": "Получено {quantity:quantity} {sku} из резерва заказа {from_order}.",
    "stock_counted": "Остатки на складе {warehouse} пересчитаны.",
    "reserve_counted_away": "После инвентаризации на складе {warehouse} резерв уменьшился, недостающее ждёт в очереди.",
    "stock_received": "Товар принят на склад.",
    "supply_ordered": "Поставка заказана (поставщик — {supplier}), ожидается {expected_on:date}.",
    "supply_changed": "Поставка изменена: {changes}.",
    "supply_cancelled": "Поставка отменена.",
    "supply_controlled": "Наступил день контроля: {note}.",
    "supply_late": "Поставка ожидалась {expected_on:date} и не пришла: закупщик получил задачу.",
    "supply_part_received": "Часть поставки принята на склад, остальное ожидается.",
    "supply_received": "Поставка принята полностью.",
    "payment_recorded": "Платёж записан: {amount:money} за {posted_on:date}.",
    "payment_applied": "Платёж разнесён, аванс {advance:money}.",
    "payment_queued": "Платёж ждёт бухгалтера.",
    "statement_registered": "Выписка загружена: новых платежей {created}, повторов {duplicates}.",
    "effects_frozen:stop": "Отправка писем остановлена ({by}).",
    "effects_frozen:restore": "База восстановлена из копии, отправка писем остановлена до сверки ({by}).",
    "findings_accepted": "Отправка писем возобновлена с неразобранными расхождениями: {count} ({by}).",
    "effects_thawed": "Отправка писем возобновлена ({by}).",
    "task_completed": "Задача выполнена.",
    "case_opened": "Открыто дело {number}.",
    "line_joined": "К делу добавлен счёт {invoice}: {residual:money}.",
    "case_paid": "Долг по делу оплачен.",
    "case_closed": "Дело закрыто.",
    "policy_proposed": "Предложена версия {policy_version} политики с {effective_from:date}: {changes}.",
    "policy_published": "Утверждена версия {policy_version} политики с {effective_from:date}.",
    "policy_rejected": "Версия {policy_version} политики отклонена.",
    "stock_drift:on_hand": "Остаток не равен сумме движений, таких мест: {count}.",
    "stock_drift:reserved": "Резерв на складе не равен резервам заказов, таких мест: {count}.",
    "stock_drift:picking": "Количество в комплектации не совпадает с заказами, таких мест: {count}.",
    "stock_drift:over_promised": "Обещано больше, чем есть на складе, таких мест: {count}.",
    "stock_drift:shipped": "Списано не столько, сколько отгружено, таких мест: {count}.",
    "stock_drift:ended_holds": "Завершённые заказы держат или ждут товар, таких мест: {count}.",
    "stock_drift:expired": "Просроченные резервы не сняты, таких заказов: {count}.",
    "stock_drift:unserved": "Свободный товар не распределён по очереди, таких мест: {count}.",
}
VARIANTS = {
    "credit_decided": "outcome",
    "gate_decided": "outcome",
    "approved": "kind",
    "rejected": "kind",
    "reminded": "waiting",
    "order_moved": "stands",
    "reservation_extended": "cause",
    "shortage_chosen": "choice",
    "grant_requested": "kind",
    "grant_approved": "kind",
    "effects_frozen": "why",
    "dispute_closed": "result",
    "invoice_settled": "result",
    "message_cancelled": "error",
    "stock_drift": "kind",
    "item_group_created": "share",
    "item_group_changed": "share",
}
"""The figure that tells kinds of an event apart."""
SUBJECTS = {
    "order": "Заказ {name}",
    "invoice": "Счёт {name}",
    "schedule_line": "Счёт {name}",
    "customer": "Клиент {name}",
    "item_group": "Группа товаров {name}",
    "product": "Товар {name}",
    "payment": "Платёж {name}",
    "bank_statement": "Банковская выписка",
    "stock_receipt": "Приход на склад",
    "stock_count": "Пересчёт остатков",
    "reassignment": "Передача резерва {name}",
    "expected_receipt": "Поставка {name}",
    "task": "Задача: {name}",
    "legal_case": "Дело {name}",
    "policy": "Политика, версия {name}",
    "credit_grant": "Лимит клиента {name}",
    "absence": "Отсутствие: {name}",
    "exchange_rate": "Курс {name}",
    "user": "Сотрудник {name}",
    "effects": "Исходящие письма",
    "stock_check": "Сверка остатков {name}",
}
COMMENT = "Комментарий: «{comment}»."
INSTEAD_OF = "Решение дано за того, кого нет на месте: {person}."
CHANGE = "{field}: {before} → {after}"
CODED = frozenset({"payment_queued", "dispute_opened"})
"""Events whose reason is a code, not words of a person."""
AUTHOR = "{name}, {role}"


def event_text(event: str, speech: Speech = RUSSIAN, *, subject: str | None = None, **data: Any) -> str:
    """The sentence of a journal event, with its comment; one without a sentence shows its name."""
    if event == "dunning_done" and int(data.get("days_overdue") or 0) <= 0:
        event = "dunning_before_due"
    sentence = _sentence(event, subject, data)
    if sentence is None:
        return event
    told = [speech.say(sentence, **_figures(data, speech))]
    if data.get("answered_for"):
        told.append(speech.say(INSTEAD_OF, person=data["answered_for"]))
    comment = data.get("comment") or (None if event in CODED else data.get("reason"))
    if comment:
        told.append(speech.say(COMMENT, comment=comment))
    return " ".join(told)


def subject_text(subject: str, name: str, speech: Speech = RUSSIAN) -> str:
    """What an event is about: «Заказ ЗК-000017»."""
    return speech.say(SUBJECTS[subject], name=name) if subject in SUBJECTS else f"{subject} {name}"


def author_text(name: str, role: str, speech: Speech = RUSSIAN) -> str:
    """Who did it: «Олег Сергеев, руководитель отдела продаж»."""
    return speech.say(AUTHOR, name=name, role=role_name(role, speech))


def _sentence(event: str, subject: str | None, data: dict[str, Any]) -> str | None:
    keys = [f"{event}:{_variant(VARIANTS[event], data)}"] if event in VARIANTS else []
    return next((EVENTS[key] for key in (*keys, f"{subject}:{event}", event) if key in EVENTS), None)


def _variant(figure: str, data: dict[str, Any]) -> Any:
    match figure:
        case "share":
            return _share(data)
        case "stands":
            return f"{data.get('status')}:{data.get('waits_for')}"
    return data.get(figure)


def _share(data: dict[str, Any]) -> str:
    """Whose share a group of goods goes by, its own or the policy's; `own_to_policy` where it was changed."""
    return "_to_".join("policy" if data[side] is None else "own" for side in ("before", "hold_back") if side in data)


def _figures(data: dict[str, Any], speech: Speech) -> dict[str, Any]:
    """The figures of an event, those of its decision among them, as a sentence takes them."""
    inner = data.get("figures")
    known = {**(inner if isinstance(inner, dict) else {}), **data}
    figures = {name: value for name, value in known.items() if name not in {"speech", "event", "msgid", "self"}}
    if "stage" in figures:
        figures["stage"] = stage_name(figures["stage"], speech)
    if "status" in figures:
        figures["status"] = status_name(str(figures["status"]), speech)
    if isinstance(figures.get("changes"), dict):
        figures["changes"] = ", ".join(_changes(figures["changes"], speech))
    return figures


def _changes(changes: dict[str, Any], speech: Speech) -> Iterator[str]:
    """Each changed field with what it was and is, or with its value where the event keeps no more."""
    for name, pair in changes.items():
        if isinstance(pair, dict) and {"from", "to"} <= set(pair):
            yield speech.say(CHANGE, field=name, before=pair["from"], after=pair["to"])
        else:
            yield f"{name}: {pair}"
