"""Numbers in the purpose of a payment, as real payers write them (notes on formats, section 3.3)."""

import pytest

from domain.payment_references import DocumentKind, extract_references, number_key

ORDER, INVOICE, SHIPMENT = DocumentKind.ORDER, DocumentKind.INVOICE, DocumentKind.SHIPMENT


@pytest.mark.parametrize(
    ("purpose", "found"),
    [
        ("по счету №198 от 21.08.2018 г.", [(INVOICE, "198")]),
        ("по счету № ХИМ-ММР286 от 22.08.2018 г.", [(INVOICE, "286")]),
        ("по счету N 1024 от 01.01.23г 18026,52", [(INVOICE, "1024")]),
        ("по сч.34 от 31.03.2022", [(INVOICE, "34")]),
        ("Оплата по заказу клиента №9614", [(ORDER, "9614")]),
        ("по счёту 305", [(INVOICE, "305")]),
        ("Оплата по счету УТ-000123 от 22.11.26", [(INVOICE, "123")]),
        ("по счетам №№ 15, 16 и 17", [(INVOICE, "15"), (INVOICE, "16"), (INVOICE, "17")]),
        ("по счетам 15 от 01.02.2026, 16 от 02.02.2026", [(INVOICE, "15"), (INVOICE, "16")]),
        ("Щ150/2. по счету 150/2.", [(INVOICE, "150/2")]),
        ("Оплата по накладной РН-000009", [(SHIPMENT, "9")]),
        ("УПД № 9 от 01.02.2026", [(SHIPMENT, "9")]),
        ("Оплата заказа ЗК-000123 и ЗК-000124", [(ORDER, "123"), (ORDER, "124")]),
        ("ЗК-000123", [(ORDER, "123")]),
        ("оплата зк000123 срочно", [(ORDER, "123")]),
        ("оплата 3K-000123", [(ORDER, "123")]),
        ("оплата CФ-000045", [(INVOICE, "45")]),
        ("оплата PH-000045", [(SHIPMENT, "45")]),
        ("счет ЗК-000123", [(ORDER, "123")]),
        ("Заказ 5. Заказ 5", [(ORDER, "5")]),
        ("по договору 7 от 10.01.2018", []),
        ("по договору № ЗК-000007", []),
        ("по договору 7 счет 12", [(INVOICE, "12")]),
        ("Заработная плата за март", []),
        ("Штраф по решению налоговой", []),
        ("ЛС: 50133547364", []),
        ("Оплата по счету 123, в т.ч. НДС 22% = 18059,33", [(INVOICE, "123")]),
        ("Оплата по счету 123, 1000.00 руб.", [(INVOICE, "123")]),
        ("пересчет 12", []),
        ("", []),
    ],
)
def test_references(purpose, found):
    assert [(reference.kinds[0], reference.key.rest) for reference in extract_references(purpose)] == found


def test_an_invoice_number_may_also_be_an_orders():
    (reference,) = extract_references("по счету 12")
    assert reference.kinds == (INVOICE, ORDER)
    assert reference.stored_numbers() == ("12", "СФ-000012", "ЗК-000012")


@pytest.mark.parametrize(
    ("written", "stored", "same"),
    [
        ("УТ-000123", "УТ-000123", True),
        ("123", "УТ-000123", True),
        ("00123", "СФ-000123", True),
        ("CФ-123", "СФ-000123", True),
        ("ут 000123", "УТ-000123", True),
        ("СФ-000123", "УТ-000123", False),
        ("УТ-000123", "123", False),
        ("124", "СФ-000123", False),
        ("ХИМ-ММР286", "ХИМ–MMP286", True),
    ],
)
def test_number_keys(written, stored, same):
    assert number_key(written).names(number_key(stored)) is same
