"""Live orders and stored decisions under a candidate, on real PostgreSQL (U3, U15)."""

import os
import time
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.decisions import many_decisions, many_orders
from support.goods import decide, pick, reserve, ship_picked, tie_money
from support.invoices import an_invoice

from activities.persistence import credit
from activities.persistence.credit_tables import CreditGrantRow, DisputeRow
from activities.persistence.grants import load_grants, overlay_of
from activities.persistence.live_orders import UNDER_WAY, live_orders
from activities.persistence.money_tables import AllocationRow, PaymentRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CreditAccountRow
from activities.persistence.policies import policy_in_force, policy_version
from activities.persistence.policy_versions import policy_body
from activities.persistence.replay import Candidate, Period, replay_pages, snapshot
from api.policy_preview import preview
from cli.policy import replay_report
from domain.credit import Outcome
from domain.policy import Policy
from domain.simulation import Replay

TODAY = MONDAY.date()
ROWS = int(os.environ.get("OPORA_PACE_ROWS") or 5_000)
"""100000 measures what U3 asks for; fewer are enough to see a slow query."""


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def candidate(engine: Engine, **changes: Any) -> Candidate:
    policy = replace(Policy(), **changes)
    return Candidate(policy, policy_body(policy))


def an_account_with_everything(engine: Engine, company: Company) -> None:
    """Orders in every state before shipment, debt, advances, money tied, a dispute, and a contract of its own."""
    customer = a_customer(engine, company, limit="5000000", deferral_days=7, prepayment_percent=30)
    sku = a_product(engine, price="1000", on_hand="500")
    for quantity, step in (("10", None), ("20", "decided"), ("30", "reserved"), ("40", "picked"), ("90", "shipped")):
        order = a_quote(engine, company.manager, customer, sku, quantity=quantity)
        if step is not None:
            decide(engine, company, order)
        if step in {"reserved", "picked", "shipped"}:
            tie_money(engine, order, str(Decimal(quantity) * 400))
            reserve(engine, order)
        if step in {"picked", "shipped"}:
            pick(engine, company, order)
        if step == "shipped":
            ship_picked(engine, company, order)
    a_quote(engine, company.manager, customer, sku, quantity="100", deferral_days=30)
    with engine.begin() as connection:
        connection.execute(text("UPDATE invoice SET number = 'О-' || number"))
    line = an_invoice(engine, customer, due=TODAY - timedelta(days=5), amount="200000")
    held = a_quote(engine, company.manager, customer, sku, quantity="3", prepayment_percent=0)
    assert decide(engine, company, held).decision.outcome is Outcome.APPROVAL
    with Session(engine) as session, session.begin():
        session.add(
            DisputeRow(schedule_line_id=UUID(line), amount=Decimal(50_000), reason="quality",
                       opened_by=UUID(company.manager.id), opened_at=MONDAY, ends_on=TODAY + timedelta(days=3))
        )  # fmt: skip
        session.add(
            PaymentRow(identity=f"adv-{line}", source="test", posted_on=TODAY, amount=Decimal(7_000), currency="KZT",
                       purpose="", customer_id=customer.id, credit_account_id=customer.credit_account_id,
                       state="matched", unallocated=Decimal(7_000), recorded_at=MONDAY)
        )  # fmt: skip
        session.add(
            CreditGrantRow(
                credit_account_id=customer.credit_account_id, customer_id=customer.id, kind="policy",
                body={"overdue_stop_days": 20}, valid_from=TODAY, valid_to=TODAY, reason="договор", state="in_force",
                requested_by=UUID(company.manager.id), requested_at=MONDAY, decided_by=UUID(company.head.id),
                decided_at=MONDAY,
            )
        )  # fmt: skip


def test_the_facts_of_many_accounts_are_those_of_each(engine: Engine, company: Company) -> None:
    """The batch query and the one that decisions are made on agree to the cent."""
    an_account_with_everything(engine, company)
    an_account_with_everything(engine, company)
    a_customer(engine, company)
    tried = candidate(engine, overdue_pass_days=6)
    with snapshot(engine) as session:
        found = {each.open.order_id: each for each in live_orders(session, tried, today=TODAY, batch=1)}
        rows = session.exec(select(OrderRow).where(OrderRow.status.in_(UNDER_WAY))).all()  # type: ignore[attr-defined]
        assert found.keys() == {str(row.id) for row in rows}
        assert {"quoted", "confirmed", "ready", "picking", "awaiting_approval"} <= {row.status for row in rows}
        for row in rows:
            account = session.get_one(CreditAccountRow, row.credit_account_id)
            ask = credit.ask_of(session, row, today=TODAY)
            facts = credit.load_facts(session, account, today=TODAY, order_id=row.id, ask=ask)
            overlay = overlay_of(load_grants(session, account.id), row.customer_id, today=TODAY)
            each = found[str(row.id)].open
            assert each.facts == facts
            assert each.present == policy_version(session, row.policy_version, overlay)
            assert each.candidate == replace(tried.policy, overdue_stop_days=20)


