"""Goods change hands by the head's word only, from whom and to whom the rule allows (D8-3, D8-4)."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.approvals import Answerer
from domain.credit_errors import NotYourApprovalError
from domain.orders import Role
from domain.reassignment import Giver, Taker, check_decider, movable, refusal
from domain.stock_errors import OwnReassignmentError

GIVER = Giver("ЗК-1", ended=False, vip=False, received=Decimal(0), picking=False, reserved=Decimal(5))
TAKER = Taker("ЗК-2", ended=False, vip=True, waiting=Decimal(5))


def code(quantity: str, giver: Giver = GIVER, taker: Taker = TAKER) -> str | None:
    found = refusal("CEM", Decimal(quantity), giver, taker)
    return found.code if found else None


@pytest.mark.parametrize(("quantity", "expected"), [("5", None), ("5.001", "reassignment_not_reserved")])
def test_d8_4_no_more_than_is_reserved(quantity: str, expected: str | None) -> None:
    assert code(quantity, taker=replace(TAKER, waiting=Decimal(9))) == expected


@pytest.mark.parametrize(("quantity", "expected"), [("5", None), ("5.001", "reassignment_not_needed")])
def test_d8_4_no_more_than_is_waited_for(quantity: str, expected: str | None) -> None:
    assert code(quantity, giver=replace(GIVER, reserved=Decimal(9))) == expected


@pytest.mark.parametrize(("received", "expected"), [("0", None), ("0.01", "reassignment_from_paid")])
def test_d8_4_not_from_an_order_that_money_came_for(received: str, expected: str | None) -> None:
    assert code("1", giver=replace(GIVER, received=Decimal(received))) == expected


def test_d8_4_not_from_picking() -> None:
    assert code("1", giver=replace(GIVER, picking=True)) == "reassignment_from_picking"


@pytest.mark.parametrize(("giver", "taker"), [(False, False), (True, True), (True, False)])
def test_d8_4_only_from_an_ordinary_customer_to_a_key_customer(giver: bool, taker: bool) -> None:
    assert code("1", replace(GIVER, vip=giver), replace(TAKER, vip=taker)) == "reassignment_class"
    assert code("1") is None


def test_d8_4_ended_orders_give_and_take_nothing() -> None:
    assert code("1", giver=replace(GIVER, ended=True)) == "reassignment_order_over"
    assert code("1", taker=replace(TAKER, ended=True)) == "reassignment_order_over"


@pytest.mark.parametrize(
    ("asked", "reserved", "waiting", "moved"), [("5", "9", "9", "5"), ("5", "4", "9", "4"), ("5", "9", "3", "3")]
)
def test_d8_4_what_is_there_and_needed_by_then_changes_hands(
    asked: str, reserved: str, waiting: str, moved: str
) -> None:
    giver, taker = replace(GIVER, reserved=Decimal(reserved)), replace(TAKER, waiting=Decimal(waiting))
    assert movable(Decimal(asked), giver, taker) == Decimal(moved)


@pytest.mark.parametrize("actor", ["asker", "owner"])
def test_d4_5_neither_who_asked_nor_whose_order_it_is_decides(actor: str) -> None:
    barred = ("asker", "owner")
    with pytest.raises(OwnReassignmentError):
        check_decider(Answerer(actor, Role.HEAD, None, asked=True), barred=barred, region="Алматы")
    check_decider(Answerer("head", Role.HEAD, None, asked=False), barred=barred, region="Алматы")


@pytest.mark.parametrize(
    ("role", "region", "asked", "may"),
    [
        (Role.HEAD, "Алматы", False, True),
        (Role.HEAD, None, False, True),
        (Role.HEAD, "Астана", False, False),
        (Role.HEAD, "Астана", True, True),
        (Role.DIRECTOR, None, False, True),
        (Role.DIRECTOR, "Астана", False, True),
        (Role.ADMIN, None, True, False),
    ],
)
def test_d4_1_the_branch_of_who_gets_the_goods_decides(role: Role, region: str | None, asked: bool, may: bool) -> None:
    person = Answerer("who", role, region, asked=asked)
    if may:
        check_decider(person, barred=(), region="Алматы")
    else:
        with pytest.raises(NotYourApprovalError):
            check_decider(person, barred=(), region="Алматы")
