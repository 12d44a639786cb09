"""Goods run short: an ordinary customer and a key customer want the same glue (D7-12, D8-1, D8-2)."""

from typing import Any
from uuid import uuid4

from cli.demo import company
from cli.demo.teller import Teller

PREPAID = {"deferral_days": 0, "prepayment_percent": 100}


class ScarceGoods:
    """One chapter: 100 bags, 85 of them promised; ten are wanted by each of two customers, then a truck arrives."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._door = teller.door
        self._sku = f"KLEY-{uuid4().hex[:6].upper()}"

    def tell(self) -> None:
        """Who gets what, who waits and why, and who is served first when goods come."""
        self._teller.chapter("Товара не хватает: обычный и ключевой клиент")
        ordinary, key = self._customer("ООО «Василёк»", "standard"), self._customer("ТОО «Эдельвейс»", "vip")
        self._door.post("head", "/products", {"sku": self._sku, "name": "Клей для плитки, мешок 25 кг", "unit": "меш",
                                              "price": "1875.50", "vat_rate": "16"})  # fmt: skip
        self._receive("100")
        first = self._wants(ordinary, "85")
        self._expect_held(first, "85", "0")
        short = self._wants(ordinary, "10")
        self._expect_held(short, "5", "5")
        self._teller.done(f"Свободно 15 из 100, десятая часть — для ключевых клиентов: заказу {short['number']} "
                          "досталось 5 из 10, ещё 5 ждут")  # fmt: skip
        vip = self._wants(key, "10")
        self._expect_held(vip, "10", "0")
        shelf = self._door.get("manager", f"/stock/{self._sku}")
        self._teller.expect("свободного не осталось", shelf["free"] == "0", shelf)
        self._teller.done(f"Ключевой клиент получил все 10: заказ {vip['number']}. Свободно 0")
        self._explain(short)
        later = self._wants(key, "3")
        self._expect_held(later, "0", "3")
        self._receive("20")
        self._expect_held(later, "3", "0")
        self._expect_held(short, "10", "0")
        shelf = self._door.get("manager", f"/stock/{self._sku}")
        self._teller.expect("десятая часть осталась", shelf["free"] == "12", shelf)
        self._teller.done(f"Пришло 20: сначала ключевой клиент ({later['number']}, 3), затем {short['number']} (5). "
                          "Свободно 12 из 120")  # fmt: skip
        for order in (first, short, vip, later):
            self._door.post("manager", f"/orders/{order['id']}/cancel", {"reason": "конец главы"})

    def _explain(self, order: dict[str, Any]) -> None:
        """The answer to «почему ему досталось столько»: who got it, by which rule."""
        entries = self._door.get("head", f"/stock/{self._sku}/allocations?order_id={order['id']}")["items"]
        told = [got["text"] for entry in entries for got in entry["got"] if got["order"] == order["id"]]
        self._teller.expect("распределение объясняется", bool(told), entries)
        self._teller.done(f"Почему 5: {told[-1]}")

    def _customer(self, name: str, segment: str) -> str:
        body = {"name": name, "country": "KZ", "tax_id": company.new_bin(), "segment": segment, "currency": "KZT",
                "credit_limit": "0.00", "payment_terms": PREPAID, "manager": "manager",
                "contacts": [{"role": "buyer", "name": "Снабженец", "email": company.BUYER}]}  # fmt: skip
        return str(self._door.post("head", "/customers", body)["id"])

    def _receive(self, quantity: str) -> None:
        receipt = {"warehouse": "main", "lines": [{"sku": self._sku, "quantity": quantity}]}
        self._door.post("warehouse", "/stock/receipts", receipt)

    def _wants(self, customer: str, quantity: str) -> dict[str, Any]:
        body = {"customer_id": customer, "lines": [{"sku": self._sku, "quantity": quantity}]}
        order: dict[str, Any] = self._door.post("manager", "/orders", body)
        self._door.post("manager", f"/orders/{order['id']}/place")
        return order

    def _expect_held(self, order: dict[str, Any], reserved: str, waiting: str) -> dict[str, Any]:
        """Wait until the order has so much set aside, and so much to wait for."""

        def line() -> dict[str, Any]:
            held = self._door.get("manager", f"/orders/{order['id']}")["reservation"]
            return dict(held["lines"][0]) if held else {}

        seen: dict[str, Any] = self._teller.until(
            line, lambda seen: (seen.get("quantity"), seen.get("backordered")) == (reserved, waiting)
        )
        return seen
