"""The workbook that shows a newcomer what `./opora import` takes: a small seller of building materials in Алматы."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import xlsxwriter  # type: ignore[import-untyped]

from domain.import_sheets import CONTRACTS, CUSTOMERS, INVOICES, PRODUCTS, SheetSpec

Value = str | int | Decimal | date | None

_WIDTH = 18


def write_sample(path: Path, *, today: date) -> None:
    """Write the workbook; dates of documents lie around `today`, so that some invoices are overdue and some are not.

    Raises:
        OSError: the file cannot be written.
    """
    write_workbook(path, sample_rows(today))


def write_workbook(path: Path, sheets: Sequence[tuple[SheetSpec, Sequence[Sequence[Value]]]]) -> None:
    """Write a new workbook of sheets that `./opora import` takes.

    Raises:
        OSError: the file is there already or cannot be written.
    """
    # Made in memory first: the library tells of a full disk with an exception of its own.
    with open(path, "xb") as output, xlsxwriter.Workbook(output, {"in_memory": True}) as book:
        for spec, rows in sheets:
            _write_sheet(book, spec, rows)


def sample_rows(today: date) -> list[tuple[SheetSpec, Sequence[Sequence[Value]]]]:
    """The sheets with their rows, in the order of the columns of each sheet."""

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    romashka, stroy, dom, alatau = "180240012342", "080540007891", "7736000010", "210640031410"
    return [
        (
            CUSTOMERS,
            [
                ("ООО «Ромашка»", "KZ", romashka, None, "standard", "KZT", 1_000_000, 14, 0, "manager", "Алматы",
                 "Опт", "Иванова Мария", "buh@romashka.example", "+77010000001"),
                ("ТОО «Строй Сервис»", "KZ", stroy, None, "vip", "KZT", 5_000_000, 30, 0, "manager", "Алматы",
                 "Опт", "Сериков Айдар", "zakup@stroyservice.example", "+77010000002"),
                ("ООО «Дом и Сад»", "RU", dom, "773601001", "standard", "RUB", 0, 0, 100, "manager2", "Москва",
                 "Опт", "Фёдоров Пётр", "info@domisad.example", "+74950000003"),
                ("ТОО «Алатау Декор»", "KZ", alatau, None, "standard", "KZT", 800_000, 14, 30, "manager2",
                 "Талдыкорган", "Розница", None, None, "+77010000004"),
            ],
        ),
        (
            CONTRACTS,
            [
                (romashka, None, "Д-2026/14", ago(300), today + timedelta(days=400), 14),
                (stroy, None, "Д-2026/15", ago(280), today + timedelta(days=400), 30),
                (alatau, None, "Д-2026/31", ago(120), None, 14),
            ],
        ),
        (
            PRODUCTS,
            [
                ("CEM-M500-50", "Цемент М500, мешок 50 кг", "мешок", 2_450, "KZT", 16, 1_980, "main", 1_200),
                ("GKL-12", "Гипсокартон 12,5 мм, лист 1,2×2,5 м", "лист", 3_900, "KZT", 16, 3_150, "main", 600),
                ("KLEY-25", "Клей для плитки, мешок 25 кг", "мешок", Decimal("1875.50"), "KZT", 16, 1_420, "main", 850),
                ("KRASKA-10", "Краска водоэмульсионная, 10 л", "ведро", 11_200, "KZT", 16, 8_700, "main", 140),
                ("PROFIL-3", "Профиль потолочный, 3 м", "шт", 690, "KZT", 16, 510, "main", 3_000),
                ("UTEPL-50", "Утеплитель минеральный, 50 мм", "м²", Decimal("1240.75"), "KZT", 16, 960, "main", 2_500),
            ],
        ),
        (
            INVOICES,
            [
                (romashka, None, "СЧ-101", ago(20), ago(6), 350_000, 350_000, "KZT"),
                (romashka, None, "СЧ-117", ago(4), today + timedelta(days=10), Decimal("128400.50"), None, None),
                (stroy, None, "СЧ-98", ago(25), today + timedelta(days=5), 1_460_000, 960_000, "KZT"),
                (alatau, None, "СЧ-77", ago(46), ago(32), 270_000, 270_000, "KZT"),
            ],
        ),
    ]  # fmt: skip


def _write_sheet(book: xlsxwriter.Workbook, spec: SheetSpec, rows: Sequence[Sequence[Value]]) -> None:
    sheet = book.add_worksheet(spec.title)
    needed = book.add_format({"bold": True, "bg_color": "#FCE8B2", "text_wrap": True})
    optional = book.add_format({"bold": True, "text_wrap": True})
    day = book.add_format({"num_format": "dd.mm.yyyy"})
    text = book.add_format({"num_format": "@"})
    for index, column in enumerate(spec.columns):
        sheet.write_string(0, index, column.title, needed if column.needed else optional)
    for line, row in enumerate(rows, start=1):
        for index, value in enumerate(row):
            if isinstance(value, date):
                sheet.write_datetime(line, index, value, day)
            elif isinstance(value, str):
                sheet.write_string(line, index, value, text)
            elif value is not None:
                sheet.write_number(line, index, value)
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(spec.columns) - 1, _WIDTH)
