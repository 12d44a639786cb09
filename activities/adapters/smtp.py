"""Letters through an SMTP server, with a Message-ID that is the same in every attempt (D10-15)."""

import asyncio
import contextlib
import re
import ssl
from datetime import datetime
from email.charset import QP, Charset
from email.errors import MessageError
from email.header import Header
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, formataddr, parseaddr

import aiosmtplib

from activities.adapters.errors import OutcomeUnknownError, PermanentError, TransientError
from activities.settings import Settings
from domain.messages import Message

_ADDRESS = re.compile(r"[^@\s<>(),;:\"\\\[\]]{1,64}@[^@\s<>(),;:\"\\\[\]]{1,253}")
_WIRE = compat32.clone(linesep="\r\n")
_CHARSET = Charset("utf-8")
_CHARSET.body_encoding = QP
TIMEOUT = 6.0
"""Seconds for each answer of the server; a whole sending stays below the activity's timeout."""


class SmtpMail:
    """Hands one letter at a time to the server of the settings."""

    def __init__(self, settings: Settings, timeout: float = TIMEOUT) -> None:
        self._settings = settings
        self._timeout = timeout

    def send(self, message: Message, date: datetime) -> None:
        """Hand the letter over; when this returns the server has accepted it.

        Raises:
            TransientError: nothing was accepted, try again later.
            PermanentError: the address or the letter was refused.
            OutcomeUnknownError: the line broke while the letter was being handed over.
        """
        letter = build(message, self._settings.mail_from, date)
        asyncio.run(self._hand_over(letter, letter["To"]))

    async def _hand_over(self, letter: MIMEText, recipient: str) -> None:
        client = self._client()
        try:
            await client.connect()
            if self._settings.smtp_user:
                await client.login(self._settings.smtp_user, self._settings.smtp_password or "")
            await client.ehlo()
            await client.mail(parseaddr(self._settings.mail_from)[1])
            await client.rcpt(recipient)
        except aiosmtplib.SMTPRecipientRefused as error:
            client.close()
            raise _refused(error) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:  # whoever else is refused, it is us
            client.close()
            raise TransientError(f"{type(error).__name__}: {error}") from error
        await self._data(client, letter)

    async def _data(self, client: aiosmtplib.SMTP, letter: MIMEText) -> None:
        """From here on a silent server may have taken the letter."""
        try:
            await client.data(letter.as_bytes())
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await client.quit()
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(error) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise OutcomeUnknownError(f"{type(error).__name__}: {error}") from error
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        settings = self._settings
        context = ssl.create_default_context() if settings.smtp_tls else None
        implicit = settings.smtp_tls and settings.smtp_port == 465
        return aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            timeout=self._timeout,
            use_tls=implicit,
            start_tls=settings.smtp_tls and not implicit,
            tls_context=context,
        )


def build(message: Message, sender: str, date: datetime) -> MIMEText:
    """A plain-text letter. Line breaks in subject or address cannot become headers.

    The older header classes write it: the newer ones lose spaces where they fold a long Cyrillic subject.

    Raises:
        PermanentError: the address is none.
    """
    letter = MIMEText(message.body, "plain", _CHARSET, policy=_WIRE)  # type: ignore[arg-type]
    try:
        name, address = parseaddr(sender)
        letter["From"] = formataddr((name, address))
        letter["To"] = _address(message.recipient)
        letter["Subject"] = Header(" ".join(message.subject.split()), "utf-8", header_name="Subject").encode(
            linesep="\r\n"
        )
        letter["Date"] = format_datetime(date)
        letter["Message-ID"] = message.message_id
        letter["Auto-Submitted"] = "auto-generated"
    except (ValueError, MessageError) as error:
        raise PermanentError(str(error)) from error
    return letter


def _address(recipient: str) -> str:
    """The address as servers know it: a Cyrillic domain in its ASCII form."""
    name, _, domain = recipient.rpartition("@")
    if not _ADDRESS.fullmatch(recipient) or not name.isascii():
        raise ValueError(f"not an address: {recipient!r}")
    return f"{name}@{domain.encode('idna').decode()}"


def _refused(error: aiosmtplib.SMTPResponseException) -> TransientError | PermanentError:
    """The receiver or the letter was: 4xx for now, 5xx for good."""
    text = f"{error.code} {error.message}"
    return TransientError(text) if error.code < 500 else PermanentError(text)
