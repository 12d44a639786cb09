"""Products and their list prices."""

from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlmodel import Session

from activities.persistence import catalogue
from activities.persistence.stock_tables import ProductRow
from api.auth import require
from api.deps import Caller, Db, Now, Once
from api.openapi import problems
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.schemas import (
    Currency,
    Name,
    Out,
    Page,
    PriceSumIn,
    QuantityIn,
    Short,
    Sku,
    Strict,
    Sum,
    VatRateIn,
    decimal_text,
    example,
)
from api.versions import IfMatch, check_version, etag
from domain.orders import Actor, Role

router = APIRouter(prefix="/api/v1/products", tags=["products"])

Editor = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.ACCOUNTANT, Role.ADMIN, Role.DIRECTOR))]


def _per_cent(rate: Decimal) -> Decimal:
    if 0 < rate < 1:
        raise PydanticCustomError("bad_vat_rate", "a share, not per cent")
    return rate


VatPercent = Annotated[VatRateIn, AfterValidator(_per_cent)]


class PackIn(Strict):
    """What the warehouse counts in: a pack of so many units."""

    name: Short = Field(examples=["поддон"])
    size: QuantityIn = Field(examples=["40"])


class ProductIn(Strict):
    """A product. `price` is per unit with VAT inside; without `currency`, in the currency of whichever order."""

    model_config = example(sku="CEM-M500-50", name="Цемент М500, 50 кг", unit="меш", price="2450.50", vat_rate="16")

    sku: Sku
    name: Name
    unit: Short
    price: PriceSumIn
    vat_rate: VatPercent
    currency: Currency | None = None
    cost: PriceSumIn | None = None
    item_group: Short | None = None
    pack: PackIn | None = None


class ProductPatch(Strict):
    name: Name | None = None
    unit: Short | None = None
    price: PriceSumIn | None = None
    vat_rate: VatPercent | None = None
    cost: PriceSumIn | None = None
    item_group: Short | None = None
    pack: PackIn | None = None


class PackOut(Out):
    name: str
    size: str


class ProductOut(Out):
    sku: str
    name: str
    unit: str
    price: str = Field(examples=["2450.50"])
    currency: str | None = Field(
        description="Без валюты цена действует в валюте заказа. / Without one, in the order's."
    )
    vat_rate: str = Field(examples=["12"])
    cost: str | None
    item_group: str | None = Field(description="Группа товаров с общей долей для ключевых клиентов. / Held back alike.")
    pack: PackOut | None
    version: int


class ProductList(Page):
    items: list[ProductOut]


@router.post(
    "", status_code=201, response_model=ProductOut, summary="Завести товар / Create a product",
    responses=problems(403, 409),
)  # fmt: skip
def create_product(body: ProductIn, caller: Editor, once: Once, now: Now) -> JSONResponse:
    """Товар с ценой за единицу, НДС внутри. / A product with its price per unit, VAT inside."""

    def work(session: Session) -> tuple[int, Any]:
        currency = body.currency or body.price.currency
        new = catalogue.NewProduct(
            sku=body.sku,
            name=body.name,
            unit=body.unit,
            price=_within(body.price, currency, "price"),
            currency=currency,
            vat_rate=body.vat_rate,
            cost=_within(body.cost, currency, "cost") if body.cost else None,
            item_group=body.item_group,
            pack_name=body.pack.name if body.pack else None,
            pack_size=body.pack.size if body.pack else None,
        )
        return 201, _out(catalogue.create_product(session, new, caller, at=now)).model_dump(mode="json")

    return once.run(body, work).response({"Location": f"{router.prefix}/{quote(body.sku, safe='')}", **etag(1)})


@router.get("", summary="Товары по названию / Products by name")
def list_products(
    _caller: Caller,
    db: Db,
    name: Annotated[str, Query(max_length=100, description="Начало названия. / Beginning of the name.")] = "",
    after: After = None,
    limit: Limit = 50,
) -> ProductList:
    """Страницами, по алфавиту. / In pages, by name."""
    key = read_cursor(after, 2)
    rows = catalogue.list_products(db, prefix=name, after=(key[0], key[1]) if key else None, limit=limit + 1)
    page = rows[:limit]
    more = cursor(page[-1].name_key, page[-1].sku) if len(rows) > limit else None
    return ProductList(items=[_out(row) for row in page], next=more)


@router.get("/{sku}", summary="Товар / A product", responses=problems(404))
def get_product(sku: str, _caller: Caller, db: Db, response: Response) -> ProductOut:
    """Товар и его цена; ETag — версия для правки. / The product and its price; ETag is the version for edits."""
    row = catalogue.product(db, sku)
    response.headers.update(etag(row.version))
    return _out(row)


@router.patch(
    "/{sku}", response_model=ProductOut, summary="Изменить товар или цену / Change a product or its price",
    responses=problems(403, 404, 412, 428),
)  # fmt: skip
def change_product(
    sku: str, body: ProductPatch, caller: Editor, if_match: IfMatch, once: Once, now: Now
) -> JSONResponse:
    """Предложения и заказы в работе сохраняют свою цену (D6-10). / Quotes in force keep their price."""
    if not body.model_fields_set:
        raise invalid("body", "nothing_to_change", "body")
    for field in sorted(body.model_fields_set - {"cost", "item_group", "pack"}):
        if getattr(body, field) is None:
            raise invalid(field, "empty", "body")

    def work(session: Session) -> tuple[int, Any]:
        row = catalogue.product(session, sku, lock=True)
        check_version(if_match, row.version)
        changes = {name: _plain(getattr(body, name), row.currency, name) for name in body.model_fields_set - {"pack"}}
        if "pack" in body.model_fields_set:
            changes |= {"pack_name": body.pack and body.pack.name, "pack_size": body.pack and body.pack.size}
        catalogue.change_product(session, row, caller, fields=changes, at=now)
        return 200, _out(row).model_dump(mode="json")

    answer = once.run(body, work)
    return answer.response(etag(answer.body["version"]))


def _plain(value: Any, currency: str | None, field: str) -> Any:
    return _within(value, currency, field) if isinstance(value, Sum) else value


def _within(price: Sum, currency: str | None, field: str) -> Decimal:
    """The figure of a price; one that names a currency must name the product's."""
    return price.amount if currency is None and price.currency is None else price.within(currency or "", field)


def _out(row: ProductRow) -> ProductOut:
    return ProductOut(
        sku=row.sku,
        name=row.name,
        unit=row.unit,
        price=decimal_text(row.price, 2),
        currency=row.currency,
        vat_rate=decimal_text(row.vat_rate),
        cost=None if row.cost is None else decimal_text(row.cost, 2),
        item_group=row.item_group,
        pack=PackOut(name=row.pack_name, size=decimal_text(row.pack_size)) if row.pack_name and row.pack_size else None,
        version=row.version,
    )
