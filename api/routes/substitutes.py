"""What may be offered instead of a product that is short (D7-12)."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlmodel import Session

from activities.persistence.substitutes import Offer, offers, set_substitutes
from api.auth import require
from api.deps import Caller, Db, Now, Once
from api.openapi import problems
from api.schemas import Out, Sku, Strict, decimal_text, example
from domain.orders import Actor, Role

router = APIRouter(prefix="/api/v1/products", tags=["products"])

Editor = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.BUYER))]


class SubstitutesIn(Strict):
    """The whole list, best first; an empty one leaves the product without substitutes."""

    model_config = example(substitutes=["CEM-M400-50"])

    substitutes: Annotated[list[Sku], Field(max_length=50)]


class SubstituteOut(Out):
    sku: str
    name: str
    unit: str
    price: str = Field(examples=["2450.50"])
    currency: str | None
    free: str = Field(examples=["15"], description="Свободно сейчас на всех складах. / Free now, in all warehouses.")


class SubstituteList(Out):
    sku: str
    items: list[SubstituteOut]


@router.put("/{sku}/substitutes", response_model=SubstituteList, summary="Задать замены товара / Set its substitutes",
            responses=problems(403, 404))  # fmt: skip
def put_substitutes(sku: str, body: SubstitutesIn, caller: Editor, once: Once, now: Now) -> JSONResponse:
    """Весь список целиком, лучшая замена первой. / The whole list, the best first."""

    def work(session: Session) -> tuple[int, dict[str, object]]:
        set_substitutes(session, sku, body.substitutes, caller, at=now)
        return 200, _out(sku, offers(session, sku)).model_dump(mode="json")

    return once.run(body, work).response()


@router.get("/{sku}/substitutes", summary="Замены товара / Its substitutes", responses=problems(404))
def get_substitutes(sku: str, _caller: Caller, db: Db) -> SubstituteList:
    """Что предложить вместо товара: цена и свободный остаток. / What to offer instead: price and free stock."""
    return _out(sku, offers(db, sku))


def _out(sku: str, found: list[Offer]) -> SubstituteList:
    return SubstituteList(
        sku=sku,
        items=[
            SubstituteOut(
                sku=each.sku,
                name=each.name,
                unit=each.unit,
                price=decimal_text(each.price, 2),
                currency=each.currency,
                free=decimal_text(each.free),
            )
            for each in found
        ],
    )
