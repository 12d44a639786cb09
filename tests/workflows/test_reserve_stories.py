"""The end of a reserve as its order's process lives it: a last look at money, a day more, late money (D7-5…D7-9)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlmodel import Session
from support.company import a_customer, a_product
from support.goods import stock_of, tie_money
from support.house import BOTH_LANES, House
from support.temporal import fast_forward

from activities.persistence.identifiers import new_id
from activities.persistence.money_tables import PaymentRow
from activities.persistence.party_tables import CustomerRow
from activities.persistence.proofs import keep_proof
from domain.credit_steps import PlaceCommand
from domain.payments import PaymentDraft
from domain.reserve_life import Payer, ProofCommand
from domain.revisions import ReviseCommand
from workflows.order import OrderWorkflow

pytestmark = [pytest.mark.anyio, BOTH_LANES]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass
class Bank:
    """A system of record for payments: it tells of some, or says nothing."""

    told: list[PaymentDraft] = field(default_factory=list)
    silent: bool = False

    def fresh_payments(self, payer: Payer, since: datetime) -> Sequence[PaymentDraft]:
        if self.silent:
            raise ConnectionError("1C does not answer")
        return [draft for draft in self.told if draft.payer_tax_id == payer.tax_id]


@pytest.fixture
def payments() -> Bank:
    return Bank()


async def unpaid(house: House) -> tuple[str, str, CustomerRow]:
    """A reserve of ten pieces for 10 000 that must be paid within seven days."""
    customer = a_customer(house.engine, house.company, prepayment_percent=100)
    sku = a_product(house.engine, on_hand="10")
    order = house.quote(customer, sku, quantity="10")
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "awaiting_payment")
    return order, sku, customer


def reason(house: House, order: str) -> str:
    return (house.order(order).wait or {}).get("reason", "")


async def test_d7_6_a_silent_source_gives_one_day_then_the_reserve_ends_and_d7_9_the_order_in_fourteen(
    house: House, payments: Bank
) -> None:
    order, sku, _ = await unpaid(house)
    payments.silent = True

    await house.outlasts_its_wait(order)
    assert (reason(house, order), stock_of(house.engine, sku)) == ("payment", (10, 10, 0))
    assert "reservation_kept_silent" in house.notices(order)

    await fast_forward(house.handle(order), 23 * HOUR)
    assert reason(house, order) == "payment"
    await fast_forward(house.handle(order), HOUR)
    assert (reason(house, order), stock_of(house.engine, sku)) == ("late_payment", (10, 0, 0))
    assert house.notices(order).count("reservation_kept_silent") == 1

    await fast_forward(house.handle(order), 14 * DAY - HOUR)
    assert house.status(order) == "awaiting_payment"
    await fast_forward(house.handle(order), HOUR)
    assert house.status(order) == "cancelled"


async def test_d7_6_money_that_the_source_brings_saves_the_reserve(house: House, payments: Bank) -> None:
    order, sku, customer = await unpaid(house)
    purpose = f"Оплата по заказу {house.order(order).number}"
    payments.told = [PaymentDraft(str(new_id()), "1c", date(2026, 4, 6), Decimal(10_000), purpose, currency="KZT",
                              payer_tax_id=customer.tax_id)]  # fmt: skip

    await house.outlasts_its_wait(order)

    await house.reaches(order, "ready")
    assert stock_of(house.engine, sku) == (10, 10, 0)
    assert "reservation_released" not in house.notices(order)


async def test_d7_6_money_in_the_accountants_queue_gives_one_day(house: House) -> None:
    order, sku, customer = await unpaid(house)
    with Session(house.engine) as session, session.begin():
        session.add(
            PaymentRow(
                identity=str(new_id()), source="test", posted_on=date(2026, 4, 6), amount=Decimal(10_000),
                currency="KZT", purpose="", payer_tax_id=customer.tax_id, state="unmatched", reason="contradiction",
                unallocated=Decimal(10_000), recorded_at=datetime.now(UTC),
            )
        )  # fmt: skip

    await house.outlasts_its_wait(order)
    assert (reason(house, order), stock_of(house.engine, sku)) == ("payment", (10, 10, 0))
    assert {"reservation_kept_queued", "payment_awaited"} <= set(house.notices(order))

    await fast_forward(house.handle(order), DAY)
    assert (reason(house, order), stock_of(house.engine, sku)) == ("late_payment", (10, 0, 0))


async def test_d7_8_late_money_for_goods_that_are_gone_becomes_an_advance(house: House) -> None:
    order, sku, _ = await unpaid(house)
    await house.outlasts_its_wait(order)
    assert stock_of(house.engine, sku) == (10, 0, 0)
    other = house.quote(a_customer(house.engine, house.company), sku, quantity="7")
    await house.command(other, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(other, "ready")

    tie_money(house.engine, order, "10000")
    await house.handle(order).signal(OrderWorkflow.payment_applied)
    await house.reaches(order, "part_reserved")
    await fast_forward(house.handle(order), HOUR)

    assert stock_of(house.engine, sku) == (10, 10, 0)
    assert house.tasks(order) == ["call_unpaid", "late_payment"]
    assert any("учтена как ваш аванс" in letter.text for letter in house.letters())
    assert reason(house, order) == "payment"


async def test_d7_5_another_day_of_shipment_sets_another_timer(house: House) -> None:
    customer, sku = a_customer(house.engine, house.company), a_product(house.engine, on_hand="10")
    order = house.quote(customer, sku, quantity="10")
    await house.command(order, OrderWorkflow.place, PlaceCommand(house.company.manager))
    await house.reaches(order, "ready")
    await house.calls_for_picking(order)
    before = datetime.fromisoformat(house.order(order).wait["reminder_at"])
    ship_on = datetime.now(UTC).date() + 6 * DAY
    await house.command(order, OrderWorkflow.revise, ReviseCommand(house.company.manager, ship_on=ship_on))
    after = datetime.fromisoformat(house.order(order).wait["reminder_at"])
    assert after > before + 3 * DAY

    await fast_forward(house.handle(order), before - datetime.now(UTC))
    assert house.tasks(order) == ["picking", "picking"]  # the warehouse is told of the new day
    await fast_forward(house.handle(order), after - before)
    assert house.tasks(order) == ["picking", "picking", "shipment_late"]


async def test_d7_10_a_copy_of_a_payment_order_gives_the_reserve_more_time(house: House) -> None:
    order, sku, _ = await unpaid(house)
    with Session(house.engine) as session, session.begin():
        proof, _ = keep_proof(
            session, UUID(order), b"%PDF-1.7 17", "application/pdf", house.company.manager, at=datetime.now(UTC)
        )
        command = ProofCommand(house.company.manager, proof.sha256)
    await house.command(order, OrderWorkflow.accept_proof, command)
    assert house.tasks(order) == ["find_payment"]

    await fast_forward(house.handle(order), 8 * DAY)
    assert stock_of(house.engine, sku) == (10, 10, 0)
    await fast_forward(house.handle(order), 5 * DAY)
    assert stock_of(house.engine, sku) == (10, 0, 0)
