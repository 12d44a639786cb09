"""Customers and their credit.

Who may set a credit limit (D14: the manager asks, the head of sales gives). At creation, which is also how a company's
reference data are taken over, a limit may come from head, director, accountant and admin; a manager creates with
limit 0, that is prepayment only (D5-5), and is told to ask the head. Later only head and director change it. Terms,
segment, reserve lifetime and the manager of a customer are changed by head, director and admin; a manager edits
name, region and team of own customers.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Engine as SqlEngine
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from activities.persistence import parties
from activities.persistence.reconsideration import orders_to_tell, reconsider_locked
from activities.requisites import check_kpp, check_tax_id
from api.auth import require
from api.customer_card import CustomerCard, CustomerList, CustomerOut, card_out, customer_out, summary_out, today_of
from api.deps import Caller, Db, Engine, Language, Now, Once, Temporal
from api.nudges import nudge
from api.openapi import problems
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.schemas import Currency, Day, Email, Name, Phone, Short, Strict, Sum, SumOrZeroIn, Whole, example
from api.versions import IfMatch, check_version, etag
from domain.credit_errors import LimitNeedsHeadError
from domain.errors import ForbiddenError
from domain.orders import Actor, Role
from workflows.ids import order_workflow_id

router = APIRouter(prefix="/api/v1/customers", tags=["customers"])

CREATORS = (Role.MANAGER, Role.HEAD, Role.ACCOUNTANT, Role.ADMIN, Role.DIRECTOR)
LIMIT_LATER = frozenset({Role.HEAD, Role.DIRECTOR})
TERMS = frozenset({Role.HEAD, Role.DIRECTOR, Role.ADMIN})

Editor = Annotated[Actor, Depends(require(*CREATORS))]
Days = Annotated[Whole, Field(ge=0, le=365)]
Percent = Annotated[Whole, Field(ge=0, le=100)]


class TermsIn(Strict):
    deferral_days: Days = 0
    prepayment_percent: Percent = 0


class ContactIn(Strict):
    role: Short
    name: Name
    email: Email | None = None
    phone: Phone | None = None


class ContractIn(Strict):
    number: Short
    signed_on: Day
    valid_until: Day | None = None
    deferral_days: Days | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "ContractIn":
        if self.valid_until is not None and self.valid_until < self.signed_on:
            raise PydanticCustomError("bad_period", "ends before it begins")
        return self


class CustomerIn(Strict):
    """A customer. Without `payment_terms`: full prepayment; without `credit_limit`: none (D5-5)."""

    model_config = example(
        name="ТОО «Ромашка»",
        country="KZ",
        tax_id="210340000003",
        segment="standard",
        currency="KZT",
        credit_limit="1000000.00",
        payment_terms={"deferral_days": 14, "prepayment_percent": 0},
        manager="manager",
        contacts=[{"role": "buyer", "name": "Анна Ким", "email": "anna@romashka.example", "phone": "+7 701 111 22 33"}],
        contract={"number": "Д-17", "signed_on": "2026-01-10", "valid_until": "2026-12-31"},
    )

    name: Name = Field(examples=["ТОО «Ромашка»"])
    country: Literal["RU", "KZ"]
    tax_id: Short = Field(examples=["123456789021"])
    kpp: Short | None = None
    segment: Literal["standard", "vip"] = "standard"
    currency: Currency
    credit_limit: SumOrZeroIn = Sum(Decimal("0.00"))
    payment_terms: TermsIn = Field(default_factory=lambda: TermsIn(deferral_days=0, prepayment_percent=100))
    manager: Short | None = Field(default=None, description="Логин или id менеджера. / Login or id of the manager.")
    region: Short | None = None
    team: Short | None = None
    reservation_days: Literal[3, 7, 14] | None = None
    contacts: list[ContactIn] = Field(default_factory=list, max_length=50)
    contract: ContractIn | None = None


class TermsPatch(Strict):
    deferral_days: Days | None = None
    prepayment_percent: Percent | None = None


class CustomerPatch(Strict):
    """What to change; a field left out stays."""

    model_config = example(credit_limit="1500000.00", payment_terms={"deferral_days": 21})

    name: Name | None = None
    credit_limit: SumOrZeroIn | None = None
    payment_terms: TermsPatch | None = None
    segment: Literal["standard", "vip"] | None = None
    reservation_days: Literal[3, 7, 14] | None = None
    manager: Short | None = None
    region: Short | None = None
    team: Short | None = None


_REVIEWERS = {Role.MANAGER: Role.HEAD, Role.HEAD: Role.DIRECTOR}
"""Who looks over a first limit that the customer's own manager entered (D4-5, D14)."""
_CLEARABLE = {"reservation_days", "manager", "region", "team"}
_TERMS_FIELDS = {"payment_terms", "segment", "reservation_days", "manager"}


@router.post(
    "", status_code=201, response_model=CustomerOut, summary="Завести клиента / Create a customer",
    responses=problems(403, 409),
)  # fmt: skip
def create_customer(body: CustomerIn, caller: Editor, once: Once, now: Now) -> JSONResponse:
    """Реквизиты проверяются; лимит, с которым клиента завёл менеджер, проверяет руководитель.

    Requisites are checked; the head reviews a limit that a manager entered. Later only the head changes it.
    """

    def work(session: Session) -> tuple[int, Any]:
        new = _new_customer(session, body, caller)
        row = parties.create_customer(session, new, caller, at=now)
        reviewer = _REVIEWERS.get(caller.role) if row.manager_id == UUID(caller.id) else None
        if new.credit_limit > 0 and (reviewer or caller.role is Role.MANAGER):
            parties.ask_limit_review(session, row, new.credit_limit, reviewer or Role.HEAD, at=now)
        return 201, customer_out(session, row, manager=body.manager).model_dump(mode="json")

    answer = once.run(body, work)
    return answer.response({"Location": f"{router.prefix}/{answer.body['id']}", **etag(1)})


