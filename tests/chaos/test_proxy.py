"""The fault proxy on real sockets."""

import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from support.patience import wait_until

from cli.chaos.proxy import Links
from cli.local.process import pick_port


class Echo:
    """A server that remembers what reached it and says it back."""

    def __init__(self) -> None:
        self.heard = b""
        self.left = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                wire, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=[wire], daemon=True).start()

    def _talk(self, wire: socket.socket) -> None:
        with wire:
            try:
                while said := wire.recv(4096):
                    self.heard += said
                    wire.sendall(said)
            except OSError:
                pass
        self.left += 1

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def links(echo: Echo) -> Iterator[Links]:
    links = Links(1, [("api/postgres", lambda: ("127.0.0.1", echo.port))])
    links.start()
    yield links
    links.stop()


def connected(links: Links) -> socket.socket:
    wire = socket.create_connection(("127.0.0.1", links.port("api/postgres")), timeout=5)
    wire.sendall(b"hello")
    assert wire.recv(100) == b"hello"
    return wire


def tell(links: Links, verb: str, share: float = 1.0) -> None:
    links.tell("api/postgres", verb, share)
    time.sleep(0.05)  # told on another thread


def test_a_healthy_link_is_an_honest_wire(links: Links, echo: Echo) -> None:
    with connected(links) as wire:
        large = random.Random(1).randbytes(1_000_000)
        threading.Thread(target=wire.sendall, args=[large], daemon=True).start()
        back = b""
        while len(back) < len(large):
            back += wire.recv(65_536)
        assert back == large
        wire.shutdown(socket.SHUT_WR)
        assert wire.recv(10) == b""


def test_cut_resets_every_open_connection_and_takes_new_ones(links: Links) -> None:
    with connected(links) as one, connected(links) as other:
        tell(links, "cut")
        for wire in (one, other):
            with pytest.raises(ConnectionResetError):
                wire.recv(10)
    connected(links).close()
    assert links.proxies["api/postgres"].hurt == 2


def test_a_swallowed_answer_was_asked_for_and_never_comes(links: Links, echo: Echo) -> None:
    with connected(links) as wire:
        tell(links, "swallow")
        wire.sendall(b"commit")
        with pytest.raises(ConnectionResetError):
            wire.recv(10)
    assert echo.heard.endswith(b"commit"), "the server did what it was asked to"


def test_a_reset_question_is_never_asked(links: Links, echo: Echo) -> None:
    with connected(links) as wire:
        tell(links, "reset")
        wire.sendall(b"commit")
        with pytest.raises(ConnectionResetError):
            wire.recv(10)
    assert b"commit" not in echo.heard


def test_silence_holds_what_comes_and_breaks_it_afterwards(links: Links, echo: Echo) -> None:
    with connected(links) as asked, connected(links) as quiet:
        tell(links, "silence")
        asked.sendall(b"anybody?")
        asked.settimeout(0.3)
        with pytest.raises(TimeoutError):
            asked.recv(10)
        assert b"anybody?" not in echo.heard
        links.heal("api/postgres", "silence")
        asked.settimeout(5)
        with pytest.raises(ConnectionResetError):
            asked.recv(10)
        quiet.sendall(b"still here")
        assert quiet.recv(100) == b"still here"


def test_a_slow_link_is_late_and_loses_nothing(links: Links) -> None:
    with connected(links) as wire:
        tell(links, "slow", 0.4)
        begun = time.monotonic()
        for number in range(5):
            wire.sendall(f"{number}".encode())
            assert wire.recv(10) == f"{number}".encode()
        assert time.monotonic() - begun > 0.2


def test_the_end_of_one_fault_is_not_the_end_of_another(links: Links, echo: Echo) -> None:
    with connected(links) as wire:
        tell(links, "silence")
        tell(links, "reset")
        links.heal("api/postgres", "silence")
        time.sleep(0.05)
        wire.sendall(b"commit")
        with pytest.raises(ConnectionResetError):
            wire.recv(10)
    assert b"commit" not in echo.heard
    links.heal_all()
    time.sleep(0.05)
    connected(links).close()


def test_nobody_behind_the_link_is_a_broken_connection() -> None:
    links = Links(1, [("api/postgres", lambda: ("127.0.0.1", pick_port(0)))])
    links.start()
    with (
        pytest.raises(ConnectionResetError),  # by the first read at the latest
        socket.create_connection(("127.0.0.1", links.port("api/postgres")), timeout=5) as wire,
    ):
        wire.recv(10)
    links.stop()


def test_a_caller_that_is_gone_leaves_no_half_open_connection(links: Links, echo: Echo) -> None:
    """A killed worker must not go on holding its locks through the proxy."""
    wire = connected(links)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wire.close()  # RST
    wait_until(lambda: echo.left == 1)


def test_chances_come_from_the_seed(echo: Echo) -> None:
    def draws(seed: int) -> list[float]:
        links = Links(seed, [("worker/mail", lambda: ("127.0.0.1", echo.port))])
        chance = links.proxies["worker/mail"]._chance
        return [chance.random() for _ in range(3)]

    assert draws(5) == draws(5) != draws(6)
