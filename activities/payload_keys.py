"""The keys that payloads in Temporal are sealed with, as the environment or a file gives them."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from activities.settings import SettingsError, read_secret

KEYS = "OPORA_PAYLOAD_KEYS"
OPEN = "open"
"""At the head of the list instead of a key: known keys are read, and what is written is not sealed."""
BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
_CURE = "make a key with: openssl rand -base64 32"


@dataclass(frozen=True, slots=True)
class PayloadKeys:
    """Keys to read by their names, and the name of the one to write with; None writes unsealed."""

    known: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    writes: str | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "PayloadKeys":
        """Read `OPORA_PAYLOAD_KEYS`, or the file that `OPORA_PAYLOAD_KEYS_FILE` names; none of both: nothing is sealed.

        Raises:
            SettingsError: malformed; the message says where and gives the cure, never the key.
        """
        return parse_keys(read_secret(KEYS, env) or "")


def parse_keys(text: str) -> PayloadKeys:
    """`name:base64` of 32 bytes each, apart by blanks, commas or lines; the first writes, all of them read.

    Raises:
        SettingsError: malformed.
    """
    entries = text.replace(",", " ").split()
    unsealed = bool(entries) and entries[0] == OPEN
    known: dict[str, bytes] = {}
    for place, entry in enumerate(entries[unsealed:], start=1 + unsealed):
        name, colon, encoded = entry.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise SettingsError(f"{KEYS}: entry {place} is not name:base64 with a name of A-Z a-z 0-9 . _ -; {_CURE}")
        if name in known:
            raise SettingsError(f"{KEYS}: the key {name} stands twice; give each key a name of its own")
        known[name] = _key(name, encoded)
    return PayloadKeys(known, None if unsealed else next(iter(known), None))


def _key(name: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != BYTES:
        raise SettingsError(f"{KEYS}: the key {name} is not base64 of {BYTES} bytes; {_CURE}")
    return key
