"""Rows of an import judged without files and without a database."""

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from support.workbooks import CONTRACT, CUSTOMER, INVOICE, PRODUCT, ROMASHKA, STROY, Rows, company

from activities.requisites import check_kpp, check_tax_id
from domain.import_cells import CellError, read_amount, read_code, read_day, read_price, read_text, read_vat_rate
from domain.import_records import Known, KnownCustomer, Reading, Requisites
from domain.import_sheets import SourceSheet, letter
from domain.importing import read_company

KNOWN = Known("KZ", "KZT", date(2026, 11, 23), frozenset({"manager"}))
REQUISITES = Requisites(check_tax_id, check_kpp)


def read(sheets: dict[str, Rows], known: Known = KNOWN, *, whole: bool = True) -> Reading:
    return read_company([_sheet(name, rows) for name, rows in sheets.items()], known, REQUISITES, whole=whole)


def _sheet(name: str, rows: Rows) -> SourceSheet:
    titles = list(dict.fromkeys(title for row in rows for title in row))
    usual = {"Клиенты": CUSTOMER, "Договоры": CONTRACT, "Товары": PRODUCT, "Счета": INVOICE}
    header: Sequence[Any] = titles or list(usual.get(name, {}))
    body = [(number, [row.get(title) for title in header]) for number, row in enumerate(rows, start=2)]
    return SourceSheet(name, [(1, header), *body])


def codes(reading: Reading) -> list[tuple[str, int | None, str | None, str]]:
    return [(problem.sheet, problem.line, problem.header, problem.code) for problem in reading.problems]


def test_a_good_company_is_read_whole() -> None:
    reading = read(company())
    assert not reading.problems
    assert not reading.notices
    customer = reading.company.customers[0]
    assert (customer.tax_id, customer.credit_limit, customer.currency) == (ROMASHKA, Decimal("1000000.00"), None)
    assert reading.company.products[0].price == Decimal("2450.5000")
    assert reading.company.stock[0].warehouse == "main"
    assert reading.company.invoices[0].customer.tax_id == ROMASHKA


def test_english_sheets_and_headers_are_the_same() -> None:
    english = {"name": "LLC", "tax_id": ROMASHKA, "country": "kz", "credit_limit": "1 000 000,50"}
    sheets = company(customers=[english])
    sheets["customers"] = sheets.pop("Клиенты")
    reading = read(sheets)
    assert not reading.problems
    assert reading.company.customers[0].credit_limit == Decimal("1000000.50")


BAD_CELLS = [
    ("Клиенты", "Название", None, "empty"),
    ("Клиенты", "Название", "=A1&B1", "formula"),
    ("Клиенты", "Название", "#REF!", "formula_error"),
    ("Клиенты", "Название", "ООО\x00", "bad_characters"),
    ("Клиенты", "Название", "я" * 301, "too_long"),
    ("Клиенты", "ИНН/БИН", None, "empty"),
    ("Клиенты", "ИНН/БИН", "180240012345", "invalid_tax_id"),
    ("Клиенты", "ИНН/БИН", "000000000000", "invalid_tax_id"),
    ("Клиенты", "ИНН/БИН", 1.8e17, "digits_lost"),
    ("Клиенты", "ИНН/БИН", datetime(2026, 1, 1), "wrong_type"),
    ("Клиенты", "Страна", "Нарния", "unknown_value"),
    ("Клиенты", "Сегмент", "gold", "unknown_value"),
    ("Клиенты", "Валюта", "USD", "unknown_value"),
    ("Клиенты", "КПП", "773601001", "kpp_outside_russia"),
    ("Клиенты", "Кредитный лимит", -1, "negative"),
    ("Клиенты", "Кредитный лимит", "миллион", "not_a_number"),
    ("Клиенты", "Кредитный лимит", True, "not_a_number"),
    ("Клиенты", "Кредитный лимит", "9" * 40, "too_large"),
    ("Клиенты", "Кредитный лимит", 1e39, "too_large"),
    ("Клиенты", "Кредитный лимит", "100,005", "too_many_places"),
    ("Клиенты", "Кредитный лимит", "1e5", "not_a_number"),
    ("Клиенты", "Кредитный лимит", "NaN", "not_a_number"),
    ("Клиенты", "Кредитный лимит", "=10*10", "formula"),
    ("Клиенты", "Отсрочка, дней", 366, "too_large"),
    ("Клиенты", "Отсрочка, дней", 1.5, "too_many_places"),
    ("Клиенты", "Предоплата, %", 101, "too_large"),
    ("Клиенты", "Менеджер", "nobody", "unknown_manager"),
    ("Клиенты", "E-mail", "not an address", "bad_email"),
    ("Клиенты", "E-mail", "a@b.kz, c@d.kz", "bad_email"),
    ("Договоры", "ИНН/БИН", STROY, "unknown_customer"),
    ("Договоры", "Номер", None, "empty"),
    ("Договоры", "Дата подписания", "31.02.2026", "not_a_date"),
    ("Договоры", "Дата подписания", 46000, "not_a_date"),
    ("Договоры", "Дата подписания", date(1026, 1, 1), "date_out_of_range"),
    ("Договоры", "Действует до", date(2025, 1, 1), "dates_reversed"),
    ("Товары", "Артикул", None, "empty"),
    ("Товары", "Цена", None, "empty"),
    ("Товары", "Цена", 0, "not_positive"),
    ("Товары", "Цена", -5, "negative"),
    ("Товары", "Цена", "10,12345", "too_many_places"),
    ("Товары", "Цена", time(1, 2), "not_a_number"),
    ("Товары", "Ставка НДС, %", 100, "too_large"),
    ("Товары", "Ставка НДС, %", "НДС", "not_a_number"),
    ("Товары", "Остаток на складе", -1, "negative"),
    ("Товары", "Остаток на складе", "1,2345", "too_many_places"),
    ("Счета", "ИНН/БИН", STROY, "unknown_customer"),
    ("Счета", "Номер", date(2026, 5, 12), "wrong_type"),
    ("Счета", "Сумма", 0, "not_positive"),
    ("Счета", "Сумма", -350_000, "negative"),
    ("Счета", "Остаток долга", 0, "nothing_owed"),
    ("Счета", "Остаток долга", 350_000.01, "residual_over_amount"),
    ("Счета", "Дата счёта", date(2026, 11, 24), "date_in_future"),
    ("Счета", "Срок оплаты", date(2026, 11, 1), "dates_reversed"),
    ("Счета", "Валюта", "RUB", "wrong_currency"),
]