def preview_of(engine: Engine, changes: dict[str, Any], *, now: Any = MONDAY, **period: date) -> Any:
    told = preview(engine, changes, "ru", since=period.get("since"), until=period.get("until"), now=now)
    return told.model_dump(mode="json", by_alias=True)


def test_u15_live_orders_that_would_change_are_named_with_the_reason(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="1500000")
    held = a_quote(engine, company.manager, customer, sku)
    assert decide(engine, company, held).decision.outcome is Outcome.APPROVAL
    told = preview_of(engine, {"stop_ratio": "1.4"})

    assert (told["orders_checked"], told["orders_total"]) == (1, 1)
    (order,) = told["orders"]
    assert (order["order_id"], order["from"], order["to"]) == (held, "approval", "stop")
    assert order["customer"] == "ООО «Ромашка»"
    assert order["reasons"] == [
        "С этим заказом долг составит 1\u00a0500\u00a0000,00\u00a0₸ — больше предела 1\u00a0400\u00a0000,00\u00a0₸ "
        "при лимите 1\u00a0000\u00a0000,00\u00a0₸: отгрузка остановлена."
    ]
    assert preview_of(engine, {"stop_ratio": "1.5"})["orders"] == []
    assert preview_of(engine, {"quote_days": 9})["not_weighed"] == ["quote_days"]
    with Session(engine) as session:
        assert session.get_one(OrderRow, UUID(held)).status == "awaiting_approval"


def an_old_order(engine: Engine, company: Company, customer: Any, sku: str) -> str:
    order = a_quote(engine, company.manager, customer, sku)
    decide(engine, company, order)
    reserve(engine, order)
    pick(engine, company, order)
    ship_picked(engine, company, order)
    return order


def pay_late(engine: Engine, order: str, amount: str, *, days: int) -> None:
    """A payment of the order's invoice so many days after its due date."""
    with Session(engine) as session, session.begin():
        line = session.execute(
            text("SELECT line.id, line.due_date, invoice.credit_account_id FROM schedule_line line "
                 "JOIN invoice ON invoice.id = invoice_id WHERE invoice.order_id = :order"), {"order": order},
        ).one()  # fmt: skip
        payment = PaymentRow(
            identity=f"late-{order}-{days}", source="test", posted_on=line.due_date + timedelta(days=days),
            amount=Decimal(amount), currency="KZT", purpose="", credit_account_id=line.credit_account_id,
            state="matched", unallocated=Decimal(0), recorded_at=MONDAY,
        )  # fmt: skip
        session.add(payment)
        session.flush()
        session.add(AllocationRow(payment_id=payment.id, schedule_line_id=line.id, amount=Decimal(amount), at=MONDAY))
        session.execute(
            text("UPDATE schedule_line SET residual = residual - :paid WHERE id = :line"),
            {"paid": Decimal(amount), "line": line.id},
        )


def test_u3_an_order_that_was_never_confirmed_is_no_lost_revenue(engine: Engine, company: Company) -> None:
    order = a_quote(engine, company.manager, a_customer(engine, company), a_product(engine, price="1200000"))
    assert decide(engine, company, order).decision.outcome is Outcome.APPROVAL

    told = preview_of(engine, {"stop_ratio": "1"}, since=TODAY, until=TODAY)["period"]
    assert (told["from"], told["to"], told["decisions"]) == (str(TODAY), str(TODAY), 1)
    assert told["transitions"] == [{"from": "approval", "to": "stop", "count": 1}]
    assert (told["stopped"], told["to_stop"], told["orders_total"]) == (1, 1, 1)
    assert (told["revenue_lost"], told["overdue_avoided"]) == ([], [])


def test_u3_a_period_is_whole_days_of_the_company(engine: Engine, company: Company) -> None:
    order = a_quote(engine, company.manager, a_customer(engine, company), a_product(engine))
    decide(engine, company, order)
    for since, until, decisions in ((0, 0, 1), (-9, -1, 0), (1, 9, 0)):
        days = {"since": TODAY + timedelta(days=since), "until": TODAY + timedelta(days=until)}
        assert preview_of(engine, {"stop_ratio": "1"}, **days)["period"]["decisions"] == decisions


