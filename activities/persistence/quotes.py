"""Writing a quote: lines priced by the price list or by the manager, prices frozen for its validity (D6-1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlmodel import Session, col, select

from activities.persistence import orders, revisions
from activities.persistence.calendars import know_calendar, moved_days
from activities.persistence.events import record_event
from activities.persistence.identifiers import next_number
from activities.persistence.order_tables import OrderLineRow, OrderRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow, LegalEntityRow, UserRow
from activities.persistence.policies import policy_in_force
from activities.persistence.rates import load_rates
from activities.persistence.stock_tables import ProductRow
from activities.persistence.warehouses import check_warehouses
from domain import waits
from domain.business_calendar import BusinessCalendar
from domain.errors import AmountTooLargeError, DuplicateLineError, ProductNotFoundError, ZeroTotalError
from domain.money import LARGEST_AMOUNT
from domain.money_errors import WrongCurrencyError
from domain.orders import Actor, Role
from domain.pricing import Amounts, price_line, total
from domain.revisions import RevisedLine


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """What is asked for; `price` per unit with VAT, or None for the price list's; from the order's own warehouse unless
    another is named."""

    sku: str
    quantity: Decimal
    price: Decimal | None
    warehouse: str | None = None


@dataclass(frozen=True, slots=True)
class QuoteDraft:
    """A quote as asked for; terms and a currency of None are the customer's own."""

    lines: Sequence[QuoteLine]
    deferral_days: int | None
    prepayment_percent: int | None
    ship_complete: bool
    comment: str | None
    delivery_address: str | None = None
    contact_name: str | None = None
    contact_phone: str | None = None
    ship_on: date | None = None
    currency: str | None = None
    warehouse: str = "main"


def write_quote(session: Session, customer: CustomerRow, draft: QuoteDraft, actor: Actor, *, now: datetime) -> OrderRow:
    """Price and store a quote.

    Raises:
        ProductNotFoundError, WarehouseNotFoundError, WrongCurrencyError, DuplicateLineError, ZeroTotalError,
        AmountTooLargeError, RateUnknownError
    """
    company = orders.legal_entity(session)
    calendar, base = _calendar_and_base(session, company, customer)
    version, policy = policy_in_force(session, calendar.day_of(now))
    currency = draft.currency or customer.currency
    products = _products(session, draft.lines, currency)
    check_warehouses(session, [draft.warehouse, *(line.warehouse for line in draft.lines if line.warehouse)])
    amounts = [_amounts(line, products[line.sku]) for line in draft.lines]
    sums = total(amounts)
    _check_total(sums)
    _check_worth(session, sums, currency, base, today=calendar.day_of(now))
    state = waits.quoted(now, policy, calendar)
    order = OrderRow(
        number=f"ЗК-{next_number(session, 'order'):06d}",
        customer_id=customer.id,
        credit_account_id=customer.credit_account_id,
        legal_entity_id=company.id,
        manager_id=_owner(session, customer, actor),
        created_by=UUID(actor.id),
        status=state.status,
        currency=currency,
        deferral_days=customer.deferral_days if draft.deferral_days is None else draft.deferral_days,
        prepayment_percent=(
            customer.prepayment_percent if draft.prepayment_percent is None else draft.prepayment_percent
        ),
        warehouse=draft.warehouse,
        ship_complete=draft.ship_complete,
        comment=draft.comment,
        delivery_address=draft.delivery_address,
        contact_name=draft.contact_name,
        contact_phone=draft.contact_phone,
        ship_on=draft.ship_on,
        net=sums.net,
        vat=sums.vat,
        gross=sums.gross,
        quote_valid_until=state.wait.until if state.wait and state.wait.until else now,
        policy_version=version,
        wait=orders.wait_json(state.wait),
        created_at=now,
    )
    session.add(order)
    session.flush()
    _add_lines(session, order, draft, products, amounts)
    revisions.add_first(session, order, actor, at=now)
    record_event(session, "order", order.id, "quoted", actor, at=now, policy_version=version,
                 number=order.number, gross=str(order.gross))  # fmt: skip
    session.flush()
    return order


def _calendar_and_base(
    session: Session, company: LegalEntityRow, customer: CustomerRow
) -> tuple[BusinessCalendar, str]:
    """The company's calendar and the currency of the customer's credit account, in one query."""
    query = select(CreditAccountRow.currency, moved_days(company.country))
    base, moved = session.exec(query.where(CreditAccountRow.id == customer.credit_account_id)).one()
    return know_calendar(session, company.country, company.timezone, moved), base


def _check_total(sums: Amounts) -> None:
    if sums.gross <= 0:
        raise ZeroTotalError(field="lines")
    if sums.gross > LARGEST_AMOUNT:
        raise AmountTooLargeError(field="lines", limit=str(LARGEST_AMOUNT))


def _check_worth(session: Session, sums: Amounts, currency: str, base: str, *, today: date) -> None:
    """Money in another currency than the credit account's, its base, needs a rate to be counted by (D2-18)."""
    if currency != base and load_rates(session, base, today=today).convert(sums.gross, currency) > LARGEST_AMOUNT:
        raise AmountTooLargeError(field="lines", limit=str(LARGEST_AMOUNT))


