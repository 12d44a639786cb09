"""«Почему стоит заказ?» in words: every sentence that `domain.explanation` may ask for, by its key (U8)."""

from collections.abc import Iterable
from typing import Any

from domain.said import Goods, Person, Said
from domain.wording import credit, waits
from domain.wording.names import role_name
from domain.wording.speech import RUSSIAN, Speech

ENDED = {
    "closed": "Заказ завершён {at:moment}: отгруженное оплачено.",
    "rejected": "Заказ отклонён {at:moment}.",
    "cancelled": "Заказ отменён {at:moment}.",
    "expired": "Срок предложения истёк {at:moment}.",
    "approval_expired": "Заказ отклонён {at:moment}: согласования в срок не было.",
    "credit_stop_lapsed": "Заказ отменён {at:moment}: причину остановки так и не сняли.",
    "reservation_lapsed": "Заказ отменён {at:moment}: после снятия резерва он дальше не двинулся.",
    "cancelled_by_admin": "Заказ отменён {at:moment} администратором.",
    "by": "Кто решил: {people}.",
    "returned": "Деньги по нему, {amount:money}, стали авансом клиента.",
    "copy": "Если заказ ещё нужен, скопируйте его: цены будут сегодняшние, кредит проверится заново.",
    "again": "Если клиенту нужно то же самое, скопируйте его в новый заказ.",
}
TURNS = {
    "passes": "По сегодняшним данным заказ проходит: его вот-вот пересмотрят, делать ничего не нужно.",
    "eases": "По сегодняшним данным заказу хватит согласования: его вот-вот пересмотрят, делать ничего не нужно.",
    "worsens": "Пока решение ждали, данные ухудшились: если согласовать заказ сейчас, он остановится.",
}
CLIMBS = {
    "reminded": "Если решения не будет, {at:moment} уйдёт напоминание.",
    "deputy": "Если решения не будет, {at:moment} запрос уйдёт и заместителю, а если его нет — директору.",
    "next_level": "Если решения не будет, {at:moment} запрос уйдёт и директору.",
    "reminded_director": "Если решения не будет, {at:moment} уйдёт напоминание.",
    "deputy_director": "Если решения не будет, {at:moment} запрос уйдёт и заместителю.",
    "next_level_director": "Если решения не будет, {at:moment} уйдёт ещё одно напоминание.",
}
PEOPLE = {
    "ask.people": "Кто решает: {people}.",
    "ask.nobody": "Решать сейчас некому: нет ни руководителя, ни директора, который не связан с этим заказом.",
    "can.lift_ban": "Кто может снять запрет: {people}.",
    "can.clear_case": "Кто ведёт дело: {people}.",
    "can.restore_limit": "Кто может восстановить лимит: {people}.",
    "can.set_limit": "Кто может изменить лимит: {people}.",
    "manager": "Менеджер заказа: {name}.",
}
OTHERS = {
    "moving": waits.MOVING,
    "price_first": "Сначала решают о цене, потом о кредите.",
    "because": "Причина: {reason}.",
    "trade_stop.by": "Кто остановил: {by}, {at:moment}.",
    "trade_stop.at": "Это было {at:moment}.",
    "overdue.oldest": "Самый старый счёт — {invoice}, срок оплаты был {due:date}.",
    "limit.temporary": "Сейчас лимит временный, {limit:money}, до {until:date} включительно; "
    "постоянный — {base:money}.",
    "limit.unlimited": "По сумме клиент не ограничен до {until:date} включительно: дело не в лимите.",
    "stock_expected": "Товар ожидается {on:date}.",
    "ahead": "Внимание: сейчас отгрузка не откроется.",
    "gate_opens": "Сейчас отгрузку уже ничто не держит: склад может отгружать.",
    "proposal": "Изменение заказа (новая сумма {amount:money}) ждёт согласования до {until:moment}; до решения "
    "действуют прежние условия.",
}
SHORT = {
    "short.ran_out": "Нет на складе: {goods}.",
    "short.held_back": "Остаток придержан для ключевых клиентов, поэтому не хватает: {goods}.",
    "short.whole_only": "Заказ отгружается только целиком: пока есть не всё, товар для него не откладывается.",
    "short.gathering": "Товар для заказа накапливается, ещё не хватает: {goods}.",
    "choice": "Клиент выбирает до {until:moment}, как быть: ждать, взять то, что есть, взять замену или отказаться от "
    "заказа. Если он не ответит, заказ ждёт.",
}
"""Why goods are short (D7-12, D8), and what the customer may do about it."""
GOODS = "{name} — {quantity:quantity} {unit}"
PERSON = "{name} ({role})"
DEPUTY = "{name} ({role}, замещает: {instead_of})"

SENTENCES = (
    {f"wait.{key}": text for key, text in waits.WHY.items()}
    | {f"then.{key}": text for key, text in waits.THEN.items()}
    | {f"ended_by.{key}": text for key, text in waits.ENDED_BY.items()}
    | {"ended_by.director": waits.ENDED_BY_DIRECTOR}
    | {f"reason.{key}": text for key, text in credit.REASONS.items()}
    | {f"cure.{key}": text for key, text in credit.CURES.items()}
    | {f"money.{key}": text for key, text in credit.MONEY.items()}
    | {f"gate_cure.{key}": text for key, text in credit.GATE_CURES.items()}
    | {f"ended.{key}": text for key, text in ENDED.items()}
    | {f"turn.{key}": text for key, text in TURNS.items()}
    | {f"climb.{key}": text for key, text in CLIMBS.items()}
    | PEOPLE
    | SHORT
    | OTHERS
)


def spoken(said: Iterable[Said], speech: Speech = RUSSIAN) -> str:
    """Sentences one after another."""
    return " ".join(_sentence(each, speech) for each in said)


def _sentence(said: Said, speech: Speech) -> str:
    figures = {name: _shown(value, speech) for name, value in said.figures.items()}
    text = SENTENCES.get(said.key)
    if text is None:
        return speech.say(credit.UNKNOWN_REASON, code=said.key.rpartition(".")[2])
    return speech.say(text, **figures)


def _shown(value: Any, speech: Speech) -> Any:
    if isinstance(value, tuple):
        return ", ".join(_one(each, speech) for each in value)
    return value


def _one(value: Person | Goods, speech: Speech) -> str:
    if isinstance(value, Goods):
        return speech.say(GOODS, name=value.name, quantity=value.quantity, unit=value.unit)
    return person_text(value, speech)


def person_text(person: Person, speech: Speech = RUSSIAN) -> str:
    """«Олег Сергеев (руководитель отдела продаж)»; a deputy with the one they answer for."""
    template = PERSON if person.instead_of is None else DEPUTY
    role = role_name(person.role, speech)
    return speech.say(template, name=person.name, role=role, instead_of=person.instead_of)