def test_u3_late_money_and_lost_revenue_of_orders_that_would_have_stopped(engine: Engine, company: Company) -> None:
    """An overdue of 3 days was a note; a strict candidate with 2 free days stops the order, of which 100 000 was paid
    in time, 300 000 a day late and 100 000 not at all."""
    customer, sku = a_customer(engine, company), a_product(engine, price="500000", on_hand="10")
    an_invoice(engine, customer, due=TODAY - timedelta(days=3), amount="100000")
    order = an_old_order(engine, company, customer, sku)
    pay_late(engine, order, "100000", days=0)
    pay_late(engine, order, "300000", days=1)
    changes = {"overdue_mode": "strict", "overdue_pass_days": 2}

    on_the_due_date = preview_of(engine, changes, now=MONDAY + timedelta(days=14))["period"]
    assert (on_the_due_date["stopped"], on_the_due_date["overdue_avoided"]) == (1, [])
    told = preview_of(engine, changes, now=MONDAY + timedelta(days=15))["period"]
    assert told["overdue_avoided"] == told["overdue_avoided_by_stop"] == [{"amount": "400000.00", "currency": "KZT"}]
    assert told["revenue_lost"] == [{"amount": "500000.00", "currency": "KZT"}]
    assert (told["orders"][0]["order_id"], told["orders"][0]["confirmed"]) == (order, True)
    assert preview_of(engine, {"overdue_mode": "strict"})["period"]["stopped"] == 0


def test_only_the_last_decision_of_an_order_is_its_fate(engine: Engine, company: Company) -> None:
    customer, sku = a_customer(engine, company), a_product(engine, price="1500000")
    order = a_quote(engine, company.manager, customer, sku)
    decide(engine, company, order)
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO credit_decision SELECT gen_random_uuid(), order_id, revision, 'again-9', "
                 "credit_account_id, 'auto', reasons, jsonb_set(facts, '{order_credit}', '\"1\"'), 1, credit_limit, "
                 "policy_version, decided_at + interval '1 hour', rule FROM credit_decision")
        )  # fmt: skip
    told = preview_of(engine, {"stop_ratio": "1.4"})["period"]
    assert told["decisions"] == 2
    assert {"from": "approval", "to": "stop", "count": 1} in told["transitions"]
    assert told["stopped"] == 0


def test_pages_of_any_size_give_the_same_replay(engine: Engine, company: Company) -> None:
    many_decisions(engine, a_customer(engine, company), 120, begin=MONDAY, step=timedelta(0))
    tried, period = candidate(engine, stop_ratio=Decimal("1.5")), Period(MONDAY, MONDAY + timedelta(seconds=1))

    def whole(size: int) -> Replay:
        replay = Replay()
        with snapshot(engine) as session:
            for page, found in replay_pages(session, tried, period, today=TODAY, size=size):
                replay.count(page)
                for each in found:
                    replay.weigh(each.rejudged, each.fate)
        return replay

    assert whole(7) == whole(1_000) == whole(120)
    assert whole(7).decisions == 120
    assert whole(7).stricter


@pytest.mark.slow
def test_u3_a_year_of_decisions_replays_in_a_minute(engine: Engine, company: Company) -> None:
    many_decisions(engine, a_customer(engine, company), ROWS, begin=MONDAY)
    begun = time.monotonic()
    report = replay_report(
        engine, {"stop_ratio": "1.5"}, since=TODAY, until=TODAY + timedelta(days=400), now=MONDAY + timedelta(days=400)
    )
    took = time.monotonic() - begun
    assert report["period"]["decisions"] == ROWS
    assert report["period"]["stopped"] > 0
    assert took < 60 * ROWS / 100_000 + 5


@pytest.mark.slow
def test_u15_five_thousand_live_orders_are_previewed_in_half_a_minute(engine: Engine, company: Company) -> None:
    customers = [a_customer(engine, company) for _ in range(100)]
    with Session(engine) as session, session.begin():
        version, _ = policy_in_force(session, TODAY)
        for customer in customers:
            many_orders(session, customer, 50, at=MONDAY, version=version, gross="30000")
            session.execute(
                text("INSERT INTO commitment SELECT id, credit_account_id, gross, 0, 1 FROM sales_order "
                     "WHERE customer_id = :customer"), {"customer": customer.id},
            )  # fmt: skip
    begun = time.monotonic()
    told = preview_of(engine, {"stop_ratio": "1.4"})
    took = time.monotonic() - begun
    assert (told["orders_checked"], told["orders_total"], len(told["orders"])) == (5_000, 5_000, 500)
    assert took < 30
