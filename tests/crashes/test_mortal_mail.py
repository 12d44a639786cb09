"""What a mail server has heard when the worker dies that talks to it: the moments of a call are where they say."""

import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from support.crashes import CALL, CALLED, TAKEN, WRITING, Attempt, CrashError, Crashes, Point, dying, once_at
from support.mortal_mail import MortalMail
from support.patience import wait_until

from activities.settings import Settings
from domain.messages import Message

LETTER = Message("key", "template", "customer", "zakup@romashka.example", "Счёт", "Оплатите, пожалуйста", "<1@opora>")
NOW = datetime(2026, 4, 6, tzinfo=UTC)


class Overheard(socketserver.ThreadingTCPServer):
    """A mail server that takes every letter, and all that it has heard of one line that ended."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Line)
        self.heard = b""
        self.lines = self.ended = 0


class _Line(socketserver.StreamRequestHandler):
    server: Overheard

    def handle(self) -> None:
        self.server.lines += 1
        self.wfile.write(b"220 ready\r\n")
        writing = False
        for line in self.rfile:
            self.server.heard += line
            if writing and line != b".\r\n":
                continue
            self.wfile.write(b"354 go on\r\n" if line == b"DATA\r\n" else b"250 OK\r\n")
            writing = line == b"DATA\r\n"
        self.server.ended += 1


@pytest.fixture
def server() -> Iterator[Overheard]:
    with Overheard() as overheard:
        serving = threading.Thread(target=overheard.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield overheard
        overheard.shutdown()
        serving.join()


def dies_at(moment: str, server: Overheard) -> bytes:
    """What the server has heard of a worker that died there."""
    mail = MortalMail(Settings(database_url="postgresql://", smtp_port=server.server_address[1]))
    crashes = Crashes(once_at(Point("deliver", 1, f"{moment} 1")))
    with dying(Attempt(crashes, "deliver", 1, 1, None)), pytest.raises(CrashError):
        mail.send(LETTER, NOW)
    wait_until(lambda: server.ended == server.lines, explain=lambda: "the line is open still")
    return server.heard


def test_before_the_call_it_has_heard_nothing(server: Overheard) -> None:
    assert (dies_at(CALL, server), server.lines) == (b"", 0)


def test_while_the_letter_is_written_it_has_a_part_without_an_end(server: Overheard) -> None:
    heard = dies_at(WRITING, server)
    assert b"DATA\r\n" in heard
    assert b"From: " in heard
    assert b"\r\n.\r\n" not in heard


def test_when_the_letter_is_taken_nobody_has_said_good_bye(server: Overheard) -> None:
    heard = dies_at(TAKEN, server)
    assert b"Message-ID: <1@opora>\r\n" in heard
    assert heard.endswith(b"\r\n.\r\n")


def test_after_the_call_all_is_said(server: Overheard) -> None:
    assert dies_at(CALLED, server).endswith(b"\r\n.\r\nQUIT\r\n")
