"""«Что, если?»: what an order would meet now, and how much more may still go out."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from activities.persistence.parties import customer_for
from activities.persistence.quotes import QuoteLine
from activities.persistence.what_if import Answer, Question, answer
from api import order_views
from api.auth import require
from api.deps import Db, Language, Now
from api.i18n import Language as LanguageCode
from api.i18n import speech
from api.openapi import problems
from api.routes.orders import LineIn, TermsIn
from api.schemas import MoneyOut, Out, Strict, SumIn, example
from domain.money import ZERO
from domain.orders import Actor, Role
from domain.wording import room_text

router = APIRouter(prefix="/api/v1/customers", tags=["customers"])

Asker = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.DIRECTOR, Role.ACCOUNTANT))]


class WhatIfIn(Strict):
    """A sum, or lines at today's prices; neither asks only how much more may go out. Terms: the customer's own."""

    model_config = example(amount="600000.00", payment_terms={"deferral_days": 14, "prepayment_percent": 30})

    amount: SumIn | None = None
    lines: Annotated[list[LineIn], Field(max_length=500)] = []
    payment_terms: TermsIn | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "WhatIfIn":
        if self.amount is not None and self.lines:
            raise PydanticCustomError("amount_or_lines", "amount or lines")
        return self


class RoomOut(Out):
    auto: MoneyOut | None = Field(description="Сразу; null — любая сумма. / At once; null: any sum.")
    approval: MoneyOut | None = Field(description="По согласованию; null — любая сумма. / By approval; null: any sum.")
    prepaid_open: bool = Field(description="Пройдёт ли полная предоплата. / Whether a fully prepaid order passes.")
    text: str


class WhatIfOut(Out):
    outcome: str | None = Field(description="auto, approval, stop; null без суммы. / null when no sum is named.")
    text: str
    reasons: list[dict[str, Any]]
    exposure: MoneyOut
    exposure_before: MoneyOut
    limit: MoneyOut
    debt: MoneyOut
    excess: MoneyOut
    credit_part: MoneyOut
    room: RoomOut


@router.post(
    "/{customer_id}/what-if", summary="Что, если? / What if?", response_model=WhatIfOut, responses=problems(403, 404)
)
def ask_what_if(
    customer_id: UUID, body: WhatIfIn, caller: Asker, db: Db, language: Language, now: Now
) -> dict[str, Any]:
    """Решение, какое получил бы такой заказ сейчас, и сколько ещё можно отгрузить; ничего не записывается. /
    The decision that such an order would get now, and how much more may go out; nothing is written."""
    customer = customer_for(db, customer_id, caller)
    terms = body.payment_terms
    question = Question(
        amount=body.amount.within(customer.currency, "amount") if body.amount else None,
        lines=[
            QuoteLine(line.sku, line.quantity,
                      line.price.within(customer.currency, f"lines[{number}].price") if line.price else None)
            for number, line in enumerate(body.lines)
        ],
        deferral_days=terms.deferral_days if terms else None,
        prepayment_percent=terms.prepayment_percent if terms else None,
    )  # fmt: skip
    return _view(answer(db, customer, question, now=now), language)


def _view(found: Answer, language: LanguageCode) -> dict[str, Any]:
    currency, room = found.currency, found.room
    words = room_text(room.auto, room.approval, room.prepaid_open, currency, speech(language))
    left = {
        "auto": None if room.auto is None else MoneyOut.of(room.auto, currency),
        "approval": None if room.approval is None else MoneyOut.of(room.approval, currency),
        "prepaid_open": room.prepaid_open,
        "text": words,
    }
    shown = {"credit_part": MoneyOut.of(found.credit_part, currency), "room": left}
    if found.decision is not None:
        return order_views.decision_view(found.decision, language) | shown
    before = MoneyOut.of(found.exposure_before, currency)
    return shown | {
        "outcome": None,
        "text": words,
        "reasons": [],
        "exposure": before,
        "exposure_before": before,
        "limit": MoneyOut.of(found.limit, currency),
        "debt": MoneyOut.of(found.debt, currency),
        "excess": MoneyOut.of(ZERO if found.unlimited else max(ZERO, found.exposure_before - found.limit), currency),
    }
