"""A storm of steps on the goods of many orders, from many threads at once; some commits fail, and the step is tried
again as Temporal tries it.

Each thread does what a person or a workflow might do next by what it sees of an order: it looks without a lock, so
what it asks for may come too late. Steps of one order take turns, as those of its workflow do.
"""

import random
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_customer, a_product
from support.goods import decide, tie_money
from support.goods_operations import OPERATIONS, OVER, Sight

from activities.credit import CreditActivities
from activities.fulfilment import FulfilmentActivities
from activities.invoicing import InvoicingActivities
from activities.letters import compose
from activities.lifetimes import LifetimeActivities
from activities.orders import OrderActivities
from activities.persistence import orders
from activities.persistence.calendars import load_calendar
from activities.persistence.counts import Count, count_stock
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.quotes import QuoteDraft, QuoteLine, write_quote
from activities.persistence.reassignments import NewRequest, decide_request, request_goods
from activities.persistence.receipts import receive
from activities.persistence.stock_tables import ReservationLineRow, StockRow
from activities.revisions import RevisionActivities
from activities.stock import StockActivities
from domain import waits
from domain.credit_steps import CreditRequest
from domain.errors import DomainError
from domain.invoicing import InvoiceRequest
from domain.orders import (
    SYSTEM,
    Actor,
    EndRequest,
    ExtendCommand,
    ExtendRequest,
    LineQuantity,
    OrderStatus,
    OrderStep,
    ShipCommand,
    ShipRequest,
    WaitReason,
)
from domain.policy import Policy
from domain.revisions import ReviseCommand, RevisedLine, ReviseRequest

HOLD_BACK = {"A": Decimal(10), "B": Decimal(0), "C": Decimal(0)}
WAREHOUSES = ("main", "north")
PACE = timedelta(minutes=70)
"""So much business time passes from step to step: reserves run out and orders starve while the storm blows."""
CUT = "57P01"
"""The connection was cut by an administrator."""
WAITED = {"55P03": "waited", "57014": "waited"}
"""No lock within the wait, no end within the statement's time (D3-3)."""

Step = Callable[[], Any]

_COULD_GIVE = text("""
    SELECT held.order_id AS giver, wants.order_id AS taker, held.warehouse, held.sku
      FROM reservation_line held JOIN reservation_line wants USING (warehouse, sku)
      JOIN sales_order o ON o.id = wants.order_id JOIN customer ON customer.id = o.customer_id
     WHERE held.state = 'reserved' AND wants.state = 'waiting' AND customer.segment = 'vip'
       AND held.order_id <> wants.order_id ORDER BY 1, 2, 3, 4
""")


class AbortedError(Exception):
    """The worker died before its transaction was committed."""


