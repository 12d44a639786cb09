"""Who got goods, who waited and why: one sentence for each rule of the queue (U18, D7, D8)."""

from typing import Any

from domain.wording.speech import RUSSIAN, Speech

CAUSES = {
    "order": "Новый заказ",
    "revision": "Заказ изменился",
    "receipt": "Поступил товар",
    "expiry": "Вышел срок резерва",
    "ended": "Заказ завершён или отменён",
    "shipment": "Заказ отгружен",
    "closed_short": "Остаток заказа закрыт без отгрузки",
    "count": "Остаток пересчитан",
    "reassignment": "Товар передан по решению руководителя",
    "sweep": "Ежечасный обход очереди",
}
GOT = {
    "in_turn": "Подошла очередь, товара хватило.",
    "in_turn:standard": "Подошла очередь, товара хватило и после того, что придержано для ключевых клиентов.",
    "lifted": "Заказ ждал так долго, что стоит наравне с ключевыми клиентами: товара хватило.",
    "returned_first": "Товар этого заказа отдавали другому, поэтому он первый среди клиентов своей категории.",
    "ran_out": "Подошла очередь, товара хватило не на всё: досталось, что оставалось.",
    "held_back": "Досталось, что было сверх придержанного для ключевых клиентов.",
    "gathering": "Заказ отгружается целиком, и его уже не раз обходили другие заказы: товар для него накапливается.",
    "D8-4": "Товар передан этому заказу по решению руководителя.",
    "": "Товар получен.",
}
WAITED = {
    "ran_out": "Свободного товара больше нет: его получили те, чья очередь раньше.",
    "ran_out:none": "Свободного товара нет.",
    "held_back": "Придержано для ключевых клиентов: свободно {free:quantity} из {on_hand:quantity}, придерживается "
    "{percent:quantity} %.",
    "whole_only": "Заказ отгружается только целиком, а всего товара для него пока нет: свободно {free:quantity}.",
    "gathering": "Заказ отгружается целиком: товар для него копится, всего пока нет.",
    "gathered_too_long": "Товар накапливали дольше допустимого, но полностью он так и не набрался: накопленное "
    "возвращено в свободный остаток.",
    "": "Ждёт своей очереди.",
}
LOST = {
    "D6-6": "Заказ уменьшен: лишнее снова свободно.",
    "D7-5": "Срок резерва вышел, а отгрузка не началась: товар снова свободен.",
    "D7-6": "Срок резерва вышел без оплаты: товар снова свободен.",
    "D7-14": "Остаток заказа закрыт без отгрузки: товар снова свободен.",
    "D7-15": "На складе оказалось меньше, чем было обещано: этому заказу не хватило.",
    "D7-17": "Заказ завершён или отменён: его товар снова свободен.",
    "D8-4": "Товар по решению руководителя передан другому заказу; этот теперь первый среди клиентов своей категории.",
    "D8-5": "Товар накапливали дольше допустимого, но полностью он так и не набрался: накопленное возвращено в "
    "свободный остаток.",
    "": "Товар заказа снова свободен.",
}
SUBJECTS = {
    "order": "Заказ {number}",
    "receipt": "Приход на склад",
    "opening": "Начальные остатки",
    "count": "Пересчёт остатков",
    "reassignment": "Передача товара другому заказу",
    "sweep": "Обход очереди",
}
ANOTHERS = "заказ другого менеджера"
OF_ANOTHER = "другого менеджера"
CLASSES = {"vip": "ключевой клиент", "standard": "обычный клиент"}


def cause_text(cause: str, speech: Speech = RUSSIAN) -> str:
    """What set the queue in motion."""
    return speech.say(CAUSES[cause]) if cause in CAUSES else cause


def got_text(rule: str, *, vip: bool, held_back: bool, speech: Speech = RUSSIAN) -> str:
    """Why a line got what it got; `held_back`: something is kept for key customers on this shelf."""
    key = f"{rule}:standard" if held_back and not vip and f"{rule}:standard" in GOT else rule
    return speech.say(GOT.get(key, GOT[""]))


def waited_text(rule: str, *, nothing_free: bool, speech: Speech = RUSSIAN, **figures: Any) -> str:
    """Why a line waits; `nothing_free`: there was nothing to be handed out to anybody."""
    key = f"{rule}:none" if nothing_free and f"{rule}:none" in WAITED else rule
    return speech.say(WAITED.get(key, WAITED[""]), **figures)


def lost_text(rule: str, speech: Speech = RUSSIAN) -> str:
    """By which rule of the book a promise ended."""
    return speech.say(LOST.get(rule, LOST[""]))


def about_text(kind: str, number: str, speech: Speech = RUSSIAN) -> str:
    """What freed the goods, or asked for them."""
    return speech.say(SUBJECTS[kind], number=number)


def class_text(code: str, speech: Speech = RUSSIAN) -> str:
    """The class of a customer in the queue."""
    return speech.say(CLASSES[code])


def anothers_text(speech: Speech = RUSSIAN) -> str:
    """An order of another manager: it is in the queue, but nothing more is told of it (D14)."""
    return speech.say(ANOTHERS)


def number_of_anothers(speech: Speech = RUSSIAN) -> str:
    """What stands in a sentence where the number of another manager's order would (D14)."""
    return speech.say(OF_ANOTHER)
