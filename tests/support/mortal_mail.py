"""A worker that may die while it hands a letter over: before the call, at two moments inside it, after it."""

from datetime import datetime
from email.mime.text import MIMEText

import aiosmtplib
from aiosmtplib.response import SMTPResponse
from support.crashes import CALL, CALLED, TAKEN, WRITING, reach

from activities.adapters.smtp import SmtpMail
from domain.messages import Message


class MortalMail(SmtpMail):
    """The product's own way to the mail server, with moments in it."""

    def send(self, message: Message, date: datetime) -> None:
        reach(CALL)
        super().send(message, date)
        reach(CALLED)

    async def _data(self, client: aiosmtplib.SMTP, letter: MIMEText) -> None:
        line = client.protocol
        assert line is not None
        write, read = line.write, line.read_response

        def write_in_halves(data: bytes) -> None:
            half = len(data) // 2 if letter["Message-ID"].encode() in data else 0
            if half:
                write(data[:half])
                reach(WRITING)
            write(data[half:])

        async def read_unheard(timeout: float | None = None) -> SMTPResponse:
            answer = await read(timeout=timeout)
            if answer.code == aiosmtplib.SMTPStatus.completed:
                reach(TAKEN)
            return answer

        line.write, line.read_response = write_in_halves, read_unheard  # type: ignore[method-assign]
        await super()._data(client, letter)
