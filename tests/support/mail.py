"""Mail to test with: a mailer that remembers or fails as told, and a real SMTP server in a thread."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpSession

from activities.settings import Settings
from cli.local.process import pick_port
from domain.messages import Message


class RecordingMailer:
    """Remembers what it was given; `before` may raise or wait, `after` may raise once the letter is out."""

    def __init__(
        self, before: Callable[[Message], None] | None = None, after: Callable[[Message], None] | None = None
    ) -> None:
        self.sent: list[Message] = []
        self.before = before
        self.after = after
        self._lock = threading.Lock()

    def send(self, message: Message, date: datetime) -> None:
        if self.before:
            self.before(message)
        with self._lock:
            self.sent.append(message)
        if self.after:
            self.after(message)

    def find(self, message_id: str) -> bool:
        """As a mailbox does."""
        return any(message.message_id == message_id for message in self.sent)


class Postman:
    """An SMTP handler whose answers are set by the test."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.rcpt_answer = "250 OK"
        self.data_answer: str | None = "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: SmtpSession, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt_answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt_answer

    async def handle_DATA(self, server: SMTP, session: SmtpSession, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        if self.data_answer is None:
            server.transport.close()
            return "250 too late"
        return self.data_answer


@contextmanager
def smtp_server(postman: Postman, *, tls_context: ssl.SSLContext | None = None, **settings: Any) -> Iterator[Settings]:
    """A listening server, with `tls_context` one that offers STARTTLS and serves nobody without; settings for it."""
    port = pick_port(0)
    controller = Controller(
        postman, hostname="127.0.0.1", port=port, tls_context=tls_context, require_starttls=tls_context is not None
    )
    controller.start()
    try:
        yield Settings(
            database_url="postgresql://",
            smtp_host="127.0.0.1",
            smtp_port=port,
            mail_from="Опора <dolg@opora.local>",
            **settings,
        )
    finally:
        controller.stop()
