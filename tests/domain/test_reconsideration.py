"""D2-13, D2-14: whom the account's figures set free, whatever orders wait for it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.credit import CreditFacts, OrderAsk, Outcome, decide_credit
from domain.money import ZERO
from domain.policy import Policy, StopRelease
from domain.reconsideration import WaitingOrder, reconsider

LIMIT = Decimal(1000)
BY_RULES, DEBT_ZERO = Policy(), Policy(stop_release=StopRelease.DEBT_ZERO)


def an_account(receivables: int = 0, advances: int = 0, commitments: int = 0, *, pending: int = 0) -> CreditFacts:
    return CreditFacts(
        currency="KZT",
        receivables=Decimal(receivables),
        advances=Decimal(advances),
        commitments=Decimal(commitments),
        order_credit=ZERO,
        limit=LIMIT,
        pending=Decimal(pending),
    )


def an_order(name: str, credit: int, *, stopped: bool = False, policy: Policy = BY_RULES, deferral: int = 0,
             reasons: tuple[str, ...] = ()) -> WaitingOrder:  # fmt: skip
    return WaitingOrder(name, OrderAsk(Decimal(credit), deferral, 14), policy, stopped, reasons)


def freed(account: CreditFacts, *orders: WaitingOrder) -> list[str]:
    return [each.order_id for each in reconsider(account, orders) if each.decision.outcome is Outcome.AUTO]


sums = st.integers(0, 1500)
accounts = st.builds(an_account, sums, sums, sums, pending=st.integers(0, 5000))
queues = st.lists(
    st.tuples(st.integers(0, 900), st.booleans(), st.sampled_from([7, 14, 30]), st.sampled_from([BY_RULES, DEBT_ZERO])),
    max_size=12,
).map(
    lambda given: [
        an_order(f"{n}", credit, stopped=stopped, deferral=days, policy=policy, reasons=("ORDER_OVER_2X",) * stopped)
        for n, (credit, stopped, days, policy) in enumerate(given)
    ]
)


def keeps_for_debt(order: WaitingOrder, account: CreditFacts) -> bool:
    return order.policy is DEBT_ZERO and order.stopped and order.ask.credit > 0 and account.debt > 0


@given(accounts, queues)
def test_d2_13_what_is_set_free_stays_within_the_limit(account: CreditFacts, queue: list[WaitingOrder]):
    credit = {order.order_id: order.ask.credit for order in queue}
    gone = sum((credit[name] for name in freed(account, *queue)), ZERO)
    assert gone == 0 or account.exposure_before + gone <= LIMIT


@given(accounts, queues)
def test_d2_13_is_deciding_one_after_another(account: CreditFacts, queue: list[WaitingOrder]):
    """Each by the figures that the one before left: as if the orders were placed one by one, in this order."""
    room, expected = account, []
    for order in queue:
        if keeps_for_debt(order, account):
            continue
        outcome = decide_credit(room.asked(order.ask), order.policy).outcome
        if outcome is Outcome.AUTO:
            room = replace(room, commitments=room.commitments + order.ask.credit)
        if outcome is Outcome.AUTO or (outcome is Outcome.APPROVAL and order.stopped):
            expected.append((order.order_id, outcome, room.exposure_before))

    moved = reconsider(account, queue)

    assert [(each.order_id, each.decision.outcome) for each in moved] == [each[:2] for each in expected]
    for each, (_, outcome, left) in zip(moved, expected, strict=True):
        own = each.facts.order_credit if outcome is Outcome.AUTO else ZERO
        assert each.facts.exposure_before + own == left
        assert each.decision == decide_credit(each.facts, BY_RULES)
        assert each.facts.pending >= 0


@given(accounts, queues)
def test_d2_13_nobody_takes_the_room_of_somebody_ahead(account: CreditFacts, queue: list[WaitingOrder]):
    """Whoever is left behind would not have fitted at his turn, by the orders ahead of him alone; and nobody who was
    set free after him changes that."""
    free = set(freed(account, *queue))
    for place, order in enumerate(queue):
        alone = freed(account, *queue[: place + 1])
        assert (order.order_id in free) == (order.order_id in alone)
        if order.order_id in free or keeps_for_debt(order, account):
            continue
        ahead = sum((other.ask.credit for other in queue[:place] if other.order_id in free), ZERO)
        asked = replace(account, commitments=account.commitments + ahead).asked(order.ask)
        assert decide_credit(asked, order.policy).outcome is not Outcome.AUTO


@given(accounts, queues)
def test_d4_7_a_waiting_approval_is_not_withdrawn_for_worse_figures(account: CreditFacts, queue: list[WaitingOrder]):
    asking = {order.order_id for order in queue if not order.stopped}
    for moved in reconsider(account, queue):
        assert moved.decision.outcome is not Outcome.STOP
        assert moved.order_id not in asking or moved.decision.outcome is Outcome.AUTO


@given(accounts, queues)
def test_once_decided_nothing_is_left_to_decide(account: CreditFacts, queue: list[WaitingOrder]):
    """A second pass over the figures that the first one leaves moves nobody on."""
    moved = {each.order_id: each for each in reconsider(account, queue)}
    free = {name for name, each in moved.items() if each.decision.outcome is Outcome.AUTO}
    taken = sum((moved[name].facts.order_credit for name in free), ZERO)
    left = [replace(order, stopped=order.stopped and order.order_id not in moved)
            for order in queue if order.order_id not in free]  # fmt: skip
    assert reconsider(replace(account, commitments=account.commitments + taken), left) == []


@pytest.mark.parametrize(
    ("credits", "expected"),
    [
        pytest.param((1000,), ["0"], id="exactly the limit"),
        pytest.param((1001,), [], id="one above it"),
        pytest.param((600, 400), ["0", "1"], id="both fill it"),
        pytest.param((600, 401, 400), ["0", "2"], id="one that does not fit lets a smaller one by"),
        pytest.param((0, 1000, 0), ["0", "1", "2"], id="prepaid orders take no room"),
    ],
)
def test_d2_13_by_turns(credits: tuple[int, ...], expected: list[str]):
    assert freed(an_account(), *(an_order(str(n), credit) for n, credit in enumerate(credits))) == expected


@pytest.mark.parametrize(
    ("debt", "policy", "reasons", "expected"),
    [
        pytest.param(0, DEBT_ZERO, ("DEBT_OVER_2X",), ["0"], id="nothing is owed"),
        pytest.param(1, DEBT_ZERO, ("DEBT_OVER_2X",), [], id="a rest is owed"),
        pytest.param(1, BY_RULES, ("DEBT_OVER_2X",), ["0"], id="by rules a rest does not matter"),
        pytest.param(1, DEBT_ZERO, ("OVERDUE_STOP",), [], id="stopped for an overdue debt"),
        pytest.param(1, DEBT_ZERO, ("NO_TRADE",), ["0"], id="stopped for something else"),
    ],
)
def test_d2_14_until_the_debt_is_repaid(debt: int, policy: Policy, reasons: tuple[str, ...], expected: list[str]):
    order = an_order("0", 100, stopped=True, policy=policy, reasons=reasons)
    assert freed(an_account(debt), order) == expected


def test_d2_14_holds_neither_a_prepaid_order_nor_one_that_waits_for_an_approval():
    prepaid = an_order("prepaid", 0, stopped=True, policy=DEBT_ZERO, reasons=("DEBT_OVER_2X",))
    asking = an_order("asking", 100, policy=DEBT_ZERO, reasons=("DEBT_OVER_2X",))
    assert freed(an_account(500), prepaid, asking) == ["prepaid", "asking"]


@pytest.mark.parametrize(
    ("credit", "moves"), [pytest.param(2000, True, id="2L may be approved"), pytest.param(2001, False, id="above 2L")]
)
def test_d2_12_a_stop_turns_into_a_request_at_the_double_limit(credit: int, moves: bool):
    moved = reconsider(an_account(), [an_order("0", credit, stopped=True, reasons=("ORDER_OVER_2X",))])
    assert [each.decision.outcome for each in moved] == [Outcome.APPROVAL] * moves
