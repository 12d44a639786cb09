"""Copies of payment orders that customers showed, kept as they came (D7-10)."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from activities.persistence.identifiers import new_id
from activities.persistence.stock_tables import PaymentProofRow
from domain.orders import Actor
from domain.stock_errors import ProofNotFoundError


def keep_proof(
    session: Session, order_id: UUID, content: bytes, content_type: str, actor: Actor, *, at: datetime
) -> tuple[PaymentProofRow, bool]:
    """Store a file once per order, and whether it is new."""
    sha256 = hashlib.sha256(content).hexdigest()
    added = session.execute(
        insert(PaymentProofRow)
        .values(
            id=new_id(),
            order_id=order_id,
            sha256=sha256,
            content_type=content_type,
            content=content,
            uploaded_by=UUID(actor.id),
            uploaded_at=at,
        )
        .on_conflict_do_nothing(index_elements=["order_id", "sha256"])
        .returning(col(PaymentProofRow.id))
    ).scalar_one_or_none()
    row = find_proof(session, order_id, sha256)
    if row is None:
        raise ProofNotFoundError
    return row, added is not None


def find_proof(session: Session, order_id: UUID, sha256: str) -> PaymentProofRow | None:
    """The file with these bytes, without loading them."""
    query = select(PaymentProofRow).where(PaymentProofRow.order_id == order_id, PaymentProofRow.sha256 == sha256)
    return session.exec(query.options(_WITHOUT_CONTENT)).first()


def proofs_of(session: Session, order_id: UUID) -> Sequence[PaymentProofRow]:
    """Every file of an order, oldest first, without the bytes."""
    query = select(PaymentProofRow).where(PaymentProofRow.order_id == order_id).order_by(col(PaymentProofRow.id))
    return session.exec(query.options(_WITHOUT_CONTENT)).all()


def proof_for(session: Session, order_id: UUID, proof_id: UUID) -> PaymentProofRow:
    """One file of an order.

    Raises:
        ProofNotFoundError
    """
    row = session.get(PaymentProofRow, proof_id)
    if row is None or row.order_id != order_id:
        raise ProofNotFoundError
    return row


_WITHOUT_CONTENT = defer(PaymentProofRow.content)  # type: ignore[arg-type]
