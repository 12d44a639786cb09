"""Identifiers: UUIDv7 keys that sort by time, and human document numbers without gaps."""

import re
import secrets
import time
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

UUID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def next_number(session: Session, series: str) -> int:
    """The next number of a document series, without gaps: the row stays locked until commit."""
    row = session.execute(
        text(
            "INSERT INTO document_counter (series, last) VALUES (:series, 1) "
            "ON CONFLICT (series) DO UPDATE SET last = document_counter.last + 1 RETURNING last"
        ),
        {"series": series},
    ).one()
    return int(row[0])
