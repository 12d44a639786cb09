"""The demonstration company: building materials in Алматы, and ООО «Ромашка» with the figures of its story."""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from activities.persistence.calendars import load_calendar
from activities.persistence.engine import make_engine
from activities.persistence.orders import legal_entity
from activities.persistence.party_tables import CalendarDayRow
from cli.demo.door import PATIENCE, Door, StoryError
from cli.importing import find_stack, import_file
from cli.local.problems import StackError
from cli.sample_company import Value, sample_rows, write_workbook
from domain.import_sheets import CONTRACTS, CUSTOMERS, INVOICES, PRODUCTS, SheetSpec
from domain.requisites import is_kz_tax_id

ROMASHKA = "ООО «Ромашка»"
BUYER = "zakup@romashka.ru"
TILE = "PLITKA-30"
"""The product of the story: 100 units are ordered."""
NEXT_PAYMENT = Decimal("247500.00")
DEBT = Decimal("700975.00")
LIMIT = Decimal("1500000.00")
OVERDUE = Decimal("275000.00")
_SAMPLE_ROMASHKA = "180240012342"


Result = TypeVar("Result")
Sheets = list[tuple[SheetSpec, Sequence[Sequence[Value]]]]


def fill(data: Path, today: date) -> None:
    """Fill a running stack with the company, «Ромашка» included; a second time changes nothing."""
    tile = (TILE, "Плитка керамическая 30×30", "м²", 2_475, "KZT", 16, 1_900, "main", 500)
    ours = dict(_romashka(_SAMPLE_ROMASHKA, today)) | {PRODUCTS: [tile]}
    others = [(spec, [row for row in rows if _SAMPLE_ROMASHKA not in row]) for spec, rows in sample_rows(today)]
    take_over(data, [(spec, [*rows, *ours.get(spec, [])]) for spec, rows in others])


def take_over(data: Path, sheets: Sheets) -> None:
    """Import sheets as a user would, through `./opora import`.

    Raises:
        StoryError: the import refused a row.
    """
    given = dict(sheets)
    sheets = [(spec, given.get(spec, [])) for spec in (CUSTOMERS, CONTRACTS, PRODUCTS, INVOICES)]
    with tempfile.TemporaryDirectory(prefix="opora-demo-") as folder:
        file = Path(folder) / "company.xlsx"
        write_workbook(file, sheets)
        report = when_up(lambda: asyncio.run(import_file(find_stack(data), file, dry_run=False, quiet=True)))
    if report.problems:
        raise StoryError("; ".join(f"{each.sheet} {each.line}: {each.text}" for each in report.problems))


def when_up(work: Callable[[], Result]) -> Result:
    """Do something that is safe to repeat, as soon as the stack answers; a killed part is given time to come back."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except (StackError, OperationalError) as error:
            if time.monotonic() > deadline:
                raise StoryError(str(error)) from error
        time.sleep(0.5)


def welcome_romashka(data: Path, door: Door, today: date) -> str:
    """A fresh ООО «Ромашка» for one telling of the story; its id."""
    bin_ = new_bin()
    take_over(data, _romashka(bin_, today))
    found = door.get("manager", "/customers?limit=200&name=%D0%A0%D0%BE%D0%BC%D0%B0%D1%88%D0%BA%D0%B0")
    return str(next(each["id"] for each in found["items"] if each["tax_id"] == bin_))


def _romashka(bin_: str, today: date) -> Sheets:
    """ООО «Ромашка» with its open invoices: owes 700 975 ₸, the next 247 500 ₸ on 25 January."""
    first = date(today.year + (today >= date(today.year, 1, 25)), 1, 25)
    later = first + timedelta(days=14)
    invoices = [
        (bin_, None, f"Р-{bin_[-5:]}-1", today - timedelta(days=5), first, NEXT_PAYMENT, NEXT_PAYMENT, "KZT"),
        (bin_, None, f"Р-{bin_[-5:]}-2", today - timedelta(days=2), later, DEBT - NEXT_PAYMENT, DEBT - NEXT_PAYMENT,
         "KZT"),
    ]  # fmt: skip
    customer = (ROMASHKA, "KZ", bin_, None, "standard", "KZT", LIMIT, 14, 0, "manager", "Алматы", "Опт",
                "Александр", BUYER, "+77010000000")  # fmt: skip
    contract = (bin_, None, f"Р-{bin_[-5:]}", today - timedelta(days=90), None, 14)
    return [(CUSTOMERS, [customer]), (CONTRACTS, [contract]), (INVOICES, invoices)]


def new_bin() -> str:
    """A БИН that passes its check digit and stands for nobody."""
    while True:
        candidate = f"180240{random.randrange(10**6):06d}"
        if is_kz_tax_id(candidate):
            return candidate


def work_on(data: Path, days: list[date]) -> None:
    """Have the company work on these days, so that the story's figures are the same whenever it is played."""
    when_up(lambda: _work_on(find_stack(data).database, days))


def _work_on(database: str, days: list[date]) -> None:
    engine = make_engine(database, pool_size=1)
    try:
        with Session(engine) as session, session.begin():
            company = legal_entity(session)
            calendar = load_calendar(session, company.country, company.timezone)
            for day in days:
                if not calendar.is_working(day):
                    session.merge(CalendarDayRow(country=company.country, day=day, working=True))
    finally:
        engine.dispose()