def _new_customer(session: Session, body: CustomerIn, caller: Actor) -> parties.NewCustomer:
    limit = body.credit_limit.within(body.currency, "credit_limit")
    if body.manager is not None:
        manager_id: UUID | None = parties.find_manager(session, body.manager).id
    else:
        manager_id = UUID(caller.id) if caller.role is Role.MANAGER else None
    return parties.NewCustomer(
        name=body.name,
        country=body.country,
        tax_id=check_tax_id(body.country, body.tax_id),
        kpp=check_kpp(body.kpp) if body.kpp else None,
        segment=body.segment,
        currency=body.currency,
        credit_limit=limit,
        deferral_days=body.payment_terms.deferral_days,
        prepayment_percent=body.payment_terms.prepayment_percent,
        manager_id=manager_id,
        region=body.region,
        team=body.team,
        reservation_days=body.reservation_days,
        contacts=tuple(parties.NewContact(one.role, one.name, one.email, one.phone) for one in body.contacts),
        contract=None if body.contract is None else parties.NewContract(**body.contract.model_dump()),
    )


@router.get("", summary="Клиенты по названию / Customers by name")
def list_customers(
    caller: Caller,
    db: Db,
    name: Annotated[str, Query(max_length=100, description="Начало названия. / Beginning of the name.")] = "",
    after: After = None,
    limit: Limit = 50,
) -> CustomerList:
    """Менеджер видит своих и ничьих. / A manager sees own customers and those nobody has."""
    key = read_cursor(after, 2)
    start = None if key is None else (key[0], _uuid(key[1]))
    rows = parties.list_customers(db, caller, prefix=name, after=start, limit=limit + 1)
    page = rows[:limit]
    more = cursor(page[-1].name_key, page[-1].id) if len(rows) > limit else None
    return CustomerList(items=[summary_out(row) for row in page], next=more)


def _uuid(value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise invalid("after", "bad_cursor") from None


@router.get("/{customer_id}", summary="Карточка клиента / The customer's card", responses=problems(404))
def get_customer(
    customer_id: UUID, caller: Caller, db: Db, language: Language, now: Now, response: Response
) -> CustomerCard:
    """Долг, лимит, просрочка и что будет с заказом сейчас. / Debt, limit, overdue, and what an order would meet now."""
    row = parties.customer_for(db, customer_id, caller)
    response.headers.update(etag(row.version))
    return card_out(db, row, language, today=today_of(db, now))


@router.patch(
    "/{customer_id}", response_model=CustomerCard, summary="Изменить лимит и условия / Change limit and terms",
    responses=problems(403, 404, 412, 428),
)  # fmt: skip
async def change_customer(
    customer_id: UUID,
    body: CustomerPatch,
    caller: Editor,
    if_match: IfMatch,
    once: Once,
    language: Language,
    now: Now,
    temporal: Temporal,
    engine: Engine,
) -> JSONResponse:
    """Снижение лимита не трогает подтверждённые заказы (D5-3), повышение пересматривает ждущие (D2-13). /
    A lower limit leaves confirmed orders alone, a higher one has the waiting orders decided again."""
    _refuse_empty(body)
    _refuse_beyond_role(body, caller)

    def work(session: Session) -> tuple[int, Any]:
        account, row = parties.lock_customer(session, customer_id, caller)
        check_version(if_match, row.version)
        limit = body.credit_limit.within(account.currency, "credit_limit") if body.credit_limit else None
        fields = _fields(session, body)
        parties.change_customer(session, account, row, caller, credit_limit=limit, fields=fields, at=now)
        reconsider_locked(session, account, at=now)
        return 200, card_out(session, row, language, today=today_of(session, now)).model_dump(mode="json")

    answer = await once.run_async(body, work)
    moved = await run_in_threadpool(_moved_orders, engine, customer_id, caller)
    await nudge(temporal, map(order_workflow_id, moved), "exposure_lowered")
    return answer.response(etag(answer.body["version"]))


def _refuse_empty(body: CustomerPatch) -> None:
    if not body.model_fields_set:
        raise invalid("body", "nothing_to_change", "body")
    for field in sorted(body.model_fields_set - _CLEARABLE):
        if getattr(body, field) is None:
            raise invalid(field, "empty", "body")


def _refuse_beyond_role(body: CustomerPatch, caller: Actor) -> None:
    if "credit_limit" in body.model_fields_set and caller.role not in LIMIT_LATER:
        raise LimitNeedsHeadError(role=caller.role)
    if body.model_fields_set & _TERMS_FIELDS and caller.role not in TERMS:
        raise ForbiddenError(role=caller.role, action="change_terms")


def _fields(session: Session, body: CustomerPatch) -> dict[str, Any]:
    """The columns that the body names."""
    plain = body.model_fields_set & {"name", "segment", "reservation_days", "region", "team"}
    fields = {name: getattr(body, name) for name in sorted(plain)}
    if "manager" in body.model_fields_set:
        fields["manager_id"] = parties.find_manager(session, body.manager).id if body.manager else None
    if body.payment_terms is not None:
        fields.update(body.payment_terms.model_dump(exclude_none=True))
    return fields


def _moved_orders(engine: SqlEngine, customer_id: UUID, caller: Actor) -> list[str]:
    with Session(engine) as session:
        return orders_to_tell(session, parties.customer_for(session, customer_id, caller).credit_account_id)
