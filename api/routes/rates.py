"""Official exchange rates: recorded once a day, and what was recorded (D2-17, D2-18)."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field
from sqlmodel import Session

from activities.persistence import rates
from activities.persistence.credit_tables import ExchangeRateRow
from activities.persistence.reconsideration import reconsider_account
from api.auth import require
from api.customer_card import today_of
from api.deps import Caller, Db, Now, Once, Temporal
from api.nudges import nudge
from api.openapi import problems
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.schemas import Currency, Day, Out, Page, RateIn, Strict, decimal_text, example
from domain.orders import Actor, Role
from domain.rates import Rate
from workflows.ids import order_workflow_id

router = APIRouter(prefix="/api/v1/exchange-rates", tags=["exchange-rates"])

Recorder = Annotated[Actor, Depends(require(Role.ACCOUNTANT, Role.ADMIN))]


class RateBody(Strict):
    """The official price of one unit of `currency` in `base`, set for `day`."""

    model_config = example(currency="RUB", base="KZT", day="2026-04-06", rate="5.50")

    currency: Currency
    base: Currency
    day: Day
    rate: RateIn


class RateOut(Out):
    currency: str = Field(examples=["RUB"])
    base: str = Field(examples=["KZT"])
    day: date
    rate: str = Field(examples=["5.5"])
    recorded_at: datetime


class RecordedRate(RateOut):
    freed_orders: list[str] = Field(description="Заказы, которые решены заново. / Orders that moved on by it.")


class RateList(Page):
    items: list[RateOut]


@router.post(
    "", status_code=201, response_model=RecordedRate, summary="Внести курс / Record a rate",
    responses=problems(403, 422) | {200: {"model": RecordedRate, "description": "Исправлено. / Corrected."}},
)  # fmt: skip
async def create_exchange_rate(
    body: RateBody, caller: Recorder, once: Once, temporal: Temporal, now: Now
) -> JSONResponse:
    """201 для нового дня, 200 для исправления: журнал хранит прежний курс, принятые решения не меняются. Заказы,
    которые ждали кредита, решаются заново. / 201 for a new day, 200 for a correction: the journal keeps the rate
    before, decisions stand. Orders that waited for credit are decided again."""

    def work(session: Session) -> tuple[int, Any]:
        today = today_of(session, now)
        said = Rate(body.currency, body.base, body.day, body.rate)
        row, first = rates.record_rate(session, said, caller, today=today, at=now)
        accounts = rates.accounts_valued_anew(session, body.currency, body.base) if body.day <= today else ()
        freed = [order for account in accounts for order in reconsider_account(session, account, at=now)]
        answer = RecordedRate(**_out(row).model_dump(), freed_orders=freed)
        return 201 if first else 200, answer.model_dump(mode="json")

    answer = await once.run_async(body, work)
    await nudge(temporal, map(order_workflow_id, answer.body["freed_orders"]), "exposure_lowered")
    return answer.response()


@router.get("", summary="Курсы / Rates", responses=problems(403))
def list_exchange_rates(
    _caller: Caller,
    db: Db,
    currency: Currency | None = None,
    base: Currency | None = None,
    after: After = None,
    limit: Limit = 50,
) -> RateList:
    """Новые дни сначала. / The newest day first."""
    rows = rates.list_rates(db, currency=currency, base=base, after=_start(after), limit=limit + 1)
    page = rows[:limit]
    more = cursor(page[-1].day, page[-1].base, page[-1].currency) if len(rows) > limit else None
    return RateList(items=[_out(row) for row in page], next=more)


def _out(row: ExchangeRateRow) -> RateOut:
    return RateOut(
        currency=row.currency,
        base=row.base,
        day=row.day,
        rate=decimal_text(row.rate, 2),
        recorded_at=row.recorded_at.astimezone(UTC),
    )


def _start(after: str | None) -> tuple[date, str, str] | None:
    key = read_cursor(after, 3)
    try:
        return (date.fromisoformat(key[0]), key[1], key[2]) if key else None
    except ValueError:
        raise invalid("after", "bad_cursor") from None
