"""Every stored decision computes again, and a tampered one is found (U2)."""

import random
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, select
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.decisions import many_decisions
from support.goods import a_step, decide, reserve, tie_money
from support.invoices import an_invoice

from activities.approvals import ApprovalActivities
from activities.credit import CreditActivities
from activities.gate import GateActivities
from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.order_tables import CreditDecisionRow
from activities.persistence.party_tables import PolicyRow
from activities.persistence.reconsideration import reconsider_account
from activities.revisions import RevisionActivities
from cli.audit import AuditReport, audit
from domain.credit_steps import ApprovalCommand, ApprovalRequest, CreditRequest, Verdict
from domain.errors import DomainError
from domain.revisions import ReviseCommand, RevisedLine, ReviseRequest


@pytest.fixture
def company(engine: Engine) -> Company:
    return a_company(engine)


def audited(engine: Engine) -> AuditReport:
    return audit(engine, since=None, until=None)


def tamper(engine: Engine, change: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE credit_decision DISABLE TRIGGER credit_decision_append_only"))
        connection.execute(text(f"UPDATE credit_decision SET {change}"))
        connection.execute(text("ALTER TABLE credit_decision ENABLE TRIGGER credit_decision_append_only"))


def a_decision(engine: Engine, company: Company) -> None:
    """One decision with receivables, an overdue invoice and a commitment behind it."""
    customer, sku = a_customer(engine, company), a_product(engine, price="300000")
    an_invoice(engine, customer, due=MONDAY.date() - timedelta(days=4), amount="200000")
    first = a_quote(engine, company.manager, customer, sku, prepayment_percent=50)
    tie_money(engine, first, "170000")
    decide(engine, company, first)
    ApprovalActivities(engine).answer_approval(
        ApprovalRequest(first, ApprovalCommand(company.head, Verdict.APPROVE, "да"), MONDAY + timedelta(minutes=1))
    )
    decide(engine, company, a_quote(engine, company.manager, customer, sku, quantity="3"))


def test_u2_what_was_decided_computes_again(engine: Engine, company: Company) -> None:
    a_decision(engine, company)
    report = audited(engine)
    assert (report.count, report.identical, report.different) == (3, 3, 0)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("outcome = 'auto'", "outcome"),
        ("reasons = jsonb_set(reasons, '{0,figures,days}', '\"5\"')", "reasons"),
        ("reasons = '[]'", "reasons"),
        ("exposure = exposure + 0.01", "exposure"),
        ("credit_limit = credit_limit - 0.01", "limit"),
        ("facts = jsonb_set(facts, '{limit}', '\"1000000.01\"')", "limit"),
        ("facts = jsonb_set(facts, '{receivables}', '\"many\"')", "facts"),
        ("overlay = '{\"overdue_pass_days\": 4}'", "outcome"),
        ('overlay = \'{"overdue_pass_days": "x"}\'', "facts"),
        ("evidence = jsonb_set(evidence, '{invoices,0,residual}', '\"199999.99\"')", "evidence.invoices"),
        ("evidence = jsonb_set(evidence, '{orders}', '[{\"credit\": \"0.01\"}]')", "evidence.orders"),
        ("evidence = '{}'", "evidence.invoices"),
    ],
)
def test_u2_a_tampered_decision_is_found(engine: Engine, company: Company, change: str, found: str) -> None:
    a_decision(engine, company)
    with Session(engine) as session:
        ids = session.exec(select(CreditDecisionRow.id).order_by(CreditDecisionRow.decided_at)).all()
    tamper(engine, f"{change} WHERE id = '{ids[0]}'")

    report = audited(engine)
    assert (report.different, report.identical) == (1, 2)
    assert report.differing[0].id == ids[0]
    assert found in (report.differing[0].differing)


def test_u2_the_gate_computes_again_too(engine: Engine, company: Company) -> None:
    """D2-11: what the shipment gate decided is a decision like any other."""
    customer, sku = a_customer(engine, company), a_product(engine, price="300000", on_hand="9")
    order = a_quote(engine, company.manager, customer, sku)
    decide(engine, company, order)
    reserve(engine, order)
    gate = GateActivities(engine)
    assert gate.check_shipment_gate(a_step(order, 3)).open
    an_invoice(engine, customer, due=MONDAY.date() - timedelta(days=14))
    assert not gate.check_shipment_gate(a_step(order, 4)).open

    assert (audited(engine).count, audited(engine).different) == (3, 0)
    tamper(engine, "gate = jsonb_set(gate, '{funded}', 'false') WHERE rule = 'gate'")
    assert audited(engine).different == 2


def test_days_choose_decisions(engine: Engine, company: Company) -> None:
    many_decisions(engine, a_customer(engine, company), 10, begin=MONDAY, step=timedelta(days=1))
    day = MONDAY.date()
    assert audit(engine, since=day, until=day).count == 1
    assert audit(engine, since=day + timedelta(days=1), until=None).identical == 9
    assert audit(engine, since=None, until=day + timedelta(days=3)).identical == 4