@pytest.mark.parametrize(("sheet", "column", "value", "code"), BAD_CELLS)
def test_each_bad_cell_is_named_with_its_line_and_column(sheet: str, column: str, value: Any, code: str) -> None:
    # Documents of a customer whose tax id is wrong name nobody; they are left out here.
    sheets = company(contracts=(), invoices=()) if (sheet, column) == ("Клиенты", "ИНН/БИН") else company()
    sheets[sheet] = [{**sheets[sheet][0], column: value}]
    reading = read(sheets)
    # An invoice issued tomorrow is due before it is issued, too.
    assert (sheet, 2, column, code) in codes(reading)
    assert {problem.sheet for problem in reading.problems} == {sheet}
    assert all(problem.text and "{" not in problem.text for problem in reading.problems)
    problem = next(one for one in reading.problems if one.code == code)
    assert problem.column == letter(list({**company()[sheet][0], column: value}).index(column))


def test_every_bad_row_is_reported_at_once() -> None:
    customers = [{**CUSTOMER, "Кредитный лимит": "много", "E-mail": "?"}, {**CUSTOMER, "ИНН/БИН": "1"}]
    reading = read(company(customers=customers, products=[{**PRODUCT, "Цена": -1}]))
    assert codes(reading) == [
        ("Клиенты", 2, "Кредитный лимит", "not_a_number"),
        ("Клиенты", 2, "E-mail", "bad_email"),
        ("Клиенты", 3, "ИНН/БИН", "invalid_tax_id"),
        ("Товары", 2, "Цена", "negative"),
    ]


@pytest.mark.parametrize("missing", ["Клиенты", "Договоры", "Товары", "Счета"])
def test_a_workbook_without_a_sheet_is_refused_and_says_which(missing: str) -> None:
    sheets = company()
    del sheets[missing]
    assert codes(read(sheets)) == [(missing, None, None, "missing_sheet")]


def test_a_missing_column_is_one_problem_and_excuses_the_documents() -> None:
    without = {key: value for key, value in CUSTOMER.items() if key != "ИНН/БИН"}
    assert codes(read(company(customers=[without]))) == [("Клиенты", 1, "ИНН/БИН", "missing_column")]


def test_a_column_twice_is_a_problem_and_an_unknown_one_a_notice() -> None:
    header = ["Артикул", "sku", "Название", "Единица", "Цена", "НДС", "Цвет"]
    sheet = SourceSheet("Товары", [(1, header), (2, ["A", "B", "Цемент", "шт", 1, 16, "серый"])])
    reading = read_company([sheet], KNOWN, REQUISITES, whole=False)
    assert codes(reading) == [("Товары", 1, "sku", "duplicate_column")]
    assert [(notice.code, notice.header) for notice in reading.notices] == [("unknown_column", "Цвет")]


def test_unknown_sheets_are_left_aside_and_said() -> None:
    reading = read({**company(), "Заметки": []})
    assert not reading.problems
    assert [notice.code for notice in reading.notices] == ["unknown_sheet"]


def test_headers_without_rows_are_nothing_to_import() -> None:
    assert codes(read(company((), (), (), ()))) == [("", None, None, "nothing_to_import")]


@pytest.mark.parametrize("sheet", ["Клиенты", "Договоры", "Товары", "Счета"])
def test_a_repeated_row_names_the_first(sheet: str) -> None:
    sheets = company()
    sheets[sheet] = [sheets[sheet][0], sheets[sheet][0]]
    reading = read(sheets)
    assert codes(reading) == [(sheet, 3, None, "duplicate_row")]
    assert "строку 2" in reading.problems[0].text


