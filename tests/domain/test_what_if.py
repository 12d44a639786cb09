"""What-if and the room that is left: the border is the decision's own, to the tiyn (D2-1…D2-8, D1-6)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.credit import CreditFacts, Outcome, OverdueItem, credit_part, decide_credit
from domain.money import CENT, LARGEST_AMOUNT, ZERO
from domain.policy import OverdueMode, Policy, StopBasis
from domain.what_if import AskedTerms, Room, room, what_if

POLICY = Policy()
DEFERRED = AskedTerms(prepayment_percent=0, deferral_days=14, agreed_deferral=14)
THIRTY_SEVENTY = replace(DEFERRED, prepayment_percent=30)
PREPAID = AskedTerms(prepayment_percent=100, deferral_days=0, agreed_deferral=None)


def account(**figures: object) -> CreditFacts:
    facts = {"receivables": "0", "advances": "0", "commitments": "0", "limit": "1000000"}
    sums = {name: Decimal(str(figures.pop(name, figure))) for name, figure in facts.items()}
    return CreditFacts(currency="KZT", order_credit=ZERO, **sums, **figures)


def late(days: int, residual: str = "50000", disputed: str = "0") -> tuple[OverdueItem, ...]:
    amount = Decimal(residual)
    return (OverdueItem("line", "СФ-1", date(2026, 4, 1), days, amount, amount, Decimal(disputed)),)


def money(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


@pytest.mark.parametrize(
    ("facts", "terms", "auto", "approval", "prepaid"),
    [
        pytest.param(account(), DEFERRED, "1000000", "2000000", True, id="D2-4 both limits are inclusive"),
        pytest.param(account(receivables=700000, commitments=200000), DEFERRED, "100000", "1100000", True, id="V3"),
        pytest.param(account(advances=600000), DEFERRED, "1600000", "2600000", True, id="D1-7 own money widens it"),
        pytest.param(account(receivables=1500000), DEFERRED, "0", "500000", True, id="V5 by approval alone"),
        pytest.param(account(receivables=2000000), DEFERRED, "0", "0", True, id="D2-3 nothing on credit"),
        pytest.param(account(), THIRTY_SEVENTY, "1428571.43", "2857142.86", True, id="D1-6 30/70 widens it"),
        pytest.param(account(limit=0), DEFERRED, "0", "0", True, id="V18"),
        pytest.param(account(receivables=3000000), PREPAID, None, None, True, id="V9 prepaid has no bound"),
        pytest.param(account(overdue=late(3)), DEFERRED, "1000000", "2000000", True, id="D2-5 n = 3 passes"),
        pytest.param(account(overdue=late(4)), DEFERRED, "0", "2000000", True, id="D2-5 n = 4 asks"),
        pytest.param(account(overdue=late(13)), DEFERRED, "0", "2000000", True, id="D2-5 n = 13 asks"),
        pytest.param(account(overdue=late(14)), DEFERRED, "0", "0", True, id="D2-5 n = 14 stops"),
        pytest.param(account(overdue=late(20, disputed="50000")), DEFERRED, "1000000", "2000000", True, id="V14"),
        pytest.param(account(unlimited=True), DEFERRED, None, None, True, id="D1-9 unlimited"),
        pytest.param(account(no_trade=True), DEFERRED, "0", "0", False, id="D2-8 a ban closes all"),
        pytest.param(account(legal_case=True), PREPAID, "0", "0", False, id="D2-8 an open case too"),
        pytest.param(account(), replace(DEFERRED, deferral_days=15), "0", "2000000", True, id="D2-6 15 days ask"),
        pytest.param(account(), replace(DEFERRED, agreed_deferral=None), "0", "2000000", True, id="D2-6 no contract"),
    ],
)  # fmt: skip
def test_the_room(facts: CreditFacts, terms: AskedTerms, auto: str | None, approval: str | None, prepaid: bool) -> None:
    assert room(facts, POLICY, terms) == Room(money(auto), money(approval), prepaid)


def test_the_literal_reading_stops_no_order_by_its_own_size() -> None:
    """D2-3 with `stop_basis = debt`: above the limit every order asks, however large."""
    assert room(account(), Policy(stop_basis=StopBasis.DEBT), DEFERRED) == Room(Decimal(1_000_000), None, True)


SUMS = st.decimals(0, 5_000_000, places=2)
OVERDUE = st.lists(
    st.builds(
        lambda days, residual, share: OverdueItem(
            "line", "СФ", date(2026, 4, 1), days, residual, residual, (residual * share / 100).quantize(CENT)
        ),
        st.integers(1, 45),
        st.decimals(1, 900_000, places=2),
        st.sampled_from([0, 50, 100]),
    ),
    max_size=4,
).map(tuple)
FACTS = st.builds(
    CreditFacts, currency=st.sampled_from(["KZT", "RUB"]), receivables=SUMS, advances=SUMS, commitments=SUMS,
    order_credit=st.just(ZERO), limit=SUMS | st.just(ZERO), overdue=OVERDUE, no_trade=st.booleans(),
    legal_case=st.booleans(), unlimited=st.booleans(),
)  # fmt: skip
TERMS = st.builds(
    AskedTerms, prepayment_percent=st.integers(0, 100), deferral_days=st.integers(0, 60),
    agreed_deferral=st.none() | st.integers(0, 60),
)  # fmt: skip
POLICIES = st.builds(
    Policy, overdue_mode=st.sampled_from(OverdueMode), stop_basis=st.sampled_from(StopBasis),
    stop_ratio=st.sampled_from([Decimal(1), Decimal("1.5"), Decimal(2)]),
)  # fmt: skip


@given(FACTS, POLICIES, TERMS)
def test_the_border_of_the_room_is_the_border_of_the_decision(
    facts: CreditFacts, policy: Policy, terms: AskedTerms
) -> None:
    """The room's gross is decided so, one tiyn more is not (D2-4)."""
    left = room(facts, policy, terms)
    for amount, good in ((left.auto, {Outcome.AUTO}), (left.approval, {Outcome.AUTO, Outcome.APPROVAL})):
        if amount is None:
            assert what_if(facts, policy, terms, LARGEST_AMOUNT).outcome in good
            continue
        assert amount == 0 or what_if(facts, policy, terms, amount).outcome in good
        assert what_if(facts, policy, terms, amount + CENT).outcome not in good


@given(FACTS, POLICIES, TERMS, st.decimals("0.01", 5_000_000, places=2))
def test_what_if_is_the_decision_itself(facts: CreditFacts, policy: Policy, terms: AskedTerms, gross: Decimal) -> None:
    """Any order within the room passes, any above it does not; the decision is that of `decide_credit`."""
    asked, left = what_if(facts, policy, terms, gross), room(facts, policy, terms)

    credit = credit_part(gross, terms.prepayment_percent)
    plain = replace(
        facts, order_credit=credit, requested_deferral=terms.deferral_days,
        contract_valid=terms.agreed_deferral is not None, agreed_deferral=terms.agreed_deferral,
    )  # fmt: skip
    assert asked == decide_credit(plain, policy)
    assert (asked.outcome is Outcome.AUTO) is (left.auto is None or gross <= left.auto)
    assert (asked.outcome is not Outcome.STOP) is (left.approval is None or gross <= left.approval)
