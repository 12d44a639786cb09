"""A storm of steps on the orders of a few customers, from many threads at once, retried as Temporal retries them."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session
from support.company import MONDAY, Company
from support.money import DAY

from activities.approvals import ApprovalActivities
from activities.credit import CreditActivities
from activities.orders import OrderActivities
from activities.payments import PaymentActivities
from activities.persistence import parties
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.reconsideration import reconsider_account
from activities.revisions import RevisionActivities
from domain.credit_steps import ApprovalCommand, ApprovalRequest, CreditRequest, Verdict
from domain.errors import DomainError
from domain.orders import EndRequest, OrderStatus
from domain.payments import ApplyRequest, PaymentDraft, RecordRequest
from domain.revisions import ReviseCommand, RevisedLine, ReviseRequest

RETRIED = {"55P03", "57014"}
"""No lock within the wait, no end within the statement's time: the step is tried again (D3-3)."""
EXPIRED = MONDAY + timedelta(days=4)
"""When an approval asked for on Monday has run out."""

Step = Callable[[], Any]


@dataclass
class Storm:
    """Steps on orders, each with a key of its own, and what became of them.

    Attributes:
        refused: refusals by code: a step that came too late, or too early.
        retried: SQL states that a step was tried again for.
        broken: what must not happen, by name.
    """

    engine: Engine
    company: Company
    random: random.Random
    refused: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    _serial: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.credit, self.approvals = CreditActivities(self.engine), ApprovalActivities(self.engine)
        self.orders, self.payments = OrderActivities(self.engine), PaymentActivities(self.engine)
        self.revisions = RevisionActivities(self.engine)

    # -- steps ----------------------------------------------------------------------------------------------------

    def at(self) -> datetime:
        """Business time of a step: clocks of different orders do not agree."""
        return MONDAY + timedelta(seconds=self.random.randrange(3600))

    def place(self, order: str) -> Step:
        request = CreditRequest(order, self.company.manager, f"decision-{next(self._serial)}", self.at())
        return lambda: self.credit.decide_order_credit(request)

    def answer(self, order: str, verdict: Verdict) -> Step:
        who = self.random.choice([self.company.head, self.company.director])
        request = ApprovalRequest(order, ApprovalCommand(who, verdict, "по звонку"), self._instant())
        return lambda: self.approvals.answer_approval(request)

    def expire(self, order: str) -> Step:
        at = EXPIRED + (self._instant() - MONDAY)
        return lambda: self.approvals.expire_approval(order, at)

    def cancel(self, order: str) -> Step:
        request = EndRequest(order, OrderStatus.CANCELLED, self.company.manager, "передумали", self.at())
        return lambda: self.orders.end_order(request)

    def revise(self, order: str, sku: str) -> Step:
        """More or less of the goods, sometimes on other terms, sometimes both."""
        command = ReviseCommand(
            self.company.manager,
            lines=(RevisedLine(sku, Decimal(self.random.randrange(1, 13))),) if self.random.random() < 0.8 else None,
            deferral_days=self.random.choice([None, None, 7, 14, 30]),
            prepayment_percent=self.random.choice([None, None, 0, 30, 100]),
            reason="правка",
        )
        request = ReviseRequest(order, next(self._serial), command, self.at())
        return lambda: self.revisions.revise_order(request)

    def pay(self, customer: CustomerRow, amount: int, purpose: str = "Оплата") -> Step:
        identity = f"storm-{next(self._serial)}"
        draft = PaymentDraft(identity=identity, source="api", posted_on=DAY, amount=Decimal(amount), purpose=purpose,
                             payer_tax_id=customer.tax_id)  # fmt: skip
        recorded, at = RecordRequest(draft, self.company.accountant, self.at()), self.at()
        return lambda: self.payments.apply_payment(ApplyRequest(self.payments.record_payment(recorded), at))

    def limit(self, customer: CustomerRow, limit: int) -> Step:
        """As `PATCH /customers/{id}` does it."""
        at = self.at()

        def change() -> None:
            with Session(self.engine) as session, session.begin():
                account, row = parties.lock_customer(session, customer.id, self.company.head)
                parties.change_customer(
                    session, account, row, self.company.head, credit_limit=Decimal(limit), fields={}, at=at
                )
                reconsider_account(session, account.id, at=at)

        return change

    def _instant(self) -> datetime:
        """An instant of its own, for steps that are told apart by it."""
        return MONDAY + timedelta(milliseconds=next(self._serial))

    # -- schedules ------------------------------------------------------------------------------------------------

    def story_of(self, order: str, number: str, customer: CustomerRow, sku: str) -> list[Step]:
        """Placing one order, then what people may do to it."""
        steps = [self.place(order)]
        for _ in range(self.random.choice([0, 1, 1, 2, 3])):
            steps += self.random.choice(
                [
                    lambda: [self.answer(order, Verdict.APPROVE)],
                    lambda: [self.answer(order, Verdict.APPROVE), self.answer(order, Verdict.APPROVE)],
                    lambda: [self.answer(order, Verdict.REJECT)],
                    lambda: [self.answer(order, Verdict.REWORK), self.place(order)],
                    lambda: [self.revise(order, sku)],
                    lambda: [self.revise(order, sku), self.answer(order, Verdict.APPROVE)],
                    lambda: [self.cancel(order)],
                    lambda: [self.expire(order)],
                    lambda: [self.pay(customer, self.random.randrange(1, 100) * 1000, f"Оплата заказа {number}")],
                ]
            )()
        return steps

    def mix(self, stories: Sequence[Sequence[Step]]) -> list[Step]:
        """One order of events in which each story keeps its own, roughly."""
        placed = [
            (self.random.random() + 0.15 * position, step) for story in stories for position, step in enumerate(story)
        ]
        return [step for _, step in sorted(placed, key=lambda pair: pair[0])]

    # -- running --------------------------------------------------------------------------------------------------

    def blow(self, steps: Sequence[Step], *, threads: int = 12) -> None:
        """Run the steps from many threads."""
        gate = threading.Barrier(threads)
        left = iter(steps)
        turn = threading.Lock()

        def work() -> None:
            gate.wait()
            while True:
                with turn:
                    step = next(left, None)
                if step is None:
                    return
                self.run(step)

        with ThreadPoolExecutor(threads) as pool:
            for each in [pool.submit(work) for _ in range(threads)]:
                each.result()

    def run(self, step: Step) -> None:
        """One step to its end: refused, or done, after as many tries as it takes."""
        while True:
            try:
                step()
            except DomainError as refusal:
                self.refused[refusal.code] += 1
            except DBAPIError as error:
                state = getattr(error.orig, "sqlstate", None)
                if state in RETRIED:
                    self.retried[state] += 1
                    time.sleep(0.05)
                    continue
                self.broken.append(repr(error))
            except Exception as error:
                self.broken.append(repr(error))
            else:
                self.done["steps"] += 1
            return


def deadlocks(engine: Engine) -> int:
    """How many deadlocks this database has seen."""
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        query = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(connection.execute(query).scalar_one())


def number_of(engine: Engine, order: str) -> str:
    with Session(engine) as session:
        return session.get_one(OrderRow, UUID(order)).number
