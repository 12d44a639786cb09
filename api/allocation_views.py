"""Runs of the queue as people read them: who got the goods, who waits, who lost them, and by which rule (U18)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from activities.persistence.allocations import CLAIM_LINE
from activities.persistence.stock_tables import StockAllocationRow
from api.i18n import Language, speech
from api.schemas import decimal_text
from domain.allocation import NOTHING, ClaimLine, Rule, Shelf
from domain.orders import Actor, Role
from domain.wording import Speech, allocation

_ORDERS = text("""
    SELECT o.id, o.number, o.manager_id, o.created_by, customer.name AS customer,
           CASE customer.segment WHEN 'vip' THEN 'vip' ELSE 'standard' END AS rank
      FROM sales_order o JOIN customer ON customer.id = o.customer_id WHERE o.id = ANY(:ids)
""")
_NOT_ABOUT_ORDERS = frozenset({"receipt", "sweep", "count", "reassignment"})
"""Causes that name what a run was about; any other is about an order."""
_OPENING = "opening"


def allocation_list(
    session: Session, rows: Sequence[StockAllocationRow], caller: Actor, language: Language
) -> list[dict[str, Any]]:
    """Entries as the caller may see them: of another manager's order a manager learns its class and quantity (D14)."""
    teller = _Teller(_orders(session, rows), caller, speech(language))
    return [teller.entry(row) for row in rows]


def _orders(session: Session, rows: Sequence[StockAllocationRow]) -> dict[str, Any]:
    """Everybody that a page of runs names, in one question."""
    named = {each["order_id"] for row in rows for each in (*row.claims, *row.losses)}
    named |= {loss["given_to"] for row in rows for loss in row.losses if "given_to" in loss}
    named |= {row.subject_id for row in rows if row.cause not in _NOT_ABOUT_ORDERS}
    ids = [UUID(order) for order in named]
    return {str(row.id): row for row in session.execute(_ORDERS, {"ids": ids})}


@dataclass(frozen=True, slots=True)
class _Served:
    """One stored claim: its line, what it got, by which rule, and what was free on the shelf after it."""

    order_id: str
    vip: bool
    line: ClaimLine
    given: Decimal
    rule: str
    free: Decimal


