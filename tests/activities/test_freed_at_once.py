"""A freed or received quantity is with whoever waits for it at the very commit that freed it: nobody else ever sees it
free (D7-6, D7-14, D7-17, D6-6, D8-1)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlmodel import Session
from support.company import MONDAY, a_company, a_customer, a_product, a_quote
from support.goods import a_step, decide, pick, receipt, reserve, ship_picked, stock_of

from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.revisions import RevisionActivities
from activities.stock import StockActivities
from domain.orders import EndRequest, LineQuantity, OrderStatus
from domain.revisions import ReviseCommand, RevisedLine, ReviseRequest

_SEEN = text("""
    SELECT stock.on_hand - stock.reserved - stock.picking AS free,
           (SELECT coalesce(sum(quantity), 0) FROM reservation_line line
             WHERE (line.warehouse, line.sku, line.state) = (stock.warehouse, stock.sku, 'waiting')) AS waiting
      FROM stock WHERE stock.warehouse = 'main' AND stock.sku = :sku
""")


@dataclass
class Onlooker:
    """Somebody on another connection who looks at a shelf again and again, each time at one unchanging view."""

    engine: Engine
    sku: str
    seen: list[tuple[int, int]] = field(default_factory=list)

    def look(self) -> None:
        with self.engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            free, waiting = connection.execute(_SEEN, {"sku": self.sku}).one()
        self.seen.append((int(free), int(waiting)))

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look all the time from a thread, and right after every commit besides."""
        over = threading.Event()

        def all_the_time() -> None:
            while not over.is_set():
                self.look()

        def after_commit(_session: Session) -> None:
            self.look()

        thread = threading.Thread(target=all_the_time)
        event.listen(Session, "after_commit", after_commit)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            event.remove(Session, "after_commit", after_commit)


class Scene:
    """Ten pieces promised to a first order, and a second one that waits for ten more."""

    def __init__(self, engine: Engine, *, prepaid: int = 0) -> None:
        self.engine, self.company = engine, a_company(engine)
        self.sku = a_product(engine, on_hand="10")
        self.first = self._placed("10", prepaid)
        self.second = self._placed("10", 0)

    def _placed(self, quantity: str, prepaid: int) -> str:
        customer = a_customer(self.engine, self.company, prepayment_percent=prepaid)
        order = a_quote(self.engine, self.company.manager, customer, self.sku, quantity=quantity)
        decide(self.engine, self.company, order)
        reserve(self.engine, order)
        return order


def expires(scene: Scene) -> None:
    LifetimeActivities(scene.engine).release_order(a_step(scene.first, 2, at=MONDAY + timedelta(days=7)))


def is_cancelled(scene: Scene) -> None:
    StockActivities(scene.engine).free_order_stock(a_step(scene.first, 2))
    OrderActivities(scene.engine).end_order(
        EndRequest(scene.first, OrderStatus.CANCELLED, scene.company.manager, "передумал", MONDAY)
    )


def shrinks(scene: Scene) -> None:
    command = ReviseCommand(scene.company.manager, lines=(RevisedLine(scene.sku, Decimal(4)),), reason="меньше")
    RevisionActivities(scene.engine).revise_order(ReviseRequest(scene.first, 2, command, MONDAY))
    StockActivities(scene.engine).fit_reserve(a_step(scene.first, 3))


def ships_short(scene: Scene) -> None:
    ship_picked(scene.engine, scene.company, scene.first, lines=(LineQuantity(scene.sku, Decimal(3)),))


def comes_in(scene: Scene) -> None:
    receipt(scene.engine, scene.sku, "6")


@pytest.mark.parametrize(
    ("frees", "prepaid", "left"),
    [(expires, 100, 0), (is_cancelled, 0, 0), (shrinks, 0, 4), (ships_short, 0, 3), (comes_in, 0, 4)],
)
def test_nobody_sees_it_free_while_another_waits(
    engine: Engine, frees: Callable[[Scene], Any], prepaid: int, left: int
) -> None:
    scene = Scene(engine, prepaid=prepaid)
    if frees is ships_short:
        pick(engine, scene.company, scene.first)
    onlooker = Onlooker(engine, scene.sku)
    onlooker.look()
    with onlooker.looking():
        frees(scene)

    assert onlooker.seen[0] == (0, 10)
    assert set(onlooker.seen) == {(0, 10), (0, left)}, "only as it was and as it is, and never free between"
    assert len(onlooker.seen) > 3
    on_hand, reserved, picking = stock_of(engine, scene.sku)
    assert on_hand == reserved + picking