def test_one_sku_may_lie_in_two_warehouses_but_not_cost_two_prices() -> None:
    other = {**PRODUCT, "Склад": "Астана"}
    assert not read(company(products=[{**PRODUCT, "Склад": "основной"}, other])).problems
    contradiction = read(company(products=[{**PRODUCT, "Склад": "main"}, {**other, "Цена": 1}]))
    assert codes(contradiction) == [("Товары", 3, None, "contradicts_row")]


def test_a_refused_customer_does_not_refuse_its_documents_too() -> None:
    reading = read(company(customers=[{**CUSTOMER, "Кредитный лимит": -1}]))
    assert codes(reading) == [("Клиенты", 2, "Кредитный лимит", "negative")]


def test_a_stored_customer_may_be_named_without_a_row() -> None:
    stored = KnownCustomer("KZ", STROY, None, "KZT", id="1")
    known = Known("KZ", "KZT", KNOWN.today, KNOWN.logins, (stored,))
    reading = read({"Счета": [{**INVOICE, "ИНН/БИН": STROY}]}, known, whole=False)
    assert not reading.problems
    assert reading.company.invoices[0].customer == stored


def test_branches_of_one_inn_are_told_apart_by_kpp() -> None:
    inn = "7736000010"
    rows = [{**CUSTOMER, "Страна": "RU", "ИНН/БИН": inn, "КПП": kpp} for kpp in ("773601001", "500343001")]
    good = {**INVOICE, "ИНН/БИН": inn, "КПП": "500343001"}
    reading = read(company(customers=rows, contracts=(), invoices=[good]))
    assert not reading.problems
    assert reading.company.invoices[0].customer.kpp == "500343001"
    vague = read(company(customers=rows, contracts=(), invoices=[{**INVOICE, "ИНН/БИН": inn}]))
    assert codes(vague) == [("Счета", 2, "ИНН/БИН", "ambiguous_customer")]


def test_the_currency_of_a_known_customer_stays() -> None:
    known = Known("KZ", "KZT", KNOWN.today, KNOWN.logins, (KnownCustomer("KZ", ROMASHKA, None, "KZT", id="1"),))
    sheets = company(customers=[{**CUSTOMER, "Валюта": "RUB"}], contracts=(), invoices=())
    assert codes(read(sheets, known)) == [("Клиенты", 2, "Валюта", "currency_fixed")]


def test_leading_zeros_lost_in_number_cells_come_back_by_the_check_digits() -> None:
    rows = [{**CUSTOMER, "ИНН/БИН": float(STROY)}]
    reading = read(company(customers=rows, contracts=(), invoices=[{**INVOICE, "ИНН/БИН": float(STROY)}]))
    assert not reading.problems
    assert reading.company.customers[0].tax_id == STROY
    # As text nothing was lost, so nothing is added.
    assert codes(read(company(customers=[{**CUSTOMER, "ИНН/БИН": STROY[1:]}], contracts=(), invoices=()))) == [
        ("Клиенты", 2, "ИНН/БИН", "invalid_tax_id")
    ]


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        (700975.0, "700975.00"),
        (0.1 + 0.2, "0.30"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234.5", "1234.50"),
        ("1 000 000", "1000000.00"),
        (None, None),
        ("  ", None),
        ("9999999999999999,99", "9999999999999999.99"),
    ],
)  # fmt: skip
def test_sums_as_people_write_them(cell: Any, amount: str | None) -> None:
    assert read_amount(cell) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize("cell", ["1,234.56", "12 руб", "--5", "٣", "Infinity", "10000000000000000"])
def test_what_is_no_sum(cell: str) -> None:
    with pytest.raises(CellError):
        read_amount(cell)


@pytest.mark.parametrize(
    ("cell", "rate"), [(16, "16"), (0.16, "16"), ("16%", "16"), ("без НДС", "0"), ("22,5", "22.5"), (0, "0")]
)
def test_vat_rates_as_people_write_them(cell: Any, rate: str) -> None:
    assert read_vat_rate(cell) == Decimal(rate)


@pytest.mark.parametrize(
    "cell", [date(2026, 1, 25), datetime(2026, 1, 25, 10, 30), "25.01.2026", " 2026-01-25 ", "2026-01-25 00:00:00"]
)
def test_days_as_people_write_them(cell: Any) -> None:
    assert read_day(cell) == date(2026, 1, 25)


def test_numbers_that_are_names() -> None:
    assert read_code(1001.0) == "1001"
    assert read_code(" 007 ") == "007"
    assert read_text("  ООО \u00a0 «Ромашка» ") == "ООО «Ромашка»"
    assert read_price(2450.5) == Decimal("2450.5000")


@pytest.mark.parametrize(("index", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_letters_of_columns(index: int, name: str) -> None:
    assert letter(index) == name