def _products(session: Session, lines: Sequence[QuoteLine], currency: str) -> dict[str, ProductRow]:
    wanted = [line.sku for line in lines]
    rows = session.exec(select(ProductRow).where(col(ProductRow.sku).in_(wanted))).all()
    products = {row.sku: row for row in rows}
    for number, sku in enumerate(wanted):
        if sku in wanted[:number]:
            raise DuplicateLineError(field=f"lines[{number}].sku", sku=sku)
        product = products.get(sku)
        if product is None:
            raise ProductNotFoundError(sku=sku)
        if product.currency not in {None, currency} and lines[number].price is None:
            raise WrongCurrencyError(field=f"lines[{number}].price", currency=product.currency, expected=currency)
    return products


def _amounts(line: QuoteLine, product: ProductRow) -> Amounts:
    price = product.price if line.price is None else line.price
    return price_line(line.quantity, price, product.vat_rate)


@dataclass(frozen=True, slots=True)
class Priced:
    """A line as it would be quoted now; prices per unit, `list_price` None where the list has none in this currency."""

    price: Decimal
    list_price: Decimal | None
    gross: Decimal


def priced_lines(session: Session, lines: Sequence[QuoteLine], currency: str) -> list[Priced]:
    """What lines come to at today's prices, without writing anything.

    Raises:
        ProductNotFoundError, WrongCurrencyError, DuplicateLineError, ZeroTotalError, AmountTooLargeError
    """
    products = _products(session, lines, currency)
    amounts = [_amounts(line, products[line.sku]) for line in lines]
    _check_total(total(amounts))
    return [
        Priced(
            price=products[line.sku].price if line.price is None else line.price,
            list_price=_list_price(products[line.sku], currency),
            gross=money.gross,
        )
        for line, money in zip(lines, amounts, strict=True)
    ]


def revised_lines(session: Session, order: OrderRow, wanted: Sequence[RevisedLine]) -> list[OrderLineRow]:
    """Lines of a new revision, not yet stored. A product that the order has keeps its number, its price and its rate
    (D6-10); a new one comes at today's list price, or at the price asked for. It keeps its warehouse too, unless
    another is named.

    Raises:
        ProductNotFoundError, WarehouseNotFoundError, WrongCurrencyError, DuplicateLineError, ZeroTotalError,
        AmountTooLargeError
    """
    ever = session.exec(select(OrderLineRow).where(OrderLineRow.order_id == order.id)).all()
    numbers = {line.sku: line.line_no for line in ever}
    present = {line.sku: line for line in orders.lines_of(session, order)}
    asked = [_as_present(line, present.get(line.sku)) for line in wanted]
    products = _products(session, asked, order.currency)
    check_warehouses(session, (line.warehouse for line in wanted if line.warehouse))
    rows = []
    for line in asked:
        number = numbers.setdefault(line.sku, max(numbers.values(), default=0) + 1)
        row = _line_row(order, number, line, products[line.sku], _amounts(line, products[line.sku]))
        if line.sku in present:
            _keep_rate(row, present[line.sku])
        rows.append(row)
    _check_total(total(Amounts(row.net, row.vat, row.gross) for row in rows))
    return rows


def _as_present(line: RevisedLine, present: OrderLineRow | None) -> QuoteLine:
    """A line as asked for; what is left open stays as the order has it."""
    if present is None:
        return QuoteLine(line.sku, line.quantity, line.price, line.warehouse)
    price = present.price if line.price is None else line.price
    return QuoteLine(line.sku, line.quantity, price, line.warehouse or present.warehouse)


def _keep_rate(row: OrderLineRow, present: OrderLineRow) -> None:
    money = price_line(row.quantity, row.price, present.vat_rate)
    row.vat_rate, row.list_price = present.vat_rate, present.list_price
    row.net, row.vat, row.gross = money.net, money.vat, money.gross


def _owner(session: Session, customer: CustomerRow, actor: Actor) -> UUID:
    """The customer's manager; without one, whoever writes the quote."""
    if customer.manager_id is not None:
        return customer.manager_id
    if actor.role in {Role.MANAGER, Role.HEAD}:
        return UUID(actor.id)
    return session.exec(select(UserRow.id).where(UserRow.role == Role.MANAGER).order_by(col(UserRow.login))).one()


def _add_lines(
    session: Session, order: OrderRow, draft: QuoteDraft, products: dict[str, ProductRow], amounts: list[Amounts]
) -> None:
    for number, (line, money) in enumerate(zip(draft.lines, amounts, strict=True), start=1):
        session.add(_line_row(order, number, line, products[line.sku], money))


def _line_row(order: OrderRow, number: int, line: QuoteLine, product: ProductRow, money: Amounts) -> OrderLineRow:
    return OrderLineRow(
        order_id=order.id,
        revision=order.revision,
        line_no=number,
        sku=line.sku,
        name=product.name,
        unit=product.unit,
        quantity=line.quantity,
        price=product.price if line.price is None else line.price,
        vat_rate=product.vat_rate,
        net=money.net,
        vat=money.vat,
        gross=money.gross,
        list_price=_list_price(product, order.currency),
        warehouse=line.warehouse or order.warehouse,
    )


def _list_price(product: ProductRow, currency: str) -> Decimal | None:
    """The price list's price, where it has one in this currency."""
    return product.price if product.currency in {None, currency} else None
