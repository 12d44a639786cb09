"""Groups of products and the share of each that is kept for key customers (D8-2)."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlmodel import Session

from activities.persistence import item_groups
from activities.persistence.stock_tables import ItemGroupRow
from api.auth import require
from api.deps import Caller, Db, Now, Once
from api.openapi import problems
from api.paging import invalid
from api.schemas import Name, Out, Percent, Short, Strict, decimal_text, example
from api.versions import IfMatch, check_version, etag
from domain.orders import Actor, Role

router = APIRouter(prefix="/api/v1/item-groups", tags=["products"])

Editor = Annotated[Actor, Depends(require(Role.HEAD, Role.DIRECTOR))]


class ItemGroupIn(Strict):
    """Without `hold_back_percent` the policy's share holds; 0 keeps nothing back."""

    model_config = example(code="dry-mixes", name="Сухие смеси", hold_back_percent="10")

    code: Short
    name: Name
    hold_back_percent: Percent | None = None


class ItemGroupPatch(Strict):
    name: Name | None = None
    hold_back_percent: Percent | None = None


class ItemGroupOut(Out):
    code: str
    name: str
    hold_back_percent: str | None = Field(description="Доля остатка для ключевых клиентов, %. / Kept back, per cent.")
    version: int


class ItemGroupList(Out):
    items: list[ItemGroupOut]


@router.post("", status_code=201, response_model=ItemGroupOut, summary="Завести группу / Create a group",
             responses=problems(403, 409))  # fmt: skip
def create_item_group(body: ItemGroupIn, caller: Editor, once: Once, now: Now) -> JSONResponse:
    """Товары группы придерживаются для ключевых клиентов одинаково. / Its products are held back alike."""

    def work(session: Session) -> tuple[int, Any]:
        row = item_groups.create_group(session, body.code, body.name, body.hold_back_percent, caller, at=now)
        return 201, _out(row).model_dump(mode="json")

    return once.run(body, work).response(etag(1))


@router.get("", summary="Группы товаров / Item groups")
def list_item_groups(_caller: Caller, db: Db) -> ItemGroupList:
    """Все группы с их долями. / All groups with their shares."""
    return ItemGroupList(items=[_out(row) for row in item_groups.all_groups(db)])


@router.patch("/{code}", response_model=ItemGroupOut, summary="Изменить группу / Change a group",
              responses=problems(403, 404, 412, 428))  # fmt: skip
def change_item_group(
    code: str, body: ItemGroupPatch, caller: Editor, if_match: IfMatch, once: Once, now: Now
) -> JSONResponse:
    """Новая доля действует со следующего движения товара. / The new share holds from the next movement on."""
    if not body.model_fields_set:
        raise invalid("body", "nothing_to_change", "body")
    if "name" in body.model_fields_set and body.name is None:
        raise invalid("name", "empty", "body")

    def work(session: Session) -> tuple[int, Any]:
        check_version(if_match, item_groups.group(session, code, lock=True).version)
        changes = {name: getattr(body, name) for name in body.model_fields_set}
        row = item_groups.change_group(session, code, changes, caller, at=now)
        return 200, _out(row).model_dump(mode="json")

    answer = once.run(body, work)
    return answer.response(etag(answer.body["version"]))


def _out(row: ItemGroupRow) -> ItemGroupOut:
    share = row.hold_back_percent
    return ItemGroupOut(
        code=row.code,
        name=row.name,
        hold_back_percent=None if share is None else decimal_text(share),
        version=row.version,
    )
