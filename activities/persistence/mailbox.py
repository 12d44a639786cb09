"""The local mail server's mailbox: a Maildir, one file per letter, written whole or not at all.

A file's name carries its time of arrival and a digest of its Message-ID, so that looking a letter up reads no letter.
"""

import email
import email.policy
import hashlib
import itertools
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

_serial = itertools.count()
_RECIPIENTS = "X-Opora-Delivered-To"


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as its receiver reads it."""

    to: str
    subject: str
    text: str
    received_at: datetime
    message_id: str | None
    sender: str = ""


class Mailbox:
    """Letters that arrived, in a directory shared by the mail server (writes) and everybody else (read)."""

    def __init__(self, directory: str | Path) -> None:
        self._new = Path(directory) / "new"
        self._tmp = Path(directory) / "tmp"
        for part in (self._new, self._tmp, Path(directory) / "cur"):
            part.mkdir(parents=True, exist_ok=True)

    def deliver(self, content: bytes, recipients: Sequence[str]) -> None:
        """Keep a letter; when this returns, a killed process does not lose it."""
        head = email.message_from_bytes(content, policy=email.policy.default)
        name = f"{time.time_ns():020d}.{os.getpid()}_{next(_serial)}.{_digest(head.get('Message-ID'))}"
        draft = self._tmp / name
        with draft.open("wb") as file:
            file.write(f"{_RECIPIENTS}: {', '.join(recipients)}\r\n".encode())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._new / name)

    def find(self, message_id: str) -> bool:
        """Whether a letter with this Message-ID arrived."""
        wanted = "." + _digest(message_id)
        with os.scandir(self._new) as letters:
            return any(letter.name.endswith(wanted) for letter in letters)

    def messages(self, last: int | None = None) -> list[Letter]:
        """The letters in the order of their arrival, newest last; only the `last` ones when given."""
        names = sorted(os.listdir(self._new))
        return [_read(self._new / name) for name in (names[-last:] if last else names)]


def _digest(message_id: str | None) -> str:
    return hashlib.sha256((message_id or "").strip().encode()).hexdigest()[:32]


def _read(file: Path) -> Letter:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    nanoseconds = int(file.name.split(".", 1)[0])
    return Letter(
        to=str(message.get(_RECIPIENTS) or message.get("To", "")),
        subject=str(message.get("Subject", "")),
        text=_text(message),
        received_at=datetime.fromtimestamp(nanoseconds / 1e9, UTC),
        message_id=message.get("Message-ID"),
        sender=str(message.get("From", "")),
    )


def _text(message: EmailMessage) -> str:
    body = message.get_body(preferencelist=("plain", "html"))
    if body is None:
        return ""
    try:
        return str(body.get_content()).replace("\r\n", "\n")
    except (LookupError, UnicodeDecodeError):
        payload = body.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
