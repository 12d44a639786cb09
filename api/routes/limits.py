"""Changes of a customer's credit, trade stopped by hand, and the limit given back after a legal case (D5, D14)."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import model_validator
from pydantic_core import PydanticCustomError
from sqlmodel import Session

from activities.persistence import bans, limit_changes, parties
from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from api.auth import require
from api.credit_desk import Desk
from api.customer_card import CustomerCard, today_of
from api.deps import Caller, Db, Language, Now
from api.grant_views import LimitChangeList, LimitChangeOut, changes_out
from api.openapi import problems
from api.paging import After, Limit, cursor, read_id
from api.schemas import Comment, Day, Flag, Reason, Strict, SumOrZeroIn
from domain.limits import GrantKind
from domain.orders import Actor, Role

router = APIRouter(prefix="/api/v1", tags=["customers"])

Asker = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.DIRECTOR))]
Decider = Annotated[Actor, Depends(require(Role.HEAD, Role.DIRECTOR))]
Director = Annotated[Actor, Depends(require(Role.DIRECTOR))]
Stopper = Annotated[Actor, Depends(require(Role.MANAGER, Role.HEAD, Role.DIRECTOR, Role.ACCOUNTANT, Role.LAWYER))]
State = Literal["requested", "scheduled", "in_force", "ended", "rejected", "revoked"]


class LimitChangeIn(Strict):
    """`amount` for base and temporary, `changes` for policy; only base has no end."""

    kind: Literal["base", "temporary", "unlimited", "policy"]
    amount: SumOrZeroIn | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None
    changes: dict[str, str | int | float | None] | None = None
    until_contract_end: Flag = False
    reason: Reason

    def change(self, currency: str) -> limit_changes.NewChange:
        """What is asked for, in the currency of the account."""
        return limit_changes.NewChange(
            kind=GrantKind(self.kind),
            reason=self.reason,
            amount=self.amount.within(currency) if self.amount else None,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            changes=self.changes,
            until_contract_end=self.until_contract_end,
        )


class DecisionIn(Strict):
    decision: Literal["approve", "reject"]
    comment: Comment = ""

    @model_validator(mode="after")
    def _a_refusal_says_why(self) -> "DecisionIn":
        if self.decision == "reject" and not self.comment:
            raise PydanticCustomError("empty", "empty")
        return self


class ReasonIn(Strict):
    reason: Reason


class RestoreIn(Strict):
    comment: Reason


@router.post(
    "/customers/{customer_id}/limit-changes", status_code=201, response_model=LimitChangeOut,
    summary="Попросить изменить лимит / Ask for a change of the limit", responses=problems(403, 404, 409),
)  # fmt: skip
async def ask_limit_change(customer_id: UUID, body: LimitChangeIn, caller: Asker, desk: Desk) -> JSONResponse:  # noqa: ARG001
    """Базовый, временный (по политике, обычно до 90 дней), без ограничения суммы или особые условия; решает другой
    (D5-1). / Base, temporary (by the policy, 90 days at most by default), unlimited or special terms; somebody else
    decides."""
    return await desk.ask(customer_id, body, body.change)


@router.get(
    "/customers/{customer_id}/limit-changes", summary="История лимита / History of the limit", responses=problems(404)
)
def list_customer_limit_changes(
    customer_id: UUID, caller: Caller, db: Db, language: Language, now: Now, after: After = None, limit: Limit = 50
) -> LimitChangeList:
    """Кто просил, кто решил, когда, с какого и на какой; новые сначала. / Who asked, who decided, when, from what to
    what; newest first."""
    customer = parties.customer_for(db, customer_id, caller)
    rows = limit_changes.changes_of(db, customer.id, after=read_id(after), limit=limit + 1)
    return _page(db, rows, limit, language, now)


@router.get(
    "/limit-changes", summary="Изменения лимитов / Changes of limits", responses=problems(403),
)  # fmt: skip
def list_limit_changes(
    caller: Decider,  # noqa: ARG001
    db: Db,
    language: Language,
    now: Now,
    state: Annotated[State | None, Query(description="Состояние. / State.")] = None,
    after: After = None,
    limit: Limit = 50,
) -> LimitChangeList:
    """Для тех, кто решает; новые сначала. / For those who decide; newest first."""
    rows = limit_changes.changes_in(db, state, today=today_of(db, now), after=read_id(after), limit=limit + 1)
    return _page(db, rows, limit, language, now)


def _page(session: Session, rows: list[CreditGrantRow], limit: int, language: Language, now: Now) -> LimitChangeList:
    page = rows[:limit]
    items = changes_out(session, page, language, today=today_of(session, now))
    return LimitChangeList(items=items, next=cursor(page[-1].id) if len(rows) > limit else None)


@router.post(
    "/limit-changes/{grant_id}/decision", response_model=LimitChangeOut,
    summary="Решить об изменении лимита / Decide on a change", responses=problems(403, 404, 409),
)  # fmt: skip
async def decide_limit_change(grant_id: UUID, body: DecisionIn, caller: Decider, desk: Desk) -> JSONResponse:
    """Одобряет не тот, кто просил, и не менеджер клиента; отклоняют с комментарием (D5-1, D4-5). / Approved by another
    than the requester and the customer's manager; a rejection needs a comment."""

    def decide(session: Session, account: CreditAccountRow, customer: CustomerRow, row: CreditGrantRow) -> None:
        approve = body.decision == "approve"
        limit_changes.decide_change(
            session, account, customer, row, caller, approve=approve, comment=body.comment, at=desk.now
        )

    return await desk.change_grant(grant_id, body, decide)


