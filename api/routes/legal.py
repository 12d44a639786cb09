"""Legal cases and their packages (D10-9, D10-10)."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from sqlmodel import Session

from activities.persistence.legal import case_for, cases_for, lines_of, worth_of
from activities.persistence.money_tables import LegalCaseRow
from activities.persistence.party_tables import CustomerRow
from api.auth import require
from api.customer_card import today_of
from api.deps import Db, Now
from api.openapi import problems
from api.paging import After, Limit, cursor, invalid, read_cursor
from api.schemas import MoneyOut, Out, Page
from domain.orders import Actor, Role
from workflows.ids import invoice_workflow_id

router = APIRouter(prefix="/api/v1/legal-cases", tags=["legal"])

Reader = Annotated[Actor, Depends(require(Role.LAWYER, Role.HEAD, Role.MANAGER))]


class CaseSummary(Out):
    id: UUID
    number: str
    state: str
    customer_id: UUID
    customer_name: str
    opened_on: date
    residual: MoneyOut


class CaseInvoice(Out):
    id: UUID
    number: str
    workflow_id: str
    due_date: date
    amount: MoneyOut
    residual: MoneyOut


class CaseOut(CaseSummary):
    invoices: list[CaseInvoice]
    package: dict[str, Any]


class CaseList(Page):
    items: list[CaseSummary]


@router.get("", summary="Дела / Legal cases", responses=problems(403))
def list_legal_cases(caller: Reader, db: Db, now: Now, after: After = None, limit: Limit = 50) -> CaseList:
    """Открытые и закрытые, новые сначала; менеджер видит дела своих клиентов. / Newest first; a manager sees own
    customers' cases."""
    today = today_of(db, now)
    rows = cases_for(db, caller, after=_start(after), limit=limit + 1)
    page = rows[:limit]
    more = cursor(page[-1].id) if len(rows) > limit else None
    return CaseList(items=[CaseSummary(**_summary(db, case, today=today)) for case in page], next=more)


@router.get("/{case_id}", summary="Дело с документами / A case with its package", responses=problems(403, 404))
def get_legal_case(case_id: UUID, caller: Reader, db: Db, now: Now) -> CaseOut:
    """Что собрано, чего не хватает, сколько осталось получить. / What is there, what is missing, what is owed."""
    case = case_for(db, case_id, caller)
    invoices = [
        CaseInvoice(
            id=line.id,
            number=invoice.number,
            workflow_id=invoice_workflow_id(str(line.id)),
            due_date=line.due_date,
            amount=MoneyOut.of(line.amount, invoice.currency),
            residual=MoneyOut.of(line.residual, invoice.currency),
        )
        for line, invoice in lines_of(db, case.id)
    ]
    return CaseOut(**_summary(db, case, today=today_of(db, now)), invoices=invoices, package=case.package)


def _summary(session: Session, case: LegalCaseRow, *, today: date) -> dict[str, Any]:
    customer = session.get_one(CustomerRow, case.customer_id)
    residual = worth_of(session, lines_of(session, case.id), customer.currency, today=today)
    return {
        "id": case.id,
        "number": case.number,
        "state": case.state,
        "customer_id": customer.id,
        "customer_name": customer.name,
        "opened_on": case.opened_on,
        "residual": MoneyOut.of(residual, customer.currency),
    }


def _start(after: str | None) -> UUID | None:
    key = read_cursor(after, 1)
    try:
        return UUID(key[0]) if key else None
    except ValueError:
        raise invalid("after", "bad_cursor") from None
