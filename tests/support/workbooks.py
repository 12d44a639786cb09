"""Workbooks and CSV files for imports, written as people would."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

ROMASHKA = "180240012342"
STROY = "080540007891"

CUSTOMER = {
    "Название": "ООО «Ромашка»",
    "ИНН/БИН": ROMASHKA,
    "Страна": "KZ",
    "Кредитный лимит": 1_000_000,
    "Отсрочка, дней": 14,
    "Менеджер": "manager",
    "Контактное лицо": "Иванова Мария",
    "E-mail": "buh@romashka.example",
    "Телефон": "+77010000001",
}
CONTRACT = {
    "ИНН/БИН": ROMASHKA,
    "Номер": "Д-14",
    "Дата подписания": date(2026, 1, 12),
    "Действует до": date(2027, 1, 12),
}
PRODUCT = {
    "Артикул": "CEM-50",
    "Название": "Цемент М500",
    "Единица": "мешок",
    "Цена": 2450.5,
    "Ставка НДС, %": 16,
    "Остаток на складе": 1200,
}
INVOICE = {
    "ИНН/БИН": ROMASHKA,
    "Номер": "СЧ-101",
    "Дата счёта": date(2026, 11, 2),
    "Срок оплаты": date(2026, 11, 16),
    "Сумма": 350_000,
    "Остаток долга": 250_000,
}

Rows = Sequence[Mapping[str, Any]]


def company(
    customers: Rows = (CUSTOMER,),
    contracts: Rows = (CONTRACT,),
    products: Rows = (PRODUCT,),
    invoices: Rows = (INVOICE,),
) -> dict[str, Rows]:
    """The four sheets of a good company, any of them replaced."""
    return {"Клиенты": customers, "Договоры": contracts, "Товары": products, "Счета": invoices}


_HEADERS = {"Клиенты": CUSTOMER, "Договоры": CONTRACT, "Товары": PRODUCT, "Счета": INVOICE}


def write_workbook(path: Path, sheets: Mapping[str, Rows]) -> Path:
    """An xlsx file; the header of a sheet is what its rows and its usual row name."""
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False}) as book:
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            header = _header(name, rows)
            sheet.write_row(0, 0, header)
            for line, row in enumerate(rows, start=1):
                for index, title in enumerate(header):
                    _write(sheet, line, index, row.get(title), day)
    return path


def _header(name: str, rows: Rows) -> list[str]:
    titles: dict[str, None] = {} if rows else dict.fromkeys(_HEADERS.get(name, {}))
    for row in rows:
        titles |= dict.fromkeys(row)
    return list(titles)


def _write(sheet: Any, line: int, index: int, value: Any, day: Any) -> None:
    if isinstance(value, date):
        sheet.write_datetime(line, index, value, day)
    elif isinstance(value, bool):
        sheet.write_boolean(line, index, value)
    elif isinstance(value, int | float | Decimal):
        sheet.write_number(line, index, value)
    elif value is not None:
        sheet.write_string(line, index, value)


def write_csv(path: Path, rows: Rows, *, encoding: str = "utf-8", delimiter: str = ";") -> Path:
    """A CSV file as Excel in Russia saves it."""
    header = list(rows[0])
    lines = [header, *([_shown(row.get(title)) for title in header] for row in rows)]
    path.write_bytes(_joined(lines, delimiter).encode(encoding))
    return path


def _joined(lines: Iterable[Sequence[str]], delimiter: str) -> str:
    quoted = (
        ['"' + cell.replace('"', '""') + '"' if delimiter in cell or '"' in cell else cell for cell in line]
        for line in lines
    )
    return "".join(delimiter.join(line) + "\r\n" for line in quoted)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y")
    if isinstance(value, float):
        return f"{value:.2f}".replace(".", ",")
    return str(value)
