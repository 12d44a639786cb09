"""The fault proxy: TCP in the middle that resets, swallows answers, dawdles or falls silent, when it is told."""

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterable

CHUNK = 65_536
_LOOK_EVERY = 0.05

Address = tuple[str, int]


class FaultProxy:
    """One link: whoever connects here is connected to `target`, which is asked anew for each connection.

    Attributes:
        reset: share of packets to the server upon which both ends are reset.
        swallow: share of packets to the caller that vanish, both ends being reset: the answer is lost (F8).
        delay: most seconds by which a packet comes late.
        silent: nothing passes; what came meanwhile is reset when speech comes back.
        hurt: how many connections were reset.
    """

    def __init__(self, name: str, target: Callable[[], Address], chance: random.Random) -> None:
        self.name = name
        self.port = 0
        self.reset = 0.0
        self.swallow = 0.0
        self.delay = 0.0
        self.silent = False
        self.hurt = 0
        self._target = target
        self._chance = chance
        self._server: asyncio.Server | None = None
        self._open: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()

    async def start(self) -> None:
        """Listen on a free port of the loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more, and let go of everybody."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection there is."""
        for pair in list(self._open):
            self._hurt(pair)

    def heal(self) -> None:
        """Be an honest wire from now on."""
        self.reset = self.swallow = self.delay = 0.0
        self.silent = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target())
        except OSError:
            _abort(writer)
            return
        pair = (writer, far_writer)
        self._open.add(pair)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pump(reader, far_writer, pair, answers=False))
                ways.create_task(self._pump(far_reader, writer, pair, answers=True))
        finally:
            self._open.discard(pair)
            for end in pair:
                end.close()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        *,
        answers: bool,
    ) -> None:
        try:
            while packet := await source.read(CHUNK):
                if self.silent:
                    while self._is_silent_for(pair):
                        await asyncio.sleep(_LOOK_EVERY)
                    return self._hurt(pair)
                if self.delay:
                    await asyncio.sleep(self._chance.random() * self.delay)
                share = self.swallow if answers else self.reset
                if share and self._chance.random() < share:
                    return self._hurt(pair)
                sink.write(packet)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()
        except OSError:  # one end is gone: the other is not left half open
            for end in pair:
                _abort(end)

    def _is_silent_for(self, pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> bool:
        return self.silent and pair in self._open

    def _hurt(self, pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        if pair in self._open:
            self._open.discard(pair)
            self.hurt += 1
            for end in pair:
                _abort(end)


def _abort(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN: a connection that broke, not one that was closed."""
    wire = writer.get_extra_info("socket")
    if wire is not None:
        with contextlib.suppress(OSError):
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Links:
    """Many proxies on a thread of their own, so that nothing else in the process slows them."""

    def __init__(self, seed: int, targets: Iterable[tuple[str, Callable[[], Address]]]) -> None:
        self.proxies = {name: FaultProxy(name, target, random.Random(f"{seed}:{name}")) for name, target in targets}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)

    def start(self) -> None:
        """Open all ports; returns when they are known."""
        self._thread.start()
        for proxy in self.proxies.values():
            asyncio.run_coroutine_threadsafe(proxy.start(), self._loop).result(10)

    def stop(self) -> None:
        """Close all of them and end the thread."""
        if not self._thread.is_alive():
            return
        for proxy in self.proxies.values():
            asyncio.run_coroutine_threadsafe(proxy.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def port(self, name: str) -> int:
        """Where a link is entered."""
        return self.proxies[name].port

    def tell(self, name: str, verb: str, share: float) -> None:
        """Begin a fault of a link."""
        self._loop.call_soon_threadsafe(_begin, self.proxies[name], verb, share)

    def heal(self, name: str) -> None:
        """End every fault of a link."""
        self._loop.call_soon_threadsafe(self.proxies[name].heal)

    def heal_all(self) -> None:
        """End every fault of every link."""
        for name in self.proxies:
            self.heal(name)


def _begin(proxy: FaultProxy, verb: str, share: float) -> None:
    match verb:
        case "cut":
            proxy.cut()
        case "reset":
            proxy.reset = share
        case "swallow":
            proxy.swallow = share
        case "slow":
            proxy.delay = share
        case "silence":
            proxy.silent = True
