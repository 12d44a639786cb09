"""Sheets that an import understands: their names, their columns, and how a row is read cell by cell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeVar

from domain import import_cells as cells
from domain.import_cells import Cell, CellError, is_blank, shown

Value = TypeVar("Value")

SHEET_FAULTS = frozenset({"missing_sheet", "duplicate_sheet", "missing_header", "missing_column", "duplicate_column"})
"""Codes of problems that leave a whole sheet unread."""


@dataclass(frozen=True, slots=True)
class SourceSheet:
    """A table as it came: `rows` are (line number in the file, cells), the first of them the header."""

    name: str
    rows: Sequence[tuple[int, Sequence[Cell]]]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why a row, a column or a whole sheet is refused. `column` is its letter, `header` its title."""

    sheet: str
    line: int | None
    column: str | None
    code: str
    text: str
    header: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `needed`: it must stand in the sheet and be filled in every row."""

    title: str
    aliases: tuple[str, ...]
    needed: bool = False


@dataclass(frozen=True, slots=True)
class SheetSpec:
    title: str
    aliases: tuple[str, ...]
    columns: tuple[Column, ...]


# --- columns that several sheets share
TAX_ID = Column(
    "ИНН/БИН", ("ИНН", "БИН", "ИИН", "БИН/ИИН", "ИНН/БИН клиента", "tax_id", "customer_tax_id"), needed=True
)
KPP = Column("КПП", ("kpp",))
CURRENCY = Column("Валюта", ("currency",))
NUMBER = Column("Номер", ("№", "number"), needed=True)

# --- «Клиенты»
CUSTOMER_NAME = Column("Название", ("Наименование", "Клиент", "name"), needed=True)
COUNTRY = Column("Страна", ("country",))
SEGMENT = Column("Сегмент", ("segment",))
LIMIT = Column("Кредитный лимит", ("Лимит", "credit_limit", "limit"))
DEFERRAL = Column("Отсрочка, дней", ("Отсрочка", "deferral_days", "deferral"))
PREPAYMENT = Column("Предоплата, %", ("Предоплата", "prepayment_percent", "prepayment"))
MANAGER = Column("Менеджер", ("Логин менеджера", "manager", "manager_login"))
REGION = Column("Регион", ("region",))
TEAM = Column("Команда", ("Отдел", "team"))
CONTACT_NAME = Column("Контактное лицо", ("Контакт", "contact_name", "contact"))
CONTACT_EMAIL = Column("E-mail", ("Email", "Почта", "Электронная почта", "contact_email"))
CONTACT_PHONE = Column("Телефон", ("phone", "contact_phone"))

# --- «Договоры»
SIGNED_ON = Column("Дата подписания", ("Дата договора", "signed_on"), needed=True)
VALID_UNTIL = Column("Действует до", ("Срок действия", "valid_until"))

# --- «Товары»
SKU = Column("Артикул", ("Код", "sku"), needed=True)
PRODUCT_NAME = Column("Название", ("Наименование", "Товар", "name"), needed=True)
UNIT = Column("Единица", ("Ед. изм.", "Ед.", "Единица измерения", "unit"), needed=True)
PRICE = Column("Цена", ("Цена с НДС", "price"), needed=True)
VAT_RATE = Column("Ставка НДС, %", ("Ставка НДС", "НДС", "НДС, %", "vat_rate"), needed=True)
COST = Column("Себестоимость", ("cost",))
WAREHOUSE = Column("Склад", ("warehouse",))
ON_HAND = Column("Остаток на складе", ("Остаток", "on_hand", "stock"))

# --- «Счета»
ISSUED_ON = Column("Дата счёта", ("Дата", "issued_on"), needed=True)
DUE_DATE = Column("Срок оплаты", ("Оплатить до", "due_date"), needed=True)
AMOUNT = Column("Сумма", ("Сумма счёта", "amount"), needed=True)
RESIDUAL = Column("Остаток долга", ("Долг", "residual"))

CUSTOMERS = SheetSpec(
    "Клиенты",
    ("customers",),
    (
        CUSTOMER_NAME, COUNTRY, TAX_ID, KPP, SEGMENT, CURRENCY, LIMIT, DEFERRAL, PREPAYMENT, MANAGER, REGION, TEAM,
        CONTACT_NAME, CONTACT_EMAIL, CONTACT_PHONE,
    ),
)  # fmt: skip
CONTRACTS = SheetSpec("Договоры", ("contracts",), (TAX_ID, KPP, NUMBER, SIGNED_ON, VALID_UNTIL, DEFERRAL))
PRODUCTS = SheetSpec(
    "Товары", ("products",), (SKU, PRODUCT_NAME, UNIT, PRICE, CURRENCY, VAT_RATE, COST, WAREHOUSE, ON_HAND)
)
INVOICES = SheetSpec("Счета", ("invoices",), (TAX_ID, KPP, NUMBER, ISSUED_ON, DUE_DATE, AMOUNT, RESIDUAL, CURRENCY))
SHEETS = (CUSTOMERS, CONTRACTS, PRODUCTS, INVOICES)


def spec_of(name: str) -> SheetSpec | None:
    """The sheet that a name means, in Russian or English, in any case."""
    plain = _plain(name)
    return next((spec for spec in SHEETS if plain in {_plain(known) for known in (spec.title, *spec.aliases)}), None)


def spec_by_header(header: Sequence[Cell]) -> SheetSpec | None:
    """The sheet whose needed columns a header has, if exactly one has them; for a file that names no sheet."""
    titles = {_plain(str(cell)) for cell in header if not is_blank(cell)}
    fitting = [spec for spec in SHEETS if all(titles & _titles_of(column) for column in spec.columns if column.needed)]
    return fitting[0] if len(fitting) == 1 else None


def letter(index: int) -> str:
    """The letters of a column: 0 is A, 26 is AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


