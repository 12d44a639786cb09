"""A company taken over from tables: which rows are true, which are refused, and why.

`read_company` is pure: what the database already knows comes in as `Known`, the checks of requisites as functions.
Every row is judged on its own, then against its neighbours; nothing is kept of a file with one bad row.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from decimal import Decimal
from typing import Protocol, TypeVar

from domain import import_sheets as sheets
from domain.errors import DomainError
from domain.import_cells import Cell, read_email, read_price, read_quantity, read_vat_rate, read_whole
from domain.import_records import (
    Company,
    ContactRecord,
    ContractRecord,
    CustomerRecord,
    InvoiceRecord,
    Known,
    KnownCustomer,
    ProductRecord,
    Reading,
    Requisites,
    StockRecord,
)
from domain.import_sheets import Column, Row, RowProblem, SheetSpec, SourceSheet

Record = TypeVar("Record")


class _Lined(Protocol):
    @property
    def line(self) -> int: ...


LinedRecord = TypeVar("LinedRecord", bound=_Lined)

COUNTRIES = {"ru": "RU", "рф": "RU", "россия": "RU", "kz": "KZ", "рк": "KZ", "казахстан": "KZ"}
CURRENCY_NAMES = {
    "rub": "RUB", "руб": "RUB", "руб.": "RUB", "рубль": "RUB", "₽": "RUB",
    "kzt": "KZT", "тг": "KZT", "тг.": "KZT", "тенге": "KZT", "₸": "KZT",
}  # fmt: skip
SEGMENTS = {"standard": "standard", "обычный": "standard", "стандарт": "standard", "vip": "vip", "вип": "vip"}
DEFAULT_WAREHOUSE = "main"
WAREHOUSES = {"основной": DEFAULT_WAREHOUSE}
HOME_CURRENCY = {"RU": "RUB", "KZ": "KZT"}


def read_company(source: Sequence[SourceSheet], known: Known, requisites: Requisites, *, whole: bool) -> Reading:
    """Judge every row of every sheet. `whole`: the file is a workbook and must have all four sheets."""
    reading = Reading(Company(), [], [])
    company = reading.company
    found = _sheets_by_name(source, reading, whole)
    company.customers = _rows(found, sheets.CUSTOMERS, reading, lambda row: _customer(row, known, requisites))
    _once(reading, sheets.CUSTOMERS, company.customers, lambda one: (one.country, one.tax_id, one.kpp or ""))
    _keep_currencies(reading, known)
    payers = _payers(found, reading, known)
    company.contracts = _rows(found, sheets.CONTRACTS, reading, lambda row: _contract(row, payers))
    _once(reading, sheets.CONTRACTS, company.contracts, lambda one: (one.customer.key, one.number))
    rows = _rows(found, sheets.PRODUCTS, reading, _product)
    company.products = _one_per_sku(reading, [product for product, _ in rows])
    company.stock = [stock for _, stock in rows if stock is not None]
    _once(reading, sheets.PRODUCTS, [_place(*pair) for pair in rows], lambda one: (one.warehouse, one.sku))
    company.invoices = _rows(found, sheets.INVOICES, reading, lambda row: _invoice(row, payers, known))
    _once(reading, sheets.INVOICES, company.invoices, lambda one: (one.customer.key, one.number))
    if not reading.problems and not any((company.customers, company.contracts, company.products, company.invoices)):
        text = "в файле нет ни одной строки с данными: заполните листы и загрузите его снова"
        reading.problems.append(RowProblem("", None, None, "nothing_to_import", text))
    return reading


# --- sheets


def _sheets_by_name(source: Sequence[SourceSheet], reading: Reading, whole: bool) -> Mapping[SheetSpec, SourceSheet]:
    found: dict[SheetSpec, SourceSheet] = {}
    for sheet in source:
        spec = sheets.spec_of(sheet.name)
        if spec is None:
            text = f"лист «{sheet.name}» не загружается: такого имени нет среди листов загрузки"
            reading.notices.append(RowProblem(sheet.name, None, None, "unknown_sheet", text))
        elif spec in found:
            text = f"лист «{spec.title}» встретился дважды: оставьте один"
            reading.problems.append(RowProblem(spec.title, None, None, "duplicate_sheet", text))
        else:
            found[spec] = sheet
    missing = [spec for spec in sheets.SHEETS if spec not in found]
    for spec in missing if whole or len(missing) == len(sheets.SHEETS) else []:
        text = f"нет листа «{spec.title}»: добавьте его, при отсутствии данных — с одной строкой заголовков"
        reading.problems.append(RowProblem(spec.title, None, None, "missing_sheet", text))
    return found


def _rows(
    found: Mapping[SheetSpec, SourceSheet], spec: SheetSpec, reading: Reading, read: Callable[[Row], Record]
) -> list[Record]:
    sheet = found.get(spec)
    if sheet is None:
        return []
    if not sheet.rows:
        text = f"лист «{spec.title}» пуст: в первой строке должны стоять названия столбцов"
        reading.problems.append(RowProblem(spec.title, 1, None, "missing_header", text))
        return []
    header = sheets.read_header(spec, *sheet.rows[0])
    reading.problems.extend(header.problems)
    for title in header.unknown:
        text = f"столбец «{title}» не загружается: такого столбца у листа нет"
        reading.notices.append(RowProblem(spec.title, sheet.rows[0][0], None, "unknown_column", text, title))
    if header.problems:
        return []
    records = []
    for line, row_cells in sheet.rows[1:]:
        row = Row(spec, header.places, line, row_cells)
        record = read(row)
        reading.problems.extend(row.problems)
        if row.sound:
            records.append(record)
    return records


def _once(
    reading: Reading, spec: SheetSpec, records: Sequence[LinedRecord], key: Callable[[LinedRecord], object]
) -> None:
    """One row per natural key; a second one is refused with the line of the first."""
    first: dict[object, int] = {}
    for record in records:
        earlier = first.setdefault(key(record), record.line)
        if earlier != record.line:
            text = f"повторяет строку {earlier}: оставьте одну из них"
            reading.problems.append(RowProblem(spec.title, record.line, None, "duplicate_row", text))


# --- «Клиенты»


def _customer(row: Row, known: Known, requisites: Requisites) -> CustomerRecord:
    country = row.choice(sheets.COUNTRY, COUNTRIES)
    name = row.need_text(sheets.CUSTOMER_NAME)
    tax_id = row.need_code(sheets.TAX_ID)
    if country is None:
        country = "RU" if len(tax_id) == 10 else known.country
    tax_id = _check_tax_id(row, country, tax_id, requisites)
    manager = row.code(sheets.MANAGER)
    if manager is not None and manager not in known.logins:
        row.refuse(sheets.MANAGER, "unknown_manager", f"нет сотрудника с логином «{manager}»: проверьте логин")
    return CustomerRecord(
        line=row.line,
        name=name,
        country=country,
        tax_id=tax_id,
        kpp=_check_kpp(row, country, requisites),
        segment=row.choice(sheets.SEGMENT, SEGMENTS),
        currency=row.choice(sheets.CURRENCY, CURRENCY_NAMES),
        credit_limit=row.amount(sheets.LIMIT),
        deferral_days=row.days(sheets.DEFERRAL),
        prepayment_percent=row.read(sheets.PREPAYMENT, _percent),
        manager=manager,
        region=row.text(sheets.REGION),
        team=row.text(sheets.TEAM),
        contact=_contact(row),
    )


def _percent(cell: Cell) -> int | None:
    """A whole share in per cent; a percentage cell holds 0.3 for 30%."""
    if isinstance(cell, str):
        cell = cell.strip().removesuffix("%")
    elif isinstance(cell, float) and 0 < cell < 1:
        cell *= 100
    return read_whole(cell, 100)


def _contact(row: Row) -> ContactRecord | None:
    name = row.text(sheets.CONTACT_NAME)
    email = row.read(sheets.CONTACT_EMAIL, read_email)
    phone = row.code(sheets.CONTACT_PHONE)
    return ContactRecord(name, email, phone) if name or email or phone else None


def _check_tax_id(row: Row, country: str, value: str, requisites: Requisites) -> str:
    """ИНН or БИН by its check digits; a number cell may have lost a leading zero, and the check digits prove it."""
    if not value:
        return value
    candidates = [value]
    if isinstance(row.cell(sheets.TAX_ID), int | float) and len(value) in (9, 11):
        candidates.append("0" + value)
    for candidate in candidates:
        try:
            return requisites.tax_id(country, candidate)
        except DomainError:
            continue
    number = "ИНН" if country == "RU" else "БИН/ИИН"
    form = "10 или 12 цифр" if country == "RU" else "12 цифр"
    row.refuse(sheets.TAX_ID, "invalid_tax_id", f"{number} «{value}» не существует: нужно {form}, проверьте каждую")
    return value


def _check_kpp(row: Row, country: str, requisites: Requisites) -> str | None:
    value = row.code(sheets.KPP)
    if value is None:
        return None
    if country != "RU":
        row.refuse(sheets.KPP, "kpp_outside_russia", "КПП бывает только у организаций России: очистите ячейку")
        return None
    if isinstance(row.cell(sheets.KPP), int | float):
        value = value.zfill(9)
    try:
        return requisites.kpp(value)
    except DomainError:
        row.refuse(sheets.KPP, "invalid_kpp", f"КПП «{value}» не существует: нужно 9 знаков, например 770101001")
        return None


def _keep_currencies(reading: Reading, known: Known) -> None:
    """A credit account keeps its currency (D1-1): debts and limits are counted in it."""
    for record in reading.company.customers:
        stored = match_known(record, known.customers)
        if stored is not None and record.currency not in {None, stored.currency}:
            text = f"клиент уже ведётся в {stored.currency}: валюту счёта загрузкой сменить нельзя"
            title = sheets.CUSTOMERS.title
            reading.problems.append(RowProblem(title, record.line, None, "currency_fixed", text, sheets.CURRENCY.title))


# --- who a document names


class _Payers:
    """Customers by their tax id, those of the file before those stored.

    `refused`: tax ids of rows that were refused themselves; their documents are not refused a second time.
    """

    def __init__(self, customers: Sequence[KnownCustomer], refused: AbstractSet[str], excused: bool) -> None:
        self._refused = refused
        self._excused = excused
        self._by_tax_id: dict[str, list[KnownCustomer]] = {}
        for customer in customers:
            self._by_tax_id.setdefault(customer.tax_id, []).append(customer)

    def named_by(self, row: Row) -> KnownCustomer:
        tax_id, kpp = row.code(sheets.TAX_ID), row.code(sheets.KPP)
        if tax_id is None:
            return _NOBODY
        bare = "".join(tax_id.split())
        found = self._by_tax_id.get(bare) or self._by_tax_id.get("0" + bare) or []
        if kpp is not None and len(found) > 1:
            found = [customer for customer in found if customer.kpp == kpp.zfill(9)]
        if len(found) == 1:
            return found[0]
        if found:
            text = f"клиентов с ИНН {tax_id} несколько: укажите КПП того, кому выставлен документ"
            row.refuse(sheets.TAX_ID, "ambiguous_customer", text)
        elif bare not in self._refused and not self._excused:
            text = f"нет клиента с ИНН/БИН {tax_id}: добавьте его на лист «{sheets.CUSTOMERS.title}»"
            row.refuse(sheets.TAX_ID, "unknown_customer", text)
        return _NOBODY


_NOBODY = KnownCustomer("", "", None, "")
"""Whom a refused row names."""


def _payers(found: Mapping[SheetSpec, SourceSheet], reading: Reading, known: Known) -> _Payers:
    every = {customer.key: customer for customer in known.customers}
    for record in reading.company.customers:
        stored = match_known(record, known.customers)
        currency = stored.currency if stored else record.currency or HOME_CURRENCY[record.country]
        if stored is not None:
            every.pop(stored.key, None)
        named = KnownCustomer(record.country, record.tax_id, record.kpp, currency, id=stored.id if stored else None)
        every[named.key] = named
    refused_lines = {problem.line for problem in reading.problems if problem.sheet == sheets.CUSTOMERS.title}
    header_refused = any(
        problem.sheet == sheets.CUSTOMERS.title and problem.code in sheets.SHEET_FAULTS for problem in reading.problems
    )
    return _Payers(list(every.values()), _tax_ids(found, refused_lines), header_refused)


def _tax_ids(found: Mapping[SheetSpec, SourceSheet], lines: AbstractSet[int | None]) -> set[str]:
    """Tax ids as they are typed in some lines of «Клиенты»."""
    sheet = found.get(sheets.CUSTOMERS)
    if sheet is None or not sheet.rows:
        return set()
    places = sheets.read_header(sheets.CUSTOMERS, *sheet.rows[0]).places
    rows = (Row(sheets.CUSTOMERS, places, line, cells) for line, cells in sheet.rows[1:] if line in lines)
    return {"".join((row.code(sheets.TAX_ID) or "").split()) for row in rows}


def match_known(record: CustomerRecord, stored: Sequence[KnownCustomer]) -> KnownCustomer | None:
    """The stored customer that a row means: the same requisites, or the only one whose КПП one side leaves open."""
    same = [one for one in stored if one.country == record.country and one.tax_id == record.tax_id]
    exact = [one for one in same if one.kpp == record.kpp]
    if exact:
        return exact[0]
    return same[0] if len(same) == 1 and (record.kpp is None or same[0].kpp is None) else None


# --- «Договоры»


def _contract(row: Row, payers: _Payers) -> ContractRecord:
    customer = payers.named_by(row)
    signed_on, valid_until = row.need_day(sheets.SIGNED_ON), row.day(sheets.VALID_UNTIL)
    if row.sound and valid_until is not None and valid_until < signed_on:
        row.refuse(sheets.VALID_UNTIL, "dates_reversed", "срок действия кончается раньше даты подписания")
    return ContractRecord(
        row.line,
        customer,
        row.need_code(sheets.NUMBER),
        signed_on,
        valid_until,
        row.days(sheets.DEFERRAL),
    )


# --- «Товары»


def _product(row: Row) -> tuple[ProductRecord, StockRecord | None]:
    sku = row.need_code(sheets.SKU)
    product = ProductRecord(
        line=row.line,
        sku=sku,
        name=row.need_text(sheets.PRODUCT_NAME),
        unit=row.need_text(sheets.UNIT),
        price=row.read(sheets.PRICE, read_price) or Decimal(0),
        currency=row.choice(sheets.CURRENCY, CURRENCY_NAMES),
        vat_rate=row.read(sheets.VAT_RATE, read_vat_rate) or Decimal(0),
        cost=row.read(sheets.COST, read_price),
    )
    if row.sound and product.price == 0:
        row.refuse(sheets.PRICE, "not_positive", "цена должна быть больше нуля")
    warehouse, quantity = row.code(sheets.WAREHOUSE), row.read(sheets.ON_HAND, read_quantity)
    if quantity is None:
        return product, None
    place = WAREHOUSES.get((warehouse or DEFAULT_WAREHOUSE).casefold(), warehouse or DEFAULT_WAREHOUSE)
    return product, StockRecord(row.line, place, sku, quantity)


def _place(product: ProductRecord, stock: StockRecord | None) -> StockRecord:
    """Where a row of «Товары» stands, with or without a quantity."""
    return stock or StockRecord(product.line, "", product.sku, Decimal(0))


def _one_per_sku(reading: Reading, products: Sequence[ProductRecord]) -> list[ProductRecord]:
    """Rows of one SKU differ in the warehouse only."""
    kept: dict[str, ProductRecord] = {}
    for product in products:
        first = kept.setdefault(product.sku, product)
        if _goods(product) != _goods(first):
            text = f"артикул «{product.sku}» описан иначе, чем в строке {first.line}: различаться могут только склады"
            reading.problems.append(RowProblem(sheets.PRODUCTS.title, product.line, None, "contradicts_row", text))
    return list(kept.values())


def _goods(product: ProductRecord) -> tuple[object, ...]:
    return product.name, product.unit, product.price, product.currency, product.vat_rate, product.cost


# --- «Счета»


def _invoice(row: Row, payers: _Payers, known: Known) -> InvoiceRecord:
    customer = payers.named_by(row)
    amount = row.need_amount(sheets.AMOUNT)
    stated = row.amount(sheets.RESIDUAL)
    record = InvoiceRecord(
        line=row.line,
        customer=customer,
        number=row.need_code(sheets.NUMBER),
        issued_on=row.need_day(sheets.ISSUED_ON),
        due_date=row.need_day(sheets.DUE_DATE),
        amount=amount,
        residual=amount if stated is None else stated,
    )
    currency = row.choice(sheets.CURRENCY, CURRENCY_NAMES)
    if row.sound:
        for column, code, text in _faults(record, currency, known.today):
            row.refuse(column, code, text)
    return record


def _faults(invoice: InvoiceRecord, currency: str | None, today: date) -> list[tuple[Column, str, str]]:
    faults = []
    if invoice.amount == 0:
        faults.append((sheets.AMOUNT, "not_positive", "сумма счёта должна быть больше нуля"))
    elif invoice.residual == 0:
        text = "остаток долга 0: оплаченный счёт не загружается, удалите строку"
        faults.append((sheets.RESIDUAL, "nothing_owed", text))
    if invoice.residual > invoice.amount:
        faults.append((sheets.RESIDUAL, "residual_over_amount", "остаток долга больше суммы счёта"))
    if invoice.issued_on > today:
        faults.append((sheets.ISSUED_ON, "date_in_future", "дата счёта в будущем"))
    if invoice.due_date < invoice.issued_on:
        faults.append((sheets.DUE_DATE, "dates_reversed", "срок оплаты раньше даты счёта"))
    if currency is not None and invoice.customer is not _NOBODY and currency != invoice.customer.currency:
        text = f"счёт в {currency}, а валюта клиента — {invoice.customer.currency}"
        faults.append((sheets.CURRENCY, "wrong_currency", text))
    return faults
