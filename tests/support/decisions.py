"""Many orders with stored decisions, written in bulk: for what reads a whole year of them."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Engine, text
from sqlmodel import Session, select

from activities.persistence.decisions import FACTS
from activities.persistence.identifiers import new_id
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import CustomerRow, LegalEntityRow
from activities.persistence.policies import policy_in_force
from domain.credit import CreditDecision, CreditFacts, OverdueItem, decide_credit
from domain.money import ZERO
from domain.orders import OrderStatus

_DECISION: TypeAdapter[CreditDecision] = TypeAdapter(CreditDecision)


def some_facts(chance: random.Random, *, limit: int = 1_000_000) -> CreditFacts:
    """Facts around every boundary of the rule: cents over and under, and overdue of every age."""

    def money(most: int) -> Decimal:
        edge = chance.choice((0, limit // 2, limit, 2 * limit))
        return chance.choice(
            (Decimal(chance.randrange(most * 100)) / 100, Decimal(edge), Decimal(edge) + Decimal("0.01"))
        )

    days = chance.choice((0, 1, 3, 4, 13, 14, 29, 30, 90))
    overdue = tuple(
        OverdueItem(str(new_id()), f"СФ-{n}", datetime(2026, 1, 1).date(), days, money(90_000) + 1, money(90_000) + 2)
        for n in range(chance.randrange(3) if days else 0)
    )
    return CreditFacts(
        currency=chance.choice(("KZT", "RUB")),
        receivables=sum((item.residual for item in overdue), ZERO) + money(limit),
        advances=money(limit // 10),
        commitments=money(limit // 2),
        order_credit=money(limit // 2),
        limit=Decimal(chance.choice((0, limit))),
        overdue=overdue,
        no_trade=chance.random() < 0.02,
        legal_case=chance.random() < 0.02,
        unlimited=chance.random() < 0.02,
        contract_valid=chance.random() > 0.05,
        agreed_deferral=14,
        requested_deferral=chance.choice((0, 14, 15)),
    )


def many_decisions(
    engine: Engine, customer: CustomerRow, count: int, *, begin: datetime, step: timedelta = timedelta(minutes=5)
) -> None:
    """As many orders as decisions, `step` apart, each decided by the real rule on random facts."""
    chance = random.Random(7)
    with Session(engine) as session:
        version, policy = policy_in_force(session, begin.date())
        orders = many_orders(session, customer, count, at=begin, version=version)
        session.commit()
        raw = session.connection().connection.cursor()
        columns = (
            "id, order_id, revision, occasion, credit_account_id, outcome, reasons, facts, exposure, credit_limit, "
        )
        with raw.copy(f"COPY credit_decision ({columns} policy_version, decided_at, rule) FROM STDIN") as copy:
            for number, order in enumerate(orders):
                facts = some_facts(chance)
                decision = decide_credit(facts, policy)
                stored = _DECISION.dump_json(decision, include={"reasons"}).decode()
                reasons = stored[len('{"reasons":') : -1]
                copy.write_row(
                    (new_id(), order, 1, "decision-1", customer.credit_account_id, str(decision.outcome), reasons,
                     FACTS.dump_json(facts).decode(), decision.exposure, decision.limit, version,
                     begin + number * step, "credit")
                )  # fmt: skip
        session.commit()
        session.execute(text("ANALYZE credit_decision"))
        session.commit()


def many_orders(
    session: Session,
    customer: CustomerRow,
    count: int,
    *,
    at: datetime,
    version: int,
    status: OrderStatus = OrderStatus.CONFIRMED,
    gross: str = "100000.00",
) -> list[UUID]:
    """Orders without lines, all alike; their ids."""
    entity = session.exec(select(LegalEntityRow)).one()
    ids = [new_id() for _ in range(count)]
    fields = {
        "customer_id": customer.id, "credit_account_id": customer.credit_account_id, "legal_entity_id": entity.id,
        "manager_id": customer.manager_id, "created_by": customer.manager_id, "warehouse": "main",
        "status": status, "currency": customer.currency, "deferral_days": customer.deferral_days,
        "prepayment_percent": 0, "net": Decimal(gross), "vat": Decimal(0), "gross": Decimal(gross),
        "quote_valid_until": at + timedelta(days=7), "policy_version": version, "confirmed_at": at, "created_at": at,
    }  # fmt: skip
    rows = [OrderRow(id=each, number=f"М-{each}", **fields).model_dump() for each in ids]
    for start in range(0, count, 5_000):
        session.execute(OrderRow.__table__.insert(), rows[start : start + 5_000])  # type: ignore[attr-defined]
    return ids
