"""Who calls, and whether they call too often: one statement for both.

An allowance is kept as one instant, `busy_until`: when all that its subject has asked for would be worked off at the
pace it is granted. A call moves it ahead by one step and is let in while it stays within reach of now (the generic
cell rate algorithm). The table is unlogged: no call waits for the disk, and after a crash everybody starts afresh.
"""

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

_ADDRESSES = 1 << 16
"""Addresses share so many allowances: the table stays small whoever knocks, and keeps nobody's address."""

_ADMIT = """
    INSERT INTO rate_limit AS known (subject, busy_until) {subject}
    ON CONFLICT (subject) DO UPDATE SET busy_until =
        CASE WHEN known.busy_until > :as_of + :reach + interval '1 minute' THEN :as_of
             ELSE greatest(known.busy_until, :as_of) END + :step
     WHERE known.busy_until + :step <= :as_of + :reach
        OR known.busy_until > :as_of + :reach + interval '1 minute'
    RETURNING subject
"""
"""The last condition: a clock that ran ahead and was set back locks nobody out."""

_BEGINS = "CAST(:as_of AS timestamptz) + :step"
_IDENTIFY = text(f"""
    WITH caller AS (SELECT id, name, role FROM app_user WHERE key_hash = :key_hash),
         admitted AS ({_ADMIT.format(subject=f"SELECT 'person:' || id, {_BEGINS} FROM caller")})
    SELECT caller.id, caller.name, caller.role, EXISTS (SELECT FROM admitted) AS admitted, known.busy_until
      FROM caller LEFT JOIN rate_limit known ON known.subject = 'person:' || caller.id
""")

_COUNT = text(f"""
    WITH admitted AS ({_ADMIT.format(subject=f"VALUES (:subject, {_BEGINS})")})
    SELECT EXISTS (SELECT FROM admitted) AS admitted, (SELECT busy_until FROM rate_limit WHERE subject = :subject)
""")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`at_once` calls from a standing start, then `per_minute`."""

    at_once: int
    per_minute: int

    def facts(self, as_of: datetime) -> dict[str, Any]:
        step = timedelta(minutes=1) / self.per_minute
        return {"as_of": as_of, "step": step, "reach": step * self.at_once}


@dataclass(frozen=True, slots=True)
class Caller:
    """A person behind a key. `retry_after`: seconds until they are let in again; 0: they are let in."""

    id: str
    name: str
    role: str
    retry_after: int


def identify(engine: Engine, key_hash: str, limit: RateLimit, *, as_of: datetime) -> Caller | None:
    """The person who has this key, their call counted; None: nobody has."""
    with _at_once(engine) as connection:
        row = connection.execute(_IDENTIFY, {"key_hash": key_hash, **limit.facts(as_of)}).first()
    if row is None:
        return None
    return Caller(str(row.id), row.name, row.role, _retry_after(row, limit, as_of))


def count_bad_key(engine: Engine, address: str, limit: RateLimit, *, as_of: datetime) -> int:
    """Count a call from `address` with a key that nobody has; seconds until the next may come, 0 within the limit."""
    facts = {"subject": address_subject(address), **limit.facts(as_of)}
    with _at_once(engine) as connection:
        return _retry_after(connection.execute(_COUNT, facts).one(), limit, as_of)


def address_subject(address: str) -> str:
    """Whose allowance an address uses: an IPv6 caller owns 64 bits of addresses, which count as one."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        network = address
    else:
        mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
        plain = mapped or known
        network = str(ipaddress.ip_network((plain, 64 if plain.version == 6 else 32), strict=False))
    return f"address:{int.from_bytes(hashlib.sha256(network.encode()).digest()[:8]) % _ADDRESSES}"


def _at_once(engine: Engine) -> Connection:
    """One statement needs no BEGIN and no COMMIT of its own."""
    return engine.connect().execution_options(isolation_level="AUTOCOMMIT")


def _retry_after(row: Row[Any], limit: RateLimit, as_of: datetime) -> int:
    if row.admitted:
        return 0
    if row.busy_until is None:  # the subject was new when the statement began, and others used it up meanwhile
        return 1
    facts = limit.facts(as_of)
    admitted_at: datetime = row.busy_until + facts["step"] - facts["reach"]
    return max(1, math.ceil((admitted_at - as_of).total_seconds()))