@router.post(
    "/limit-changes/{grant_id}/revoke", response_model=LimitChangeOut,
    summary="Отозвать изменение лимита / Revoke a change", responses=problems(403, 404, 409),
)  # fmt: skip
async def revoke_limit_change(grant_id: UUID, body: ReasonIn, caller: Decider, desk: Desk) -> JSONResponse:
    """Раньше срока; подтверждённые заказы остаются в силе (D5-2). / Before its end; confirmed orders stand."""

    def revoke(session: Session, account: CreditAccountRow, customer: CustomerRow, row: CreditGrantRow) -> None:
        limit_changes.revoke_change(session, account, customer, row, caller, reason=body.reason, at=desk.now)

    return await desk.change_grant(grant_id, body, revoke)


@router.post(
    "/customers/{customer_id}/trade-stop", response_model=CustomerCard,
    summary="Остановить торговлю / Stop trade", responses=problems(403, 404, 409),
)  # fmt: skip
async def stop_trade(customer_id: UUID, body: ReasonIn, caller: Stopper, desk: Desk) -> JSONResponse:
    """Новые заказы не проходят, и предоплаченные тоже (D2-8). / No new order passes, not even a prepaid one."""

    def stop(session: Session, account: CreditAccountRow, customer: CustomerRow) -> None:
        bans.stop_trade(session, account, customer, caller, reason=body.reason, at=desk.now)

    return (await desk.change(customer_id, body, stop)).response()


@router.post(
    "/customers/{customer_id}/trade-stop/lift", response_model=CustomerCard,
    summary="Снять остановку торговли / Lift the trade stop", responses=problems(403, 404, 409),
)  # fmt: skip
async def lift_trade_stop(customer_id: UUID, body: ReasonIn, caller: Decider, desk: Desk) -> JSONResponse:
    """Остановленные заказы решаются заново (D2-13). / Stopped orders are decided again."""

    def lift(session: Session, account: CreditAccountRow, customer: CustomerRow) -> None:
        bans.lift_stop(session, account, customer, caller, reason=body.reason, at=desk.now)

    return (await desk.change(customer_id, body, lift)).response()


@router.post(
    "/customers/{customer_id}/limit/restore", response_model=CustomerCard,
    summary="Вернуть лимит после дела / Give the limit back after a case", responses=problems(403, 404, 409),
)  # fmt: skip
async def restore_limit(customer_id: UUID, body: RestoreIn, caller: Director, desk: Desk) -> JSONResponse:
    """Пока директор не вернёт лимит, он равен нулю (D5-8). / Until the director gives it back, the limit is 0."""

    def restore(session: Session, account: CreditAccountRow, customer: CustomerRow) -> None:
        bans.restore_limit(session, account, customer, caller, comment=body.comment, at=desk.now)

    return (await desk.change(customer_id, body, restore)).response()
