"""One caller's dealings with the credit of a customer: under the account's lock, then whoever it moves is told."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from activities.persistence import limit_changes, parties
from activities.persistence.credit_tables import CreditGrantRow
from activities.persistence.party_tables import CreditAccountRow, CustomerRow
from activities.persistence.reconsideration import orders_to_tell, reconsider_locked
from api.customer_card import card_out, today_of
from api.deps import Caller, Engine, Language, Now, Once, Settings, Temporal
from api.grant_commands import grant_input, watch_grants
from api.grant_views import change_out
from api.idempotency import Answer
from api.nudges import nudge
from domain.grant_life import GrantInput
from workflows.ids import order_workflow_id

Change = Callable[[Session, CreditAccountRow, CustomerRow], BaseModel | None]
GrantChange = Callable[[Session, CreditAccountRow, CustomerRow, CreditGrantRow], None]


class CreditDesk:
    """Every command here locks the account, then the customer, and has the waiting orders decided again (D3-2,
    D2-13)."""

    def __init__(
        self,
        caller: Caller,
        once: Once,
        engine: Engine,
        temporal: Temporal,
        settings: Settings,
        language: Language,
        now: Now,
    ) -> None:
        self.caller = caller
        self.language = language
        self.now = now
        self._once = once
        self._engine = engine
        self._temporal = temporal
        self._task_queue = settings.task_queue

    async def change(self, customer_id: UUID, body: BaseModel, change: Change, *, status: int = 200) -> Answer:
        """Do `change` on the customer's account; answered with what it returns, or else with the card."""

        def work(session: Session) -> tuple[int, Any]:
            account, row = parties.lock_customer(session, customer_id, self.caller)
            answer = change(session, account, row)
            reconsider_locked(session, account, at=self.now)
            if answer is None:
                answer = card_out(session, row, self.language, today=today_of(session, self.now))
            return status, answer.model_dump(mode="json")

        answer = await self._once.run_async(body, work)
        moved = await run_in_threadpool(self._moved, customer_id)
        await nudge(self._temporal, map(order_workflow_id, moved), "exposure_lowered")
        return answer

    async def ask(
        self, customer_id: UUID, body: BaseModel, new: Callable[[str], limit_changes.NewChange]
    ) -> JSONResponse:
        """Ask for a change of credit in the currency of the account; its process tells those who decide."""

        def work(session: Session, account: CreditAccountRow, customer: CustomerRow) -> BaseModel:
            change = new(account.currency)
            row = limit_changes.request_change(session, account, customer, change, self.caller, at=self.now)
            return change_out(session, row, self.language, today=today_of(session, self.now))

        answer = await self.change(customer_id, body, work, status=201)
        _, grant = await run_in_threadpool(self._find, UUID(answer.body["id"]))
        await watch_grants(self._temporal, self._task_queue, [grant])
        return answer.response({"Location": f"/api/v1/customers/{customer_id}/limit-changes"})

    async def change_grant(self, grant_id: UUID, body: BaseModel, change: GrantChange) -> JSONResponse:
        """Decide on a change of credit or revoke it; its process looks again."""
        customer_id, grant = await run_in_threadpool(self._find, grant_id)

        def work(session: Session, account: CreditAccountRow, customer: CustomerRow) -> BaseModel:
            row = limit_changes.find_change(session, grant_id)
            change(session, account, customer, row)
            return change_out(session, row, self.language, today=today_of(session, self.now))

        answer = await self.change(customer_id, body, work)
        await watch_grants(self._temporal, self._task_queue, [grant])
        return answer.response()

    def _find(self, grant_id: UUID) -> tuple[UUID, GrantInput]:
        with Session(self._engine) as session:
            row = limit_changes.find_change(session, grant_id)
            return row.customer_id, grant_input(row, now=self.now)

    def _moved(self, customer_id: UUID) -> list[str]:
        with Session(self._engine) as session:
            customer = parties.customer_for(session, customer_id, self.caller)
            return orders_to_tell(session, customer.credit_account_id)


Desk = Annotated[CreditDesk, Depends()]
