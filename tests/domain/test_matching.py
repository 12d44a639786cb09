"""Where a payment goes (D9), and which lines of a statement are new money (V25)."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.matching import (
    Allotment,
    ItemKind,
    KnownDocument,
    Name,
    OpenItem,
    QueueReason,
    match_payment,
    new_lines,
)
from domain.money import split_pro_rata
from domain.payment_references import DocumentKind
from domain.policy import Policy
from domain.waits import is_funded

POLICY = Policy()


def money(text):
    return Decimal(text).quantize(Decimal("0.01"))


def an_invoice(number, residual, due="2026-04-15", order=None, shipment=None):
    names = [Name(DocumentKind.INVOICE, number)]
    if order:
        names.append(Name(DocumentKind.ORDER, order))
    if shipment:
        names.append(Name(DocumentKind.SHIPMENT, shipment))
    amount = money(residual)
    return OpenItem(ItemKind.SCHEDULE_LINE, number, tuple(names), amount, amount, date.fromisoformat(due))


def an_order(number, required, room=None):
    return OpenItem(
        ItemKind.ORDER,
        number,
        (Name(DocumentKind.ORDER, number),),
        money(required),
        money(required if room is None else room),
    )


def taken(match):
    return {part.id: part.amount for part in match.allotments}


def test_v24_equal_due_dates_share_pro_rata():
    """V24: 100 000 without a reference on A 100 000 and B 50 000 due the same day."""
    match = match_payment(
        money(100_000) - 1 + 1, "Оплата", [an_invoice("A", 100_000), an_invoice("B", 50_000), an_order("C", "100000")]
    )
    assert taken(match) == {"A": money("66666.67"), "B": money("33333.33")}
    assert (match.advance, match.reason) == (money(0), None)


def test_d9_3_1_the_named_invoice_is_paid_although_an_older_one_is_overdue():
    """D9-3 (1), D9-4: the payer's word wins."""
    items = [an_invoice("СФ-000001", 100, due="2026-01-01"), an_invoice("СФ-000123", 70)]
    match = match_payment(money(70), "Оплата по счету № 123 от 22.03.2026", items)
    assert taken(match) == {"СФ-000123": money(70)}


def test_d9_3_1_a_named_order_takes_its_invoices_first_then_its_prepayment_up_to_its_gross():
    items = [
        an_order("ЗК-000007", 300, room=1000),
        an_invoice("СФ-000123", 200, order="ЗК-000007"),
        an_invoice("СФ-000001", 50, due="2026-01-01"),
    ]
    match = match_payment(money(1300), "по заказу ЗК-7", items)
    assert taken(match) == {"СФ-000123": money(200), "ЗК-000007": money(1000)}
    assert match.advance == money(100), "the rest is an advance, older debt is not touched (D9-4, D9-8)"


def test_d9_3_1_several_named_invoices():
    items = [an_invoice(f"СФ-{number:06d}", 10, due=f"2026-04-{number}") for number in (15, 16, 17, 18)]
    match = match_payment(money(25), "по счетам №№ 15, 16 и 17", items)
    assert taken(match) == {"СФ-000015": money(10), "СФ-000016": money(10), "СФ-000017": money(5)}


def test_d9_3_1_a_part_of_the_named_invoice():
    items = [an_invoice("СФ-000123", 100), an_invoice("СФ-000124", 90)]
    assert taken(match_payment(money(60), "счет 123", items)) == {"СФ-000123": money(60)}


def test_d9_3_1_a_shipment_names_its_invoice():
    items = [an_invoice("СФ-000123", 100, shipment="РН-000009"), an_invoice("СФ-000009", 100)]
    assert taken(match_payment(money(50), "оплата накладной РН-000009", items)) == {"СФ-000123": money(50)}


def test_d9_3_2_a_sum_that_is_exactly_one_open_item():
    items = [an_invoice("A", 100, due="2026-01-01"), an_invoice("B", 70), an_order("C", 50)]
    assert taken(match_payment(money(70), "Оплата за товар", items)) == {"B": money(70)}
    assert taken(match_payment(money(50), "Оплата за товар", items)) == {"C": money(50)}


def test_d9_3_2_two_items_of_the_same_sum_go_by_due_date():
    items = [an_invoice("A", 70, due="2026-05-01"), an_invoice("B", 70, due="2026-04-01")]
    assert taken(match_payment(money(70), "Оплата", items)) == {"B": money(70)}


def test_d9_3_3_due_first_then_not_yet_due_then_prepayment_orders_then_advance():
    items = [
        an_order("C", 30, room=300),
        an_order("D", 40),
        an_invoice("later", 20, due="2026-12-01"),
        an_invoice("due", 10, due="2026-01-01"),
    ]
    match = match_payment(money(105), "Оплата", items)
    assert [(part.id, part.amount) for part in match.allotments] == [
        ("due", money(10)),
        ("later", money(20)),
        ("C", money(30)),
        ("D", money(40)),
    ]
    assert match.advance == money(5)


def test_d9_3_4_nothing_open_is_an_advance_without_the_accountant():
    match = match_payment(money(5), "Аванс", [])
    assert (match.allotments, match.advance, match.reason) == ((), money(5), None)


def test_an_order_without_prepayment_takes_money_only_when_named():
    items = [an_order("ЗК-000007", 0, room=1000)]
    assert match_payment(money(70), "Оплата", items).advance == money(70)
    assert taken(match_payment(money(70), "заказ 7", items)) == {"ЗК-000007": money(70)}


