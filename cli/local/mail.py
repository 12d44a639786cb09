"""The local mail server: takes every letter over SMTP and keeps it in a Maildir. `python -m cli.local.mail`."""

import asyncio
import signal
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session

from activities.persistence.mailbox import Mailbox

_LARGEST = 20 * 1024 * 1024


class _Keep:
    """Answers 250 only when the letter lies in the mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002
        content = envelope.content
        try:
            self._mailbox.deliver(content if isinstance(content, bytes) else b"", envelope.rcpt_tos)
        except OSError as error:
            return f"452 Letter not kept: {error.strerror}"
        return "250 OK"


async def serve(port: int, directory: str) -> None:
    """Listen on the loopback until SIGTERM."""
    keeper = _Keep(Mailbox(directory))
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    server = await loop.create_server(
        lambda: SMTP(keeper, hostname="opora.local", enable_SMTPUTF8=True, data_size_limit=_LARGEST, loop=loop),
        "127.0.0.1",
        port,
    )
    async with server:
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
