"""The seed's story, day by day, on a running stack: each step is done, and its effect is looked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from cli.demo import company
from cli.demo.door import Door, StoryError
from cli.demo.scarce import ScarceGoods
from cli.demo.teller import Teller, items
from domain.wording import RUSSIAN

DAY = timedelta(days=1)
_LATEST_SHIFT = 12
"""Days a step of the ladder may be put off by a weekend and holidays."""
REMINDER = "Ваш заказ ждёт оплаты, резерв действует ещё 4 дня"


class Story(Teller):
    """The chapters, in their order.

    Args:
        pause: called after each chapter; a guided demo waits for the person here.
    """

    def __init__(self, data: Path, door: Door, console: Console, pause: Callable[[], None]) -> None:
        super().__init__(door, console)
        self._data = data
        self._pause = pause

    def tell(self) -> None:
        """All chapters.

        Raises:
            StoryError: something did not happen.
        """
        now = datetime.now(UTC)
        company.work_on(self._data, [(now + DAY * ahead).date() for ahead in (6, 7, 8)])
        company.fill(self._data, now.date())
        receipt = {"warehouse": "main", "lines": [{"sku": company.TILE, "quantity": "500"}]}
        self.door.post("warehouse", "/stock/receipts", receipt)
        customer = company.welcome_romashka(self._data, self.door, now.date())
        for chapter in (self._card, self._paid_in_time, self._not_paid, self._scarce, self._over_limit, self._overdue):
            chapter(customer)
            self._pause()

    # -- chapters -------------------------------------------------------------------------------------------------

    def _card(self, customer: str) -> None:
        self.chapter("Карточка клиента")
        card = self.door.get("manager", f"/customers/{customer}")
        self.expect("долг 700 975 ₸", card["debt"]["amount"] == str(company.DEBT), card["debt"])
        nearest = card["nearest_payment"]
        self.expect("ближайший платёж 247 500 ₸", nearest["amount"]["amount"] == str(company.NEXT_PAYMENT), nearest)
        self.done(f"{card['name']}: долг {_money(card['debt'])}, ближайший платёж {_money(nearest['amount'])}, "
                   f"доступно {_money(card['available'])}. {card['verdict']}")  # fmt: skip

    def _paid_in_time(self, customer: str) -> None:
        self.chapter("День за днём: клиент платит")
        before = self._free()
        order = self._prepaid_order(customer)
        path, process = f"/orders/{order['id']}", order["workflow_id"]
        order = self.until(lambda: self.door.get("manager", path), lambda seen: seen["status"] == "awaiting_payment")
        [line] = order["reservation"]["lines"]
        self.expect("зарезервировано 100", line["quantity"] == "100", line)
        self.expect("свободно на 100 меньше", self._free() == before - 100, self._free())
        notice = self.letter("manager@opora.local", order["number"])
        self.done(f"День 1. Заказ {order['number']}: резерв 100 м² до {_day(order['reservation']['expires_at'])}. "
                   f"Менеджеру: «{notice['subject']}»", self.door.now(process))  # fmt: skip

        at = self.door.move(process, 3 * DAY)
        letter = self.letter(company.BUYER, REMINDER)
        self.done(f"День 3. Клиенту на {letter['to']}: «{REMINDER}»", at)

        at = self.door.move(process, 2 * DAY - timedelta(hours=1))
        told = self.door.post("accountant", "/bank-statements", _statement(order, at))
        self.expect("платёж из выписки принят", told["payments_created"] == 1, told)
        order = self.until(lambda: self.door.get("manager", path), lambda seen: seen["status"] == "ready")
        task = self.task("warehouse", "picking", order["number"])
        self.done(f"День 5. Выписка банка: {_money(order['total'])} по заказу {order['number']}. "
                   f"Складу: «{task['subject']}»", at)  # fmt: skip
        again = self.door.post("accountant", "/bank-statements", _statement(order, at))
        self.expect("та же выписка ничего не удвоила", again["payments_created"] == 0, again)
        self.door.post("warehouse", f"{path}/start-picking")
        order = self.door.post("warehouse", f"{path}/ship")
        order = self.until(lambda: self.door.get("manager", path), lambda seen: seen["status"] == "closed")
        self.done(f"Собран и отгружен, счёт {order['invoices'][0]['number']} оплачен. Заказ завершён", at)

    def _not_paid(self, customer: str) -> None:
        self.chapter("А если бы клиент не оплатил")
        before = self._free()
        order = self._prepaid_order(customer)
        path, process = f"/orders/{order['id']}", order["workflow_id"]
        self.until(lambda: self.door.get("manager", path), lambda seen: seen["status"] == "awaiting_payment")
        at = self.door.move(process, 7 * DAY)
        if self.door.get("manager", path)["reservation"]["status"] == "active":
            # A source of payments that was killed at this moment is asked again a day later (D7-6).
            at = self.door.move(process, DAY)
        order = self.until(
            lambda: self.door.get("manager", path), lambda seen: seen["reservation"]["status"] == "released"
        )
        self.expect("товар вернулся в свободный остаток", self._free() == before, self._free())
        task = self.task("manager", "call_unpaid", order["number"])
        self.done(f"День 7. Резерв снят, свободно {self._free()} м². Менеджеру: «{task['subject']}»", at)

    def _scarce(self, _customer: str) -> None:
        ScarceGoods(self).tell()

    def _over_limit(self, customer: str) -> None:
        self.chapter("Лимит: согласование и стоп")
        order = self._order(customer, quantity="340")
        decision = self._place(order)
        self.expect("превышение идёт на согласование", decision["outcome"] == "approval", decision)
        self.done(f"Заказ {order['number']} на {_money(order['total'])}: {decision['reasons'][0]['text']}")
        self.door.post("head", f"/orders/{order['id']}/approval", {"decision": "reject", "comment": "сначала оплата"})
        order = self._order(customer, quantity="1000")
        decision = self._place(order)
        self.expect("больше двойного лимита — стоп", decision["outcome"] == "stop", decision)
        why = self.door.get("manager", f"/orders/{order['id']}/why")
        self.done(f"Заказ {order['number']} на {_money(order['total'])}: {why['text']}")
        self.door.post("manager", f"/orders/{order['id']}/cancel", {"reason": "клиент уменьшает заказ"})

    def _overdue(self, customer: str) -> None:
        self.chapter("Счёт не оплачен: 7, 14 и 30 дней")
        order = self._order(customer, quantity="110", price="2500.00")
        decision = self._place(order)
        self.expect("заказ прошёл сразу", decision["outcome"] == "auto", decision)
        path = f"/orders/{order['id']}"
        self.until(lambda: self.door.get("manager", path), lambda seen: seen["status"] == "ready")
        self.door.post("warehouse", f"{path}/start-picking")
        order = self.door.post("warehouse", f"{path}/ship")
        [invoice] = order["invoices"]
        number, process = invoice["number"], invoice["workflow_id"]
        due = datetime.fromisoformat(invoice["due_date"]).replace(tzinfo=UTC)
        self.done(f"Отгружено с отсрочкой: счёт {number} на {_money(invoice['amount'])}, срок {due:%d.%m.%Y}")

        self._ladder(process, due, 3, lambda: self.find_letter(company.BUYER, number, "истёк"), "Клиенту: «{}»")
        self._notice(number, self.door.now(process))
        self._ladder(process, due, 7, lambda: self.find_task("manager", "call_overdue", number), "Менеджеру: «{}»")
        self._ladder(process, due, 14, lambda: self.find_task("head", "overdue_review", number), "Руководителю: «{}»")
        self._ladder(process, due, 30, lambda: self._find_case(customer), "Юристу: дело {}")

    # -- what people do -------------------------------------------------------------------------------------------

    def _place(self, order: dict[str, Any]) -> dict[str, Any]:
        """Place an order; when the answer came before the decision, look for it."""
        path = f"/orders/{order['id']}"
        placed: dict[str, Any] = self.door.post("manager", f"{path}/place")
        if placed["decision"] is None:
            placed = self.until(lambda: self.door.get("manager", path), lambda seen: seen["decision"] is not None)
        decision: dict[str, Any] = placed["decision"]
        return decision

    def _prepaid_order(self, customer: str) -> dict[str, Any]:
        order = self._order(customer, quantity="100", prepaid=True)
        decision = self._place(order)
        self.expect("предоплата проходит сразу", decision["outcome"] == "auto", decision)
        return order

    def _order(
        self, customer: str, *, quantity: str, price: str | None = None, prepaid: bool = False
    ) -> dict[str, Any]:
        line = {"sku": company.TILE, "quantity": quantity} | ({"price": price} if price else {})
        body: dict[str, Any] = {"customer_id": customer, "lines": [line]}
        if prepaid:
            body["payment_terms"] = {"deferral_days": 0, "prepayment_percent": 100}
        order: dict[str, Any] = self.door.post("manager", "/orders", body)
        return order

    def _ladder(
        self, process: str, due: datetime, days: int, find: Callable[[], dict[str, Any] | None], words: str
    ) -> None:
        """Move to so many days past due, and on to the working day on which the step is done."""
        at = self.door.move(process, max(due + days * DAY - self.door.now(process), timedelta(0)) + DAY / 2)
        found = find()
        for _ in range(_LATEST_SHIFT):
            if found:
                break
            at = self.door.move(process, DAY)
            found = find()
        if not found:
            raise StoryError(f"+{days}: ничего не произошло до {at:%d.%m.%Y}")
        self.done(f"+{RUSSIAN.counted(days, 'days')}. " + words.format(found.get("subject") or found.get("number")), at)

    def _notice(self, number: str, at: datetime) -> None:
        text = "У ООО «Ромашка» просрочка"
        letters = [letter for letter in self.door.mail() if letter["to"] == "manager@opora.local"]
        notice = next((letter for letter in letters if text in letter["text"]), None)
        self.expect("менеджеру сказано о просрочке", notice is not None, number)
        if notice:
            self.done(f"Менеджеру: «{_first_line(notice['text'])}»", at)

    # -- looking for effects --------------------------------------------------------------------------------------

    def _free(self) -> Decimal:
        return Decimal(self.door.get("manager", f"/stock/{company.TILE}")["free"])

    def _find_case(self, customer: str) -> dict[str, Any] | None:
        cases = items(self.door.get("lawyer", "/legal-cases"))
        return next((case for case in cases if _customer_of(case) == customer), None)


def _customer_of(case: dict[str, Any]) -> str:
    customer = case.get("customer_id") or case.get("customer", {}).get("id")
    return str(customer)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0]


def _money(money: dict[str, str]) -> str:
    figure = f"{Decimal(money['amount']):,.2f}".replace(",", " ").replace(".", ",")
    return f"{figure} {'₸' if money['currency'] == 'KZT' else '₽'}"


def _day(instant: str) -> str:
    return f"{datetime.fromisoformat(instant):%d.%m.%Y}"


def _statement(order: dict[str, Any], at: datetime) -> bytes:
    """The bank's file of the day, as a bank in Kazakhstan writes it: cp1251, one incoming payment."""
    amount, day = order["total"]["amount"], f"{at:%d.%m.%Y}"
    lines = (
        "1CClientBankExchange",
        "ВерсияФормата=2.00",
        "Кодировка=Windows",
        f"ДатаСоздания={day}",
        f"ДатаНачала={day}",
        f"ДатаКонца={day}",
        "РасчСчет=KZ68125KZT2026100417",
        "СекцияДокумент=ПлатежноеПоручение",
        f"НомерДокумента={order['number'][-6:]}",
        f"ДатаДокумента={day}",
        f"ДатаОперации={day}",
        f"Сумма={amount}",
        f"СуммаПриход={amount}",
        "ПлательщикНаименование=ООО Ромашка",
        f"ПлательщикБИН_ИИН={order['customer_tax_id']}",
        "ПлательщикИИК=KZ86125KZT5004100100",
        "ПолучательНаименование=ТОО Опора Снаб",
        "ПолучательБИН_ИИН=210440003120",
        "ПолучательИИК=KZ68125KZT2026100417",
        f"НазначениеПлатежа=Оплата по заказу {order['number']} за плитку керамическую",
        "КонецДокумента",
        "КонецФайла",
    )
    return "\r\n".join(lines).encode("cp1251")