@dataclass(slots=True)
class Header:
    """Where the columns of a sheet stand, and what is wrong with its first line."""

    places: Mapping[Column, int]
    problems: list[RowProblem]
    unknown: list[str]


def read_header(spec: SheetSpec, line: int, header: Sequence[Cell]) -> Header:
    """Find the columns of `spec`; a needed one that is missing, or one that stands twice, is a problem."""
    places: dict[Column, int] = {}
    problems: list[RowProblem] = []
    unknown: list[str] = []
    for index, cell in enumerate(header):
        if is_blank(cell):
            continue
        title = _plain(str(cell))
        column = next((column for column in spec.columns if title in _titles_of(column)), None)
        if column is None:
            unknown.append(str(cell).strip())
        elif column in places:
            text = f"столбец «{column.title}» стоит дважды ({letter(places[column])} и {letter(index)}): оставьте один"
            problems.append(RowProblem(spec.title, line, letter(index), "duplicate_column", text, str(cell).strip()))
        else:
            places[column] = index
    for column in spec.columns:
        if column.needed and column not in places:
            text = f"нет столбца «{column.title}»: добавьте его в первую строку листа"
            problems.append(RowProblem(spec.title, line, None, "missing_column", text, column.title))
    return Header(places, problems, unknown)


@dataclass(slots=True)
class Row:
    """One row being read; what is wrong with its cells gathers in `problems`.

    The readers named `need_*` answer a placeholder for a cell they cannot read; use the values only when `sound`.
    """

    spec: SheetSpec
    places: Mapping[Column, int]
    line: int
    row_cells: Sequence[Cell]
    problems: list[RowProblem] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.problems

    def cell(self, column: Column) -> Cell:
        place = self.places.get(column)
        return self.row_cells[place] if place is not None and place < len(self.row_cells) else None

    def refuse(self, column: Column | None, code: str, text: str) -> None:
        place = None if column is None else self.places.get(column)
        self.problems.append(
            RowProblem(
                self.spec.title,
                self.line,
                None if place is None else letter(place),
                code,
                text,
                None if column is None else column.title,
            )
        )

    def read(self, column: Column, reader: Callable[[Cell], Value | None]) -> Value | None:
        """The value of a cell, `None` when it is empty or wrong."""
        try:
            value = reader(self.cell(column))
        except CellError as error:
            self.refuse(column, error.code, error.text)
            return None
        if value is None and column.needed:
            self.refuse(column, "empty", f"не заполнено поле «{column.title}»")
        return value

    def text(self, column: Column) -> str | None:
        return self.read(column, cells.read_text)

    def code(self, column: Column) -> str | None:
        return self.read(column, cells.read_code)

    def amount(self, column: Column) -> Decimal | None:
        return self.read(column, cells.read_amount)

    def days(self, column: Column) -> int | None:
        return self.read(column, lambda cell: cells.read_whole(cell, 365))

    def day(self, column: Column) -> date | None:
        return self.read(column, cells.read_day)

    def choice(self, column: Column, choices: Mapping[str, str]) -> str | None:
        """One of the words of `choices`, which maps what people write to what it means."""
        text = self.text(column)
        if text is None:
            return None
        meaning = choices.get(_plain(text))
        if meaning is None:
            allowed = ", ".join(f"«{word}»" for word in dict.fromkeys(choices.values()))
            self.refuse(column, "unknown_value", f"{shown(text)} — неизвестное значение; можно: {allowed}")
        return meaning

    def need_text(self, column: Column) -> str:
        return self.text(column) or ""

    def need_code(self, column: Column) -> str:
        return self.code(column) or ""

    def need_day(self, column: Column) -> date:
        return self.day(column) or cells.EARLIEST

    def need_amount(self, column: Column) -> Decimal:
        return self.amount(column) or Decimal(0)


def _plain(title: str) -> str:
    return " ".join(title.replace("\u00a0", " ").split()).strip(" *:").casefold().replace("ё", "е")


def _titles_of(column: Column) -> set[str]:
    return {_plain(title) for title in (column.title, *column.aliases)}