class Office:
    """A manager, a head and money at work on two customers, at random; what a rule refuses stays undone."""

    def __init__(self, engine: Engine, company: Company, seed: int) -> None:
        self.engine, self.company, self.chance = engine, company, random.Random(seed)
        self.customers = [
            a_customer(engine, company, limit="1000000", contract=True),
            a_customer(engine, company, limit="500000", prepayment_percent=30, segment="vip", contract=False),
        ]
        self.skus = [a_product(engine, price=price) for price in ("150000", "400000", "900000")]
        self.orders: list[str] = []
        self.at = MONDAY

    def live(self, steps: int) -> None:
        acts = (self.order, self.order, self.answer, self.pay, self.owe, self.revise, self.grant, self.look_again)
        self.order(steps)
        for number in range(steps):
            self.at += timedelta(minutes=7)
            try:
                self.chance.choice(acts)(number)
            except DomainError:
                continue

    def order(self, number: int) -> None:
        customer, sku = self.chance.choice(self.customers), self.chance.choice(self.skus)
        order = a_quote(
            self.engine, self.company.manager, customer, sku, quantity=self.chance.choice(("1", "2", "3")),
            deferral_days=self.chance.choice((None, 0, 14, 30)), now=self.at,
        )  # fmt: skip
        self.orders.append(order)
        request = CreditRequest(order, self.company.manager, f"decision-{number}", self.at)
        CreditActivities(self.engine).decide_order_credit(request)

    def some_order(self) -> str:
        return self.chance.choice(self.orders)

    def answer(self, _number: int) -> None:
        verdict = self.chance.choice((Verdict.APPROVE, Verdict.APPROVE, Verdict.REWORK))
        command = ApprovalCommand(self.company.head, verdict, "по звонку")
        for order in self.orders:
            ApprovalActivities(self.engine).answer_approval(ApprovalRequest(order, command, self.at))

    def pay(self, _number: int) -> None:
        tie_money(self.engine, self.some_order(), self.chance.choice(("10000", "300000.55")))

    def owe(self, _number: int) -> None:
        late = self.chance.choice((-5, 0, 2, 4, 13, 14, 31))
        due = MONDAY.date() - timedelta(days=late)
        customer = self.chance.choice(self.customers)
        an_invoice(self.engine, customer, due=due, amount=self.chance.choice(("450.00", "70000.01", "600000")))

    def revise(self, number: int) -> None:
        line = RevisedLine(self.chance.choice(self.skus), Decimal(self.chance.choice((1, 2))))
        command = ReviseCommand(self.company.manager, lines=(line,), reason="просьба клиента")
        RevisionActivities(self.engine).revise_order(ReviseRequest(self.some_order(), number, command, self.at))

    def grant(self, _number: int) -> None:
        customer, today = self.chance.choice(self.customers), MONDAY.date()
        kind = self.chance.choice(("temporary", "policy"))
        body = {"overdue_pass_days": 5, "stop_ratio": "3"} if kind == "policy" else None
        amount = None if body else Decimal(self.chance.choice((100_000, 2_500_000)))
        with Session(self.engine) as session, session.begin():
            session.add(
                CreditGrantRow(
                    credit_account_id=customer.credit_account_id, customer_id=customer.id, kind=kind, amount=amount,
                    body=body, valid_from=today, valid_to=today, reason="опыт", state="in_force",
                    requested_by=UUID(self.company.manager.id), requested_at=self.at,
                    decided_by=UUID(self.company.head.id), decided_at=self.at,
                )
            )  # fmt: skip

    def look_again(self, _number: int) -> None:
        with Session(self.engine) as session, session.begin():
            for customer in self.customers:
                reconsider_account(session, customer.credit_account_id, at=self.at)


@pytest.mark.parametrize("seed", range(6))
def test_u2_whatever_people_do_every_decision_computes_again(engine: Engine, company: Company, seed: int) -> None:
    with Session(engine) as session, session.begin():
        newest = session.exec(select(PolicyRow).order_by(PolicyRow.version.desc())).first()  # type: ignore[attr-defined]
        assert newest is not None
        session.add(
            PolicyRow(
                version=newest.version + 1, effective_from=newest.effective_from, state="published",
                body=newest.body | {"stop_ratio": "1.75", "overdue_mode": "strict" if seed % 2 else "graded"},
                created_by="test", created_at=MONDAY,
            )
        )  # fmt: skip
    Office(engine, company, seed).live(60)

    report = audited(engine)
    assert report.count > 15
    assert [(each.differing, each.id) for each in report.differing] == []
    with Session(engine) as session:
        outcomes = set(session.exec(select(CreditDecisionRow.outcome)))
    assert len(outcomes) > 1
