"""One of everything that belongs to one manager, by the path parameter that names it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import a_customer, another_bin, bearer
from support.invoices import an_invoice

from activities.persistence.money_tables import LegalCaseRow
from activities.persistence.party_tables import CustomerRow, LegalEntityRow, UserRow
from activities.persistence.record_tables import TaskRow
from activities.persistence.stock_tables import PaymentProofRow, ReassignmentRow

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)


def objects_of(login: str, api: TestClient, engine: Engine, *, number: int = 1) -> dict[str, str]:
    """Make them; the product CEM-50 is there. `number`: another one for each manager."""
    name = f"ТОО «Клиент {login}»"
    body = a_customer(name=name, manager=login, tax_id=another_bin(number), credit_limit="0")
    customer_id = made(api, "customers", body, "head")
    lines = [{"sku": "CEM-50", "quantity": "1"}]
    orders = [made(api, "orders", {"customer_id": customer_id, "lines": lines}, login) for _ in range(2)]
    with Session(engine, expire_on_commit=False) as session:
        customer = session.get_one(CustomerRow, UUID(customer_id))
    line = an_invoice(engine, customer)
    with Session(engine, expire_on_commit=False) as session, session.begin():
        person = session.exec(select(UserRow.id).where(UserRow.login == login)).one()
        rows = {
            "task_id": TaskRow(
                key=login, kind="call_overdue", role="manager", assignee_id=person, subject="Позвонить",
                details={}, due_at=NOW, created_at=NOW, customer_id=customer.id, schedule_line_id=UUID(line),
            ),
            "case_id": LegalCaseRow(
                number=f"Д-{number:06d}", customer_id=customer.id, credit_account_id=customer.credit_account_id,
                legal_entity_id=session.exec(select(LegalEntityRow)).one().id, opened_on=NOW.date(), state="open",
                package={},
            ),
            "reassignment_id": ReassignmentRow(
                warehouse="main", sku="CEM-50", quantity=Decimal(1), from_order_id=UUID(orders[1]),
                to_order_id=UUID(orders[0]), reason="VIP", state="requested", requested_by=person, requested_at=NOW,
            ),
            "proof_id": PaymentProofRow(
                order_id=UUID(orders[0]), sha256="0" * 64, content_type="application/pdf", content=b"%PDF-",
                uploaded_by=person, uploaded_at=NOW,
            ),
        }  # fmt: skip
        session.add_all(rows.values())
        session.flush()
        ids = {parameter: str(row.id) for parameter, row in rows.items()}
    return {"customer_id": customer_id, "order_id": orders[0], "to_order_id": orders[0], "invoice_id": line, **ids}


def made(api: TestClient, path: str, body: Any, by: str) -> str:
    """Send it and give the id of what came of it."""
    answer = api.post(f"/api/v1/{path}", json=body, headers=bearer(by))
    assert answer.status_code in {201, 503}, answer.text
    if answer.status_code == 503:  # a quote is written before its workflow is started
        return str(api.get(f"/api/v1/{path}", headers=bearer(by)).json()["items"][0]["id"])
    return str(answer.json().get("id", ""))
