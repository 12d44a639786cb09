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

    Faults, by verb: `cut` resets every connection once; until they are healed, `reset` resets both ends upon a share of
    the packets to the server; `swallow` the same upon packets to the caller: the answer is lost (F8); `slow` delays a
    packet by up to so many seconds; `silence` lets nothing pass, and resets what came meanwhile when speech comes back.

    Attributes:
        hurt: how many connections were reset.
    """

    def __init__(self, name: str, target: Callable[[], Address], chance: random.Random) -> None:
        self.name = name
        self.port = 0
        self.hurt = 0
        self._faults: dict[str, float] = {}
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

    def begin(self, verb: str, share: float) -> None:
        """Begin a fault; it takes the place of one of its kind."""
        if verb == "cut":
            self.cut()
        else:
            self._faults[verb] = share

    def heal(self, verb: str) -> None:
        """End the fault of one kind; another that overlaps goes on."""
        self._faults.pop(verb, None)

    def heal_all(self) -> None:
        """Be an honest wire from now on."""
        self._faults.clear()

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
                if "silence" in self._faults:
                    while self._is_silent_for(pair):
                        await asyncio.sleep(_LOOK_EVERY)
                    return self._hurt(pair)
                if delay := self._faults.get("slow"):
                    await asyncio.sleep(self._chance.random() * delay)
                share = self._faults.get("swallow" if answers else "reset")
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
        return "silence" in self._faults and pair in self._open

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
        self._loop.call_soon_threadsafe(self.proxies[name].begin, verb, share)

    def heal(self, name: str, verb: str) -> None:
        """End the fault of one kind of a link."""
        self._loop.call_soon_threadsafe(self.proxies[name].heal, verb)

    def heal_all(self) -> None:
        """Every link is an honest wire from now on."""
        for proxy in self.proxies.values():
            self._loop.call_soon_threadsafe(proxy.heal_all)