@dataclass
class GoodsStorm:
    """Orders of key and ordinary customers for a few products at two warehouses, and what is done to them.

    Attributes:
        trouble: share of commits that fail: the worker dies, or its connection is cut.
        refused: refusals by code: a step that came too late, or too early.
        retried: what a step was tried again for.
        broken: what must not happen.
        took: seconds that each step took, with its waits.
    """

    engine: Engine
    company: Company
    seed: int
    trouble: float = 0.06
    orders: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    _serial: Any = field(default_factory=lambda: count(100))
    _troubles: Any = field(default_factory=count)
    _turns: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _blowing: bool = False

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.stock, self.lifetimes = StockActivities(self.engine), LifetimeActivities(self.engine)
        self.fulfilment, self.invoicing = FulfilmentActivities(self.engine), InvoicingActivities(self.engine)
        self.credit, self.order_steps = CreditActivities(self.engine), OrderActivities(self.engine)
        self.revisions = RevisionActivities(self.engine)
        event.listen(self.engine, "commit", self._before_commit)

    # -- the world ------------------------------------------------------------------------------------------------

    def prepare(self, how_many: int) -> None:
        """Products with some goods, customers, and confirmed orders that ask for more than there is."""
        for sku, share in HOLD_BACK.items():
            a_product(self.engine, sku=sku, price="1000", hold_back=str(share))
            for warehouse in WAREHOUSES:
                self.receive(warehouse, {sku: self.random.randrange(5, 40)}, MONDAY)
        customers = [
            a_customer(self.engine, self.company, limit="100000000", prepayment_percent=prepayment, segment=segment)
            for segment in ("vip", "standard", "standard")
            for prepayment in (0, 100)
        ]
        for _ in range(how_many):
            order = self._quote(self.random.choice(customers))
            decide(self.engine, self.company, order)
            self.orders.append(order)
        self._confirm_at_times_of_their_own()

    def _quote(self, customer: CustomerRow) -> str:
        skus = self.random.sample(sorted(HOLD_BACK), self.random.choice([1, 1, 2, 3]))
        lines = [QuoteLine(sku, Decimal(self.random.randrange(1, 16)), None, self.random.choice(WAREHOUSES))
                 for sku in skus]  # fmt: skip
        draft = QuoteDraft(lines, None, None, ship_complete=self.random.random() < 0.3, comment=None)
        with Session(self.engine) as session, session.begin():
            row = session.get_one(CustomerRow, customer.id)
            return str(write_quote(session, row, draft, self.company.manager, now=MONDAY).id)

    def _confirm_at_times_of_their_own(self) -> None:
        with Session(self.engine) as session, session.begin():
            for order in self.orders:
                session.get_one(OrderRow, UUID(order)).confirmed_at = MONDAY + timedelta(
                    seconds=self.random.randrange(3600)
                )

    # -- what is done ---------------------------------------------------------------------------------------------

    def reserve(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        self._step(self.stock.reserve_order, seen, at)

    def look_again(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        self.run(lambda: self.order_steps.look_again(seen.order, at))

    def pay(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        amount = str(rnd.choice([5000, 1000000]))
        self.run(lambda: tie_money(self.engine, seen.order, amount))
        self.look_again(seen, at, rnd)

    def release(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        self._step(self.lifetimes.release_order, seen, at)
        if self.see(seen.order).reason is WaitReason.LATE_PAYMENT:
            self._step(self.order_steps.after_release, seen, at)

    def extend(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        command = ExtendCommand(rnd.choice([self.company.manager, self.company.head]), "платёжка")
        request = ExtendRequest(seen.order, next(self._serial), command, at)
        self.run(lambda: self.lifetimes.extend_reservation(request))

    def decide(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        request = CreditRequest(seen.order, self.company.manager, f"decision-{next(self._serial)}", at)
        self.run(lambda: self.credit.decide_order_credit(request))

    def revise(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        skus = rnd.sample(sorted(HOLD_BACK), rnd.choice([1, 2, 3]))
        lines = tuple(RevisedLine(sku, Decimal(rnd.randrange(1, 16))) for sku in skus)
        command = ReviseCommand(self.company.manager, lines=lines, reason="правка")
        request = ReviseRequest(seen.order, next(self._serial), command, at)
        outcome = self.run(lambda: self.revisions.revise_order(request))
        if outcome is not None and outcome.refit:
            self._step(self.stock.fit_reserve, seen, at)

    def cancel(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        self._step(self.stock.free_order_stock, seen, at)
        request = EndRequest(seen.order, OrderStatus.CANCELLED, self.company.manager, "передумали", at)
        self.run(lambda: self.order_steps.end_order(request))

    def pick(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        """One warehouse begins, or all that hold goods of the order."""
        warehouse = rnd.choice([None, None, *WAREHOUSES])
        request = OrderStep(seen.order, next(self._serial), self.company.warehouse, at, warehouse)
        self.run(lambda: self.fulfilment.start_picking(request))

    def meet_gate(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        """Picked goods stand before a closed gate, as after a look at an overdue invoice."""

        def close() -> None:
            with Session(self.engine) as session, session.begin():
                order = orders.lock_order(session, seen.order)
                if order.status == OrderStatus.PICKING:
                    calendar = load_calendar(session, "KZ", "Asia/Almaty")
                    orders.set_state(order, waits.gate_closed(at, Policy(), calendar), at=at)

        self.run(close)

    def unpick(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        self._step(self.stock.unpick_order, seen, at)

    def ship(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        """All that one warehouse picked, or a part of it; then the invoice, as the workflow issues it."""
        picked = self._picked(seen.order)
        warehouse = rnd.choice(sorted({line.warehouse for line in picked}) or ["main"])
        some = [line for line in picked if line.warehouse == warehouse and rnd.random() < 0.5]
        lines = tuple(LineQuantity(line.sku, Decimal(rnd.randint(1, int(line.quantity)))) for line in some)
        number = next(self._serial)
        request = ShipRequest(seen.order, number, ShipCommand(self.company.warehouse, lines, warehouse), at)
        if self.run(lambda: self.fulfilment.ship_order(request)) is not None:
            self.run(lambda: self.invoicing.invoice_shipment(InvoiceRequest(seen.order, number, at)))

    def receipt(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        warehouse = rnd.choice(WAREHOUSES)
        goods = {sku: rnd.randrange(1, 9) for sku in rnd.sample(sorted(HOLD_BACK), rnd.choice([1, 2, 3]))}
        key = f"receipt-{next(self._serial)}"
        self.run(lambda: self.receive(warehouse, goods, at, key=key))

    def receive(self, warehouse: str, goods: dict[str, int], at: datetime, *, key: str | None = None) -> list[UUID]:
        lines = [LineQuantity(sku, Decimal(quantity)) for sku, quantity in goods.items()]
        with Session(self.engine) as session, session.begin():
            return receive(session, warehouse, lines, key=key or f"receipt-{next(self._serial)}", as_of=at)

    def count(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        """A little more or less lies there than is thought."""
        warehouse, sku = rnd.choice(WAREHOUSES), rnd.choice(sorted(HOLD_BACK))
        with Session(self.engine) as session:
            row = session.get(StockRow, (warehouse, sku))
        figure = max(Decimal(0), (row.on_hand if row else Decimal(0)) + rnd.randint(-8, 4))
        counted = Count(f"count-{next(self._serial)}", warehouse, {sku: figure}, "пересчёт")

        def write() -> None:
            with Session(self.engine) as session, session.begin():
                count_stock(session, counted, self.company.warehouse, at=at)

        self.run(write)

    def reassign(self, seen: Sight, at: datetime, rnd: random.Random) -> None:
        """A head asks an ordinary customer's goods for a key customer, and the director agrees."""
        with self.engine.connect() as connection:
            pairs = connection.execute(_COULD_GIVE).all()
        if not pairs:
            return
        pair = rnd.choice(pairs)
        asked = NewRequest(pair.warehouse, pair.sku, pair.giver, pair.taker, Decimal(rnd.randrange(1, 6)), "срочно")

        def ask() -> UUID:
            with Session(self.engine) as session, session.begin():
                return request_goods(session, asked, self.company.head, at=at).id

        def agree() -> None:
            with Session(self.engine) as session, session.begin():
                decide_request(session, request, self.company.director, approve=True, comment=None, compose=compose,
                               at=at)  # fmt: skip

        request = self.run(ask)
        if request is not None:
            self.run(agree)

    def _picked(self, order: str) -> list[ReservationLineRow]:
        with Session(self.engine) as session:
            query = select(ReservationLineRow).where(
                ReservationLineRow.order_id == UUID(order), ReservationLineRow.state == "picking"
            )
            return list(session.exec(query))

    # -- running --------------------------------------------------------------------------------------------------

    def blow(self, steps: int, *, threads: int = 12) -> None:
        """Do so many things, from many threads; then let every order settle."""
        gate, left = threading.Barrier(threads), iter(range(steps))
        turn = threading.Lock()

        def work(thread: int) -> None:
            rnd = random.Random(self.seed * 1000 + thread)
            gate.wait()
            while True:
                with turn:
                    number = next(left, None)
                if number is None:
                    return
                at = MONDAY + number * PACE + timedelta(seconds=rnd.randrange(3600))
                try:
                    self._do_something(rnd, at)
                except Exception:
                    self.broken.append(traceback.format_exc())

        self._blowing = True
        with ThreadPoolExecutor(threads) as pool:
            for each in [pool.submit(work, thread) for thread in range(threads)]:
                each.result()
        self._blowing = False

    def _do_something(self, rnd: random.Random, at: datetime) -> None:
        """Something with an order that is not over yet."""
        for order in rnd.sample(self.orders, len(self.orders)):
            with self._turns[order]:
                seen = self.see(order)
                if seen.status in OVER:
                    continue
                sensible = [each for each in OPERATIONS if each.sensible(seen)]
                [chosen] = rnd.choices(sensible, [each.weight for each in sensible])
                getattr(self, chosen.name)(seen, at, rnd)
                self.done[chosen.name] += 1
                return

    def see(self, order: str) -> Sight:
        with Session(self.engine) as session:
            state = orders.state_of(session.get_one(OrderRow, UUID(order)))
        return Sight(order, state.status, state.wait)

    def _step(self, activity: Callable[[OrderStep], Any], seen: Sight, at: datetime, actor: Actor = SYSTEM) -> Any:
        request = OrderStep(seen.order, next(self._serial), actor, at)
        result = self.run(lambda: activity(request))
        if result is not None and self.random.random() < self.trouble:  # the answer was lost
            again = self.run(lambda: activity(request))
            if again != result:
                self.broken.append(f"{request} came to {result}, then to {again}")
        return result

    def run(self, step: Step) -> Any:
        """One step to its end: refused, or done, after as many tries as it takes; its result."""
        begun = time.monotonic()
        while True:
            try:
                result = step()
                self.took.append(time.monotonic() - begun)
                return result
            except DomainError as refusal:
                self.refused[refusal.code] += 1
                return None
            except AbortedError:
                self.retried["aborted"] += 1
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state not in WAITED and state != CUT and not error.connection_invalidated:
                    self.broken.append(traceback.format_exc())
                    return None
                self.retried[WAITED.get(state, "cut")] += 1
            except Exception:
                self.broken.append(traceback.format_exc())
                return None

    def _before_commit(self, connection: Connection) -> None:
        if not self._blowing or self.random.random() >= self.trouble:
            return
        if next(self._troubles) % 3:
            raise AbortedError
        pid = connection.connection.dbapi_connection.info.backend_pid  # type: ignore[union-attr]
        with self.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 1000)"), {"pid": pid})
