"""D12-1, D4-12: what opens the shipment gate, at both sides of every boundary."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.credit import CreditFacts, Outcome, OverdueItem, ReasonCode
from domain.policy import OverdueMode, Policy
from domain.shipment_gate import NOT_CREDIT, GateFacts, GatePass, approvable, decide_gate, gate_facts

POLICY = Policy()
NOW = datetime(2026, 4, 20, 5, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MILLION = Decimal(1_000_000)


def account(ar: str = "0", order: str = "600000", limit: str = "1000000", days: int = 0, **more: Any) -> CreditFacts:
    overdue = (OverdueItem("line", "СФ-1", date(2026, 4, 1), days, Decimal(50_000), Decimal(50_000)),) if days else ()
    return CreditFacts("KZT", Decimal(ar), Decimal(0), Decimal(0), Decimal(order), Decimal(limit), overdue, **more)


def gate(**changes: Any) -> GateFacts:
    usual = GateFacts(as_of=NOW, passed_at=NOW - DAY, limit_then=MILLION, funded=True, reserved=True)
    return replace(usual, **changes)


def given(*reasons: str, at: datetime = NOW - DAY, ceiling: str = "9000000") -> GatePass:
    return GatePass(at, Decimal(ceiling), reasons)


def closed_by(facts: CreditFacts, before: GateFacts, policy: Policy = POLICY) -> list[str]:
    return [reason.code for reason in decide_gate(facts, before, policy).reasons]


@pytest.mark.parametrize(
    ("facts", "codes"),
    [
        pytest.param(account(), [], id="all is well"),
        pytest.param(account("900000"), [], id="D4-12 its own excess does not hold up what passed"),
        pytest.param(account("1999999.99", "600000"), [], id="D4-12 nor an excess above 2L that is the order's"),
        pytest.param(account("2000000"), [], id="D4-12 debt = 2L"),
        pytest.param(account("2000000.01"), ["DEBT_OVER_2X"], id="D4-12 a debt above 2L is new"),
        pytest.param(account("50000", days=4), [], id="D4-12 an overdue that only asks"),
        pytest.param(account("50000", days=13), [], id="D4-12 13 days"),
        pytest.param(account("50000", days=14), ["OVERDUE_STOP"], id="D4-12 14 days"),
        pytest.param(account("50000", days=30), ["OVERDUE_LEGAL"], id="30 days"),
        pytest.param(account(no_trade=True), ["NO_TRADE"], id="D2-8 a manual stop"),
        pytest.param(account(order="0", no_trade=True), ["NO_TRADE"], id="D2-8 for prepaid orders too"),
        pytest.param(account(order="0", legal_case=True), ["LEGAL_CASE"], id="D2-8 a case"),
        pytest.param(
            account(order="0", legal_case=True, legal_cleared=True), [], id="D2-8 unless the lawyer allowed it"
        ),
        pytest.param(account("5000000", order="0", days=40), [], id="V9 prepaid ships whatever the debt"),
        pytest.param(account(contract_valid=False), ["NO_CONTRACT"], id="D12-1 the contract has ended"),
        pytest.param(account(order="0", contract_valid=False), [], id="D2-6 prepaid needs none"),
        pytest.param(account(data_minutes=24 * 60), [], id="D12-1 figures of 24 hours"),
        pytest.param(account(data_minutes=24 * 60 + 1), ["OLD_DATA"], id="D12-1 older figures"),
    ],
)
def test_d12_1_an_order_that_passed_yesterday(facts: CreditFacts, codes: list[str]) -> None:
    assert closed_by(facts, gate()) == codes


@pytest.mark.parametrize(("age", "codes"), [(10 * DAY, []), (10 * DAY + timedelta(seconds=1), ["OVER_LIMIT"])])
def test_d4_12_after_ten_days_its_own_excess_counts_again(age: timedelta, codes: list[str]) -> None:
    assert closed_by(account("900000"), gate(passed_at=NOW - age)) == codes


def test_d5_3_a_lower_limit_leaves_a_confirmed_order_alone() -> None:
    long_ago = NOW - 30 * DAY

    assert closed_by(account(limit="1000"), gate(passed_at=long_ago)) == []
    assert closed_by(account(limit="1000"), gate(passed_at=long_ago, limit_then=Decimal(1000))) == ["ORDER_OVER_2X"]


def test_strict_mode_closes_at_the_fourth_day() -> None:
    strict = Policy(overdue_mode=OverdueMode.STRICT)

    assert closed_by(account("50000", days=3), gate(), strict) == []
    assert closed_by(account("50000", days=4), gate(), strict) == ["OVERDUE_STOP"]


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        ({"funded": False}, "PREPAYMENT_MISSING"),
        ({"reserved": False}, "NOTHING_RESERVED"),
        ({"delivered": True, "recipient": True}, "NO_ADDRESS"),
        ({"delivered": True, "address": True}, "NO_RECIPIENT"),
    ],
)
def test_d12_1_goods_money_and_papers(missing: dict[str, bool], code: str) -> None:
    assert closed_by(account(), gate(**missing)) == [code]
    assert closed_by(account(), gate(delivered=True, address=True, recipient=True)) == []


def test_an_approval_without_a_contract_holds_for_its_ten_days() -> None:
    without = account(contract_valid=False)

    assert closed_by(without, gate(approved=given("NO_CONTRACT"))) == []
    assert closed_by(without, gate(approved=given("OVER_LIMIT"))) == ["NO_CONTRACT"]
    old = given("NO_CONTRACT", at=NOW - 10 * DAY - timedelta(seconds=1))
    assert closed_by(without, gate(approved=old)) == ["NO_CONTRACT"]


def test_d12_2_the_head_ships_by_approval_up_to_the_exposure_he_saw() -> None:
    overdue = account("50000", days=14)

    assert closed_by(overdue, gate(shipped_by_approval=given("OVERDUE_STOP", ceiling="650000"))) == []
    assert closed_by(overdue, gate(shipped_by_approval=given("OVERDUE_STOP", ceiling="649999.99"))) == ["OVERDUE_STOP"]
    assert closed_by(overdue, gate(shipped_by_approval=given("NO_CONTRACT"))) == ["OVERDUE_STOP"]
    assert closed_by(account(no_trade=True), gate(shipped_by_approval=given("NO_TRADE"))) == ["NO_TRADE"]


def test_d12_2_nobody_approves_a_ban_or_missing_money() -> None:
    assert approvable(decide_gate(account("50000", days=14), gate(), POLICY))
    assert not approvable(decide_gate(account(no_trade=True), gate(), POLICY))
    assert not approvable(decide_gate(account(), gate(funded=False), POLICY))
    assert {"PREPAYMENT_MISSING", "NO_ADDRESS"} <= NOT_CREDIT < set(ReasonCode)


def test_every_reason_is_kept_and_told() -> None:
    decision = decide_gate(account("50000", days=14, no_trade=True), gate(funded=False), POLICY)

    assert decision.outcome is Outcome.STOP
    told = gate_facts(decision.reasons, "KZT")
    assert (told["reasons"], told["days"]) == ("NO_TRADE, OVERDUE_STOP, PREPAYMENT_MISSING", "14")
