"""The journal of one object as a chain: each event's hash covers the event and the hash before it.

Texts that name people go in as hashes of their own: one day a text can be erased and the chain still be checked by the
hash that was kept.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

BEGINNING = b""
"""What the first event of an object follows."""

Chain = tuple[str, str]
"""Kind and id of an object."""


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the journal; `data` is the very text that the database gives for its JSON."""

    id: int
    subject: str
    subject_id: str
    event: str
    at: datetime
    actor_id: str
    actor_name: str
    actor_role: str
    policy_version: int | None
    data: str


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a chain, its recorded hash, and the event that stands there; None: the event is gone."""

    chain: Chain
    seq: int
    hash: bytes
    event: Event | None


@dataclass(frozen=True, slots=True)
class Head:
    """The last place of a chain, and its hash."""

    seq: int
    hash: bytes


class Damage(StrEnum):
    """What is wrong with a place of a chain."""

    CHANGED = "changed"
    MISSING = "missing"
    OUTSIDE = "outside"
    CUT = "cut"
    REWRITTEN = "rewritten"


@dataclass(frozen=True, slots=True)
class Finding:
    """One damaged place; of a run of missing ones the first. `seq` None: an event without a place."""

    damage: Damage
    chain: Chain
    seq: int | None
    at: datetime | None = None


def link_hash(previous: bytes, seq: int, event: Event) -> bytes:
    """SHA-256 of the hash before and of the event's fields as a JSON array, the way PostgreSQL writes it."""
    at = event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    fields = [seq, event.id, event.subject, event.subject_id, event.event, at, event.actor_id,
              _digest(event.actor_name), event.actor_role, event.policy_version, _digest(event.data)]  # fmt: skip
    return hashlib.sha256(previous + json.dumps(fields, ensure_ascii=False).encode()).digest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class ChainAudit:
    """Follows all chains, link by link in their order, and holds them against what an anchor remembers.

    Attributes:
        heads: the last place of each chain that was followed.
        links: how many were looked at.
    """

    def __init__(self, anchored: Mapping[Chain, Head]) -> None:
        self._anchored = anchored
        self._unseen = dict(anchored)
        self.heads: dict[Chain, Head] = {}
        self.links = 0

    def follow(self, link: Link) -> Iterator[Finding]:
        """Look at the next link: of the same chain a later one, or the first of another."""
        self.links += 1
        last = self.heads.get(link.chain, Head(0, BEGINNING))
        self.heads[link.chain] = Head(link.seq, link.hash)
        at = link.event.at if link.event else None
        if link.seq != last.seq + 1:
            yield Finding(Damage.MISSING, link.chain, last.seq + 1)
        elif link.event is None:
            yield Finding(Damage.MISSING, link.chain, link.seq)
        elif (link.event.subject, link.event.subject_id) != link.chain or link.hash != link_hash(
            last.hash, link.seq, link.event
        ):
            yield Finding(Damage.CHANGED, link.chain, link.seq, at)
        remembered = self._anchored.get(link.chain)
        if remembered is not None and remembered.seq == link.seq:
            del self._unseen[link.chain]
            if remembered.hash != link.hash:
                yield Finding(Damage.REWRITTEN, link.chain, link.seq, at)

    def close(self) -> Iterator[Finding]:
        """What the anchor remembers and no link was seen of."""
        for chain, head in self._unseen.items():
            yield Finding(Damage.CUT, chain, head.seq)
