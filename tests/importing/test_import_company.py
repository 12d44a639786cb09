"""Imports into a real database: what is written, compared, refused and left alone."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, SQLModel, select
from support.company import a_company, a_customer, a_product, a_quote
from support.workbooks import (
    CONTRACT,
    CUSTOMER,
    INVOICE,
    PRODUCT,
    ROMASHKA,
    STROY,
    company,
    write_csv,
    write_workbook,
)

from activities.adapters.spreadsheets import read_source
from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.money_tables import AllocationRow, InvoiceRow, PaymentRow, ScheduleLineRow
from activities.persistence.order_tables import OrderRow
from activities.persistence.party_tables import ContactRow, CreditAccountRow, CustomerRow, LegalEntityRow, UserRow
from activities.persistence.record_tables import JournalRow
from activities.persistence.stock_tables import ProductRow, ReservationLineRow, StockMovementRow, StockRow
from cli.importing import Report, Written, write_file

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
TABLES = ("customer", "credit_account", "contact", "contract", "product", "stock", "stock_movement", "invoice",
          "schedule_line", "journal")  # fmt: skip


@pytest.fixture
def seller(engine: Engine) -> Engine:
    with Session(engine) as session, session.begin():
        session.add(
            LegalEntityRow(
                name="ТОО «Опора»",
                country="KZ",
                tax_id="210440003120",
                currency="KZT",
                timezone="Asia/Almaty",
                bank_accounts=[],
            )
        )
        session.add(UserRow(login="manager", name="Анна", email="m@opora.local", role="manager"))
        session.add(UserRow(login="accountant", name="Ирина", email="a@opora.local", role="accountant"))
    return engine


def load(engine: Engine, path: Path, *, keep: bool = True, at: datetime = NOW) -> tuple[Report, Written | None]:
    report = Report(str(path), dry_run=not keep)
    written, _ = write_file(engine, read_source(path), report, as_of=at, keep=keep)
    return report, written


def load_sheets(engine: Engine, tmp_path: Path, sheets: Any, **options: Any) -> tuple[Report, Written | None]:
    return load(engine, write_workbook(tmp_path / "company.xlsx", sheets), **options)


def counts(engine: Engine) -> dict[str, int]:
    with Session(engine) as session:
        return {table: session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in TABLES}


def one(engine: Engine, table: type[SQLModel]) -> Any:
    with Session(engine) as session:
        return session.exec(select(table)).one()


def test_a_good_file_is_written_whole(seller: Engine, tmp_path: Path) -> None:
    report, written = load_sheets(seller, tmp_path, company())
    assert report.written
    assert not report.problems
    created = {kind: outcomes["created"] for kind, outcomes in report.counts.items()}
    assert created == {"customers": 1, "contracts": 1, "products": 1, "stock": 1, "invoices": 1}
    customer, account = one(seller, CustomerRow), one(seller, CreditAccountRow)
    assert (customer.name, customer.tax_id, customer.currency) == ("ООО «Ромашка»", ROMASHKA, "KZT")
    assert (account.base_limit, customer.prepayment_percent) == (Decimal("1000000.00"), 0)
    grant = one(seller, CreditGrantRow)
    assert (grant.amount, grant.previous, grant.state) == (Decimal("1000000.00"), 0, "in_force")
    assert (grant.requested_by, grant.decided_by, grant.reason) == (None, None, "opora:import")
    assert customer.manager_id is not None
    assert one(seller, ContactRow).email == "buh@romashka.example"
    assert one(seller, ProductRow).price == Decimal("2450.5000")
    assert one(seller, StockRow).on_hand == Decimal("1200.000")
    assert one(seller, StockMovementRow).key == "import:main:CEM-50"
    invoice, line = one(seller, InvoiceRow), one(seller, ScheduleLineRow)
    assert (invoice.kind, invoice.gross, invoice.issued_on) == ("opening", Decimal("350000.00"), date(2026, 11, 2))
    assert (line.residual, line.due_date) == (Decimal("250000.00"), date(2026, 11, 16))
    assert written is not None
    assert [watch.schedule_line_id for watch in written.watch] == [str(line.id)]


def test_the_same_file_twice_changes_nothing(seller: Engine, tmp_path: Path) -> None:
    load_sheets(seller, tmp_path, company())
    before = counts(seller)
    report, written = load(seller, tmp_path / "company.xlsx")
    assert counts(seller) == before
    assert {outcome for kind in report.counts.values() for outcome, number in kind.items() if number} == {"unchanged"}
    assert not report.notices
    assert one(seller, CustomerRow).version == 1
    # A second import starts the watch again where it was lost: the same workflow ids.
    assert written is not None
    assert len(written.watch) == 1


def test_a_dry_run_reports_the_same_and_writes_nothing(seller: Engine, tmp_path: Path) -> None:
    before = counts(seller)
    dry, _ = load_sheets(seller, tmp_path, company(), keep=False)
    assert counts(seller) == before
    assert not dry.written
    real, _ = load(seller, tmp_path / "company.xlsx")
    assert dry.counts == real.counts


@pytest.mark.parametrize(
    ("sheet", "column", "value", "code"),
    [
        ("Клиенты", "ИНН/БИН", "180240012345", "invalid_tax_id"),
        ("Клиенты", "Кредитный лимит", "9" * 40, "too_large"),
        ("Клиенты", "Менеджер", "accountant", "unknown_manager"),
        ("Договоры", "ИНН/БИН", STROY, "unknown_customer"),
        ("Товары", "Цена", "=1+1", "formula"),
        ("Товары", "Остаток на складе", -1, "negative"),
        ("Счета", "Сумма", "1e400", "not_a_number"),
        ("Счета", "Валюта", "RUB", "wrong_currency"),
    ],
)
def test_one_bad_row_and_nothing_of_the_file_is_written(
    seller: Engine, tmp_path: Path, sheet: str, column: str, value: Any, code: str
) -> None:
    before = counts(seller)
    sheets = company()
    sheets[sheet] = [*sheets[sheet], {**sheets[sheet][0], "Номер": "Б-2", "Артикул": "B", column: value}]
    report, written = load_sheets(seller, tmp_path, sheets)
    assert (sheet, 3, code) in [(problem.sheet, problem.line, problem.code) for problem in report.problems]
    assert written is None
    assert not report.written
    assert counts(seller) == before


def test_changed_rows_are_updated_and_told_in_the_journal(seller: Engine, tmp_path: Path) -> None:
    load_sheets(seller, tmp_path, company())
    dearer = {**PRODUCT, "Цена": 2600}
    richer = {**CUSTOMER, "Кредитный лимит": 1_500_000, "Телефон": "+77019999999"}
    report, written = load_sheets(
        seller, tmp_path, company([richer], [{**CONTRACT, "Отсрочка, дней": 30}], [dearer], [INVOICE])
    )
    assert {kind: outcomes["updated"] for kind, outcomes in report.counts.items()} == {
        "customers": 1, "contracts": 1, "products": 1, "stock": 0, "invoices": 0,
    }  # fmt: skip
    assert one(seller, CreditAccountRow).base_limit == Decimal("1500000.00")
    with Session(seller) as session:
        history = session.exec(select(CreditGrantRow).order_by(CreditGrantRow.id)).all()
    assert [(row.previous, row.amount) for row in history] == [(0, 1_000_000), (1_000_000, 1_500_000)]
    assert one(seller, CustomerRow).version == 2
    assert one(seller, ContactRow).phone == "+77019999999"
    assert one(seller, ProductRow).price == Decimal("2600.0000")
    with Session(seller) as session:
        changed = session.exec(select(JournalRow).where(JournalRow.event == "customer_changed")).one()
    assert changed.data["changes"]["base_limit"] == {"from": "1000000.00", "to": "1500000.00"}
    # Orders that wait for this customer's credit are to be decided again (D2-13).
    assert written is not None
    assert written.changed_accounts == {one(seller, CreditAccountRow).id}


def test_empty_cells_leave_a_known_customer_as_it_is(seller: Engine, tmp_path: Path) -> None:
    load_sheets(seller, tmp_path, company())
    report, _ = load_sheets(seller, tmp_path, company([{"Название": "ООО «Ромашка»", "ИНН/БИН": ROMASHKA}]))
    assert report.counts["customers"]["unchanged"] == 1
    assert one(seller, CreditAccountRow).base_limit == Decimal("1000000.00")


def test_a_new_customer_without_a_limit_buys_against_prepayment_d5_5(seller: Engine, tmp_path: Path) -> None:
    load_sheets(seller, tmp_path, company([{"Название": "ТОО «Новый»", "ИНН/БИН": STROY}], (), (), ()))
    assert one(seller, CreditAccountRow).base_limit == 0
    assert one(seller, CustomerRow).prepayment_percent == 100


def test_stock_may_be_corrected_until_the_goods_move(seller: Engine, tmp_path: Path) -> None:
    load_sheets(seller, tmp_path, company())
    for quantity in (1500, 900, 900):
        load_sheets(seller, tmp_path, company(products=[{**PRODUCT, "Остаток на складе": quantity}]))
    assert one(seller, StockRow).on_hand == Decimal("900.000")
    _move(seller, "shipment:1", Decimal(-100))
    report, _ = load_sheets(seller, tmp_path, company(products=[{**PRODUCT, "Остаток на складе": 700}]))
    assert one(seller, StockRow).on_hand == Decimal("800.000")
    assert [notice.code for notice in report.notices] == ["stock_kept"]
    # The figure that was taken over is no news.
    again, _ = load_sheets(seller, tmp_path, company(products=[{**PRODUCT, "Остаток на складе": 900}]))
    assert not again.notices


def test_stock_below_what_orders_were_promised_is_refused(engine: Engine, tmp_path: Path) -> None:
    house = a_company(engine)
    load_sheets(engine, tmp_path, company())
    order = UUID(a_quote(engine, house.manager, a_customer(engine, house), "CEM-50", quantity="1000"))
    with Session(engine) as session, session.begin():
        session.exec(select(StockRow)).one().reserved = Decimal(1000)
        session.add(
            ReservationLineRow(
                order_id=order, line_no=1, warehouse="main", state="reserved", sku="CEM-50", quantity=Decimal(1000)
            )
        )
    report, _ = load_sheets(engine, tmp_path, company(products=[{**PRODUCT, "Остаток на складе": 999}]))
    assert [(problem.line, problem.code) for problem in report.problems] == [(2, "stock_below_promised")]
    assert one(engine, StockRow).on_hand == Decimal("1200.000")


def test_opening_stock_serves_the_orders_that_wait_for_it(engine: Engine, tmp_path: Path) -> None:
    house = a_company(engine)
    order = UUID(a_quote(engine, house.manager, a_customer(engine, house), a_product(engine, sku="CEM-50")))
    with Session(engine) as session, session.begin():
        session.get_one(OrderRow, order).confirmed_at = NOW
        session.add(StockRow(warehouse="main", sku="CEM-50", on_hand=Decimal(0)))
        line = ReservationLineRow(
            order_id=order,
            line_no=1,
            warehouse="main",
            state="waiting",
            sku="CEM-50",
            quantity=Decimal(10),
            since=NOW,
        )
        session.add(line)
    _, written = load_sheets(engine, tmp_path, company())
    assert written is not None
    assert written.served_orders == {order}
    assert one(engine, ReservationLineRow).state == "reserved"
    assert one(engine, StockRow).reserved == Decimal("10.000")


def test_stock_that_we_already_keep_takes_no_opening_balance(seller: Engine, tmp_path: Path) -> None:
    load_sheets(seller, tmp_path, company(products=[{**PRODUCT, "Остаток на складе": None}]))
    _move(seller, "receipt:1", Decimal(50))
    report, _ = load_sheets(seller, tmp_path, company())
    assert one(seller, StockRow).on_hand == Decimal("50.000")
    assert [notice.code for notice in report.notices] == ["stock_kept"]


def _move(engine: Engine, key: str, quantity: Decimal) -> None:
    with Session(engine) as session, session.begin():
        row = session.get(StockRow, ("main", "CEM-50")) or StockRow(warehouse="main", sku="CEM-50", on_hand=Decimal(0))
        row.on_hand += quantity
        session.add(row)
        kind = key.partition(":")[0]
        session.add(StockMovementRow(key=key, warehouse="main", sku="CEM-50", kind=kind, quantity=quantity, at=NOW))


def test_a_part_payment_is_not_undone_by_the_same_file(seller: Engine, tmp_path: Path) -> None:
    load_sheets(seller, tmp_path, company())
    _pay(seller, Decimal(100_000))
    report, written = load(seller, tmp_path / "company.xlsx")
    assert one(seller, ScheduleLineRow).residual == Decimal("150000.00")
    assert not report.notices
    _pay(seller, Decimal(150_000))
    _, written = load(seller, tmp_path / "company.xlsx")
    assert one(seller, ScheduleLineRow).residual == 0
    assert written is not None
    assert not written.watch


def test_another_residual_is_said_and_not_written(seller: Engine, tmp_path: Path) -> None:
    load_sheets(seller, tmp_path, company())
    report, _ = load_sheets(seller, tmp_path, company(invoices=[{**INVOICE, "Остаток долга": 1000}]))
    assert one(seller, ScheduleLineRow).residual == Decimal("250000.00")
    assert [(notice.line, notice.code) for notice in report.notices] == [(2, "invoice_kept")]


def test_a_number_of_our_own_invoice_is_taken(seller: Engine, tmp_path: Path) -> None:
    load_sheets(seller, tmp_path, company())
    with Session(seller) as session, session.begin():
        session.exec(select(InvoiceRow)).one().kind = "shipment"
    report, _ = load(seller, tmp_path / "company.xlsx")
    assert [problem.code for problem in report.problems] == ["number_taken"]


def _pay(engine: Engine, amount: Decimal) -> None:
    with Session(engine) as session, session.begin():
        line = session.exec(select(ScheduleLineRow)).one()
        line.residual -= amount
        payment = PaymentRow(
            identity=f"test:{amount}", source="api", posted_on=NOW.date(), amount=amount, currency="KZT",
            purpose="", state="matched", unallocated=Decimal(0), recorded_at=NOW,
        )  # fmt: skip
        session.add(payment)
        session.flush()
        session.add(AllocationRow(payment_id=payment.id, schedule_line_id=line.id, amount=amount, at=NOW))


def test_csv_files_in_cp1251(seller: Engine, tmp_path: Path) -> None:
    write_csv(tmp_path / "Клиенты.csv", [CUSTOMER], encoding="cp1251")
    write_csv(tmp_path / "Товары.csv", [PRODUCT], encoding="cp1251")
    write_csv(tmp_path / "Счета.csv", [INVOICE], encoding="cp1251")
    report, _ = load(seller, tmp_path)
    assert not report.problems
    assert one(seller, CustomerRow).name == "ООО «Ромашка»"
    assert one(seller, ProductRow).price == Decimal("2450.5000")
    assert one(seller, ScheduleLineRow).residual == Decimal("250000.00")


def test_kpp_is_added_to_a_customer_known_without_it(seller: Engine, tmp_path: Path) -> None:
    row = {"Название": "ООО «Дом»", "ИНН/БИН": "7736000010", "Страна": "RU"}
    load_sheets(seller, tmp_path, company([row], (), (), ()))
    report, _ = load_sheets(seller, tmp_path, company([{**row, "КПП": "773601001"}], (), (), ()))
    assert report.counts["customers"]["updated"] == 1
    assert one(seller, CustomerRow).kpp == "773601001"


def test_two_imports_at_once_write_once(seller: Engine, tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "company.xlsx", company())

    async def both() -> None:
        await asyncio.gather(*(asyncio.to_thread(load, seller, path) for _ in range(2)))

    asyncio.run(both())
    assert one(seller, StockRow).on_hand == Decimal("1200.000")
    assert one(seller, CustomerRow).version == 1


def test_two_thousand_rows(seller: Engine, tmp_path: Path) -> None:
    products = [{**PRODUCT, "Артикул": f"SKU-{number:05d}"} for number in range(1_900)]
    invoices = [{**INVOICE, "Номер": f"СЧ-{number}"} for number in range(100)]
    sheets = company(products=products, invoices=invoices)
    report, written = load_sheets(seller, tmp_path, sheets)
    assert report.counts["stock"]["created"] == 1_900
    assert written is not None
    assert len(written.watch) == 100
    again, _ = load(seller, tmp_path / "company.xlsx")
    assert again.counts["products"]["unchanged"] == 1_900
