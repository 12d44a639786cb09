"""What does not add up about stock, in words (D3-10), and what an audit of the queue found (U18)."""

from collections.abc import Mapping
from typing import Any

from domain.wording.speech import RUSSIAN, Speech

DRIFTS = {
    "on_hand": "{sku}, склад {warehouse}: на складе числится {recorded:quantity}, по движениям {counted:quantity}.",
    "reserved": "{sku}, склад {warehouse}: в резерве числится {recorded:quantity}, по заказам {counted:quantity}.",
    "picking": "{sku}, склад {warehouse}: собирается {recorded:quantity}, по заказам {counted:quantity}.",
    "over_promised": "{sku}, склад {warehouse}: обещано {recorded:quantity}, а на складе {counted:quantity}.",
    "shipped": "{sku}: по отгрузкам ушло {recorded:quantity}, списано {counted:quantity}.",
    "ended_holds": "{sku}, склад {warehouse}: завершённый заказ {order} всё ещё держит или ждёт {recorded:quantity}.",
    "expired": "Резерв заказа {order} должен был быть снят {since:moment}, но не снят.",
    "unserved": "{sku}, склад {warehouse}: свободный товар не распределён по очереди, заказ {order} должен был "
    "получить {counted:quantity}.",
}
AUDIT = {
    "given": "{sku}, склад {warehouse}, {at:moment}: заказу {order}, строка {line}, записано {recorded:quantity}, "
    "по расчёту {counted:quantity}.",
    "left": "{sku}, склад {warehouse}, {at:moment}: свободным осталось {recorded:quantity}, по расчёту "
    "{counted:quantity}.",
    "unreadable": "Запись о распределении {run} от {at:moment} не читается.",
    "runs": "Распределений: {runs}, совпало: {sound}, расходится: {differing}.",
    "stock": "Остатков проверено: {shelves}, расхождений: {count}.",
    "more": "… всего расхождений: {count}",
}


def drift_text(kind: str, figures: Mapping[str, Any], speech: Speech = RUSSIAN) -> str:
    """One difference between the figures of stock and its rows."""
    return speech.say(DRIFTS[kind], **figures)


def audit_text(key: str, speech: Speech = RUSSIAN, **figures: Any) -> str:
    """One line of an audit of the queue."""
    return speech.say(AUDIT[key], **figures)