def test_d9_5_a_number_of_another_customer_goes_to_the_accountant():
    foreign = KnownDocument(Name(DocumentKind.INVOICE, "СФ-000500"), mine=False)
    match = match_payment(money(70), "по счету 500", [an_invoice("A", 70)], [foreign])
    assert match.reason is QueueReason.FOREIGN_NUMBER
    assert (match.allotments, match.advance) == ((), money(70)), "meanwhile it is the payer's advance"


def test_d9_5_an_own_document_goes_before_a_foreign_one_of_the_same_number():
    documents = [
        KnownDocument(Name(DocumentKind.INVOICE, "500"), mine=True),
        KnownDocument(Name(DocumentKind.INVOICE, "СФ-000500"), mine=False),
    ]
    match = match_payment(money(70), "по счету 500", [an_invoice("500", 100)], documents)
    assert taken(match) == {"500": money(70)}


def test_d9_5_a_sum_that_is_exactly_another_item_contradicts_the_number():
    items = [an_invoice("СФ-000123", 100), an_invoice("СФ-000132", 70)]
    match = match_payment(money(70), "счет 123", items)
    assert (match.reason, match.advance) == (QueueReason.SUM_CONTRADICTS, money(70))


def test_d9_5_a_paid_invoice_named_again_goes_to_the_accountant():
    closed = KnownDocument(Name(DocumentKind.INVOICE, "СФ-000123"), mine=True)
    match = match_payment(money(70), "счет 123", [an_invoice("A", 70)], [closed])
    assert match.reason is QueueReason.NOTHING_OPEN


def test_d2_18_a_document_in_another_currency_goes_to_the_accountant():
    other = KnownDocument(Name(DocumentKind.INVOICE, "СФ-000123"), mine=True, payable=False)
    match = match_payment(money(70), "счет 123", [an_invoice("A", 70)], [other])
    assert (match.reason, match.advance) == (QueueReason.WRONG_CURRENCY, money(70))
    theirs = KnownDocument(Name(DocumentKind.INVOICE, "СФ-000123"), mine=False, payable=False)
    assert match_payment(money(70), "счет 123", [], [theirs]).reason is QueueReason.FOREIGN_NUMBER


def test_a_number_that_is_nobodys_is_no_word_of_the_payer():
    assert taken(match_payment(money(70), "по счету №198 от 21.08.2018", [an_invoice("A", 100)])) == {"A": money(70)}


@pytest.mark.parametrize(
    ("required", "received", "currency", "enough"),
    [
        pytest.param("1000", "900", "RUB", True, id="RUB short by 100"),
        pytest.param("1000", "899.99", "RUB", False, id="RUB short by 100.01"),
        pytest.param("10000", "9500", "KZT", True, id="KZT short by 500"),
        pytest.param("10000", "9499.99", "KZT", False, id="KZT short by 500.01"),
        pytest.param("1000000", "999000", "RUB", True, id="0.1% of a million"),
        pytest.param("1000000", "998999.99", "RUB", False, id="a kopeck over 0.1%"),
        pytest.param("90", "0", "RUB", False, id="nothing came: a small order is not paid by the tolerance"),
        pytest.param("0", "0", "RUB", True, id="nothing is required"),
    ],
)
def test_d9_7_tolerance(required, received, currency, enough):
    tolerance = POLICY.floor(Decimal(required), currency)
    assert is_funded(Decimal(required), Decimal(received), tolerance) is enough


def test_v25_a_statement_is_a_multiset_of_lines():
    """V25: two identical lines; the same file again; an overlapping file with one of them."""
    first = new_lines({}, ["x", "x"])
    assert first == [(0, "x-1"), (1, "x-2")]
    assert new_lines({"x": 2}, ["x", "x"]) == []
    assert new_lines({"x": 2}, ["x"]) == []
    assert new_lines({"x": 1}, ["x", "y", "x", "x"]) == [(1, "y-1"), (2, "x-2"), (3, "x-3")]


amounts = st.integers(1, 10**9).map(lambda kopecks: Decimal(kopecks) / 100)
days = st.sampled_from(["2026-01-01", "2026-02-01", "2026-03-01"])


@given(
    amounts,
    st.lists(st.tuples(amounts, days), max_size=12),
    st.lists(amounts, max_size=5),
    st.sampled_from(["Оплата", "счет 1", "заказ 2", "счет 900", "по счетам №№ 1, 2, 3"]),
)
def test_nothing_is_lost_and_nothing_gets_more_than_it_may(amount, lines, orders, purpose):
    items = [an_invoice(f"СФ-{number:06d}", residual, due) for number, (residual, due) in enumerate(lines)]
    items += [an_order(f"ЗК-{number:06d}", required, room=required * 2) for number, required in enumerate(orders)]
    match = match_payment(amount, purpose, items)
    room = {item.id: item.room for item in items}
    assert sum(taken(match).values(), match.advance) == amount
    assert match.advance >= 0
    assert all(0 < part.amount <= room[part.id] for part in match.allotments)
    assert len(taken(match)) == len(match.allotments)
    assert all(isinstance(part, Allotment) for part in match.allotments)


@given(st.integers(0, 10**6), st.lists(st.integers(1, 10**5), min_size=1, max_size=30))
def test_shares_never_pass_their_due(kopecks, weights):
    weights = [Decimal(weight) / 100 for weight in weights]
    amount = min(Decimal(kopecks) / 100, sum(weights))
    shares = split_pro_rata(amount, weights)
    assert sum(shares) == amount
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))