class _Teller:
    """Tells runs to one caller in one language."""

    def __init__(self, orders: Mapping[str, Any], caller: Actor, spoken: Speech) -> None:
        self._orders, self._caller, self._spoken = orders, caller, spoken

    def entry(self, row: StockAllocationRow) -> dict[str, Any]:
        shelf = Shelf(row.warehouse, row.sku, row.on_hand, row.free_before, row.hold_back_percent)
        served = _served(row)
        gone = [self._gone_back(each) for each in served if each.given < 0]
        return {
            "id": row.id,
            "run": row.run,
            "at": row.at,
            "warehouse": row.warehouse,
            "sku": row.sku,
            "cause": row.cause,
            "cause_text": allocation.cause_text(row.cause, self._spoken),
            "subject": self._subject(row),
            "on_hand": decimal_text(row.on_hand),
            "free_before": decimal_text(row.free_before),
            "free_after": decimal_text(row.free_after),
            "hold_back_percent": decimal_text(row.hold_back_percent),
            "held_back": decimal_text(shelf.held_back),
            "policy_version": row.policy_version,
            "got": [self._given(loss) for loss in row.losses if "given_to" in loss]
            + [self._got(each, shelf) for each in served if each.given > 0],
            "waited": [self._waited(each, shelf, served) for each in served if each.given < each.line.quantity],
            "waiting": row.waiting,
            "lost": [self._lost(loss) for loss in row.losses] + gone,
        }

    def _subject(self, row: StockAllocationRow) -> dict[str, Any]:
        kind, given = row.cause if row.cause in _NOT_ABOUT_ORDERS else "order", row.subject_id
        if kind == "receipt" and given == _OPENING:
            kind = _OPENING
        if kind != "order":
            told = allocation.about_text(kind, "", self._spoken)
            return {"kind": kind, "id": given.removeprefix("receipt:") or None, "number": None, "text": told}
        order = self._orders.get(given)
        if order is None or not self._may_see(order):
            return {"kind": kind, "id": None, "number": None, "text": allocation.anothers_text(self._spoken)}
        told = allocation.about_text(kind, order.number, self._spoken)
        return {"kind": kind, "id": given, "number": order.number, "text": told}

    def _given(self, loss: Mapping[str, Any]) -> dict[str, Any]:
        """What an order got past the queue, by the head's word (D8-4)."""
        return self._order(loss["given_to"], None) | {
            "quantity": decimal_text(Decimal(loss["quantity"])),
            "rule": loss["rule"],
            "text": allocation.got_text(loss["rule"], vip=False, held_back=False, speech=self._spoken),
        }

    def _got(self, served: _Served, shelf: Shelf) -> dict[str, Any]:
        held_back = shelf.held_back > 0
        told = allocation.got_text(served.rule, vip=served.vip, held_back=held_back, speech=self._spoken)
        return self._order(served.order_id, served.vip) | {
            "quantity": decimal_text(served.given),
            "rule": served.rule,
            "text": told,
        }

    def _waited(self, served: _Served, shelf: Shelf, everybody: Sequence[_Served]) -> dict[str, Any]:
        told = allocation.waited_text(
            served.rule,
            nothing_free=shelf.free <= 0 and all(each.given >= 0 for each in everybody),
            speech=self._spoken,
            free=served.free,
            on_hand=shelf.on_hand,
            percent=shelf.hold_back_percent,
        )
        return self._order(served.order_id, served.vip) | {
            "asked": decimal_text(served.line.quantity),
            "quantity": decimal_text(served.line.quantity - served.given),
            "since": served.line.since,
            "rule": served.rule,
            "text": told,
        }

    def _lost(self, loss: Mapping[str, Any]) -> dict[str, Any]:
        return self._order(loss["order_id"], None) | {
            "quantity": decimal_text(Decimal(loss["quantity"])),
            "rule": loss["rule"],
            "text": allocation.lost_text(loss["rule"], self._spoken),
        }

    def _gone_back(self, served: _Served) -> dict[str, Any]:
        return self._order(served.order_id, served.vip) | {
            "quantity": decimal_text(-served.given),
            "rule": "D8-5",
            "text": allocation.lost_text("D8-5", self._spoken),
        }

    def _order(self, order_id: str, vip: bool | None) -> dict[str, Any]:
        """Whose goods; `vip` as it was then, None where only today's class is known."""
        order = self._orders.get(order_id)
        code = order.rank if vip is None and order is not None else "vip" if vip else "standard"
        in_class = {"class": code, "class_text": allocation.class_text(code, self._spoken)}
        if order is None or not self._may_see(order):
            anothers = allocation.anothers_text(self._spoken)
            return {"order": None, "number": None, "customer": None, "name": anothers, **in_class}
        name = allocation.about_text("order", order.number, self._spoken)
        return {"order": order_id, "number": order.number, "customer": order.customer, "name": name, **in_class}

    def _may_see(self, order: Any) -> bool:
        return self._caller.role is not Role.MANAGER or UUID(self._caller.id) in {order.manager_id, order.created_by}


def _served(row: StockAllocationRow) -> list[_Served]:
    """The claims of a run in the order of the queue; what was gathered too long is free for all of them (D8-5)."""
    lines = [(each, CLAIM_LINE.validate_python(each["line"]), Decimal(each["given"])) for each in row.claims]
    free = row.free_before - sum((given for _, _, given in lines if given < 0), NOTHING)
    served = []
    for each, line, given in lines:
        if given > 0:
            free -= given
        served.append(_Served(each["order_id"], each["vip"], line, given, Rule(each["rule"]), free))
    return served
