"""Contracts of a customer (D2-6)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from sqlmodel import Session

from activities.persistence import contracts, parties
from activities.persistence.party_tables import ContractRow, CreditAccountRow, CustomerRow
from api.auth import require
from api.credit_desk import Desk
from api.customer_card import ContractOut, today_of
from api.deps import Caller, Db, Now
from api.openapi import problems
from api.routes.customers import ContractIn
from api.schemas import Out
from domain.orders import Actor, Role

router = APIRouter(prefix="/api/v1/customers", tags=["customers"])

Keeper = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.DIRECTOR, Role.ADMIN, Role.ACCOUNTANT))]


class StoredContractOut(ContractOut):
    id: UUID
    valid: bool


class ContractList(Out):
    items: list[StoredContractOut]


@router.post(
    "/{customer_id}/contracts", status_code=201, response_model=StoredContractOut,
    summary="Добавить договор / Add a contract", responses=problems(403, 404, 409),
)  # fmt: skip
async def add_contract(customer_id: UUID, body: ContractIn, caller: Keeper, desk: Desk) -> JSONResponse:
    """Заказы, которым не хватало договора, решаются заново. Отсрочку длиннее обычной даёт руководитель. / Orders that
    lacked a contract are decided again. A longer deferral than usual is the head's to give."""

    def add(session: Session, account: CreditAccountRow, customer: CustomerRow) -> StoredContractOut:  # noqa: ARG001
        contract = ContractRow(customer_id=customer.id, **body.model_dump())
        stored = contracts.add_contract(session, customer, contract, caller, at=desk.now)
        return _out(stored, desk.now, session)

    return (await desk.change(customer_id, body, add, status=201)).response()


@router.get("/{customer_id}/contracts", summary="Договоры клиента / Contracts of a customer", responses=problems(404))
def list_contracts(customer_id: UUID, caller: Caller, db: Db, now: Now) -> ContractList:
    """Новые сначала. / Newest first."""
    customer = parties.customer_for(db, customer_id, caller)
    return ContractList(items=[_out(row, now, db) for row in contracts.contracts_of(db, customer)])


def _out(row: ContractRow, now: Now, session: Session) -> StoredContractOut:
    return StoredContractOut(
        id=row.id,
        number=row.number,
        signed_on=row.signed_on,
        valid_until=row.valid_until,
        deferral_days=row.deferral_days,
        valid=contracts.is_valid(row, today_of(session, now)),
    )
