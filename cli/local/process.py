"""Child processes that never outlive their parent, and free ports for them."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli.local.problems import StackError

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a child runs as. `reach_all`: keep the right to enter directories closed to others."""

    uid: int
    gid: int
    reach_all: bool = False


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    keep_open: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start a child in its own process group, its output appended to `log`.

    On Linux the kernel sends it `death_signal` when the calling thread ends, so call from the main thread.
    """
    parent = os.getpid()

    def prepare() -> None:
        if account is not None:
            _become(account)
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    output = open(log, "ab") if log else None  # noqa: SIM115
    try:
        return subprocess.Popen(
            [os.fspath(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.DEVNULL,
            stderr=output or subprocess.DEVNULL,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            process_group=0,
            pass_fds=keep_open,
            preexec_fn=prepare,  # noqa: PLW1509 - only system calls, no lock of another thread
        )
    finally:
        if output:
            output.close()


def _become(account: Account) -> None:
    """Give up root in the child; with `reach_all`, keep one capability through it."""
    if account.reach_all and _LIBC is not None:
        _LIBC.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(account.gid)
    os.setuid(account.uid)
    if account.reach_all and _LIBC is not None:
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
        bit = 1 << _CAP_DAC_OVERRIDE
        data = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        _LIBC.capset(header, data)
        _LIBC.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def stop(child: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM, patience: float = 10) -> None:
    """Ask the child to end, insist after `patience` seconds, and reap it."""
    if child.poll() is None:
        child.send_signal(how)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            kill_group(child)
    child.wait()


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """kill -9 the child and its own children."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        child.kill()


def wait_gone(processes: Iterable[psutil.Process], patience: float) -> bool:
    """Wait until none of them runs; a zombie that a container's first process never reaps counts as gone."""
    deadline = time.monotonic() + patience
    while any(map(_runs, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def pick_port(usual: int, host: str = "127.0.0.1", *, avoid: frozenset[int] = frozenset()) -> int:
    """The usual port when it is free, any free one otherwise; 0 means any."""
    if usual and usual not in avoid and is_free(usual, host):
        return usual
    for _ in range(50):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if port not in avoid:
            return port
    raise StackError("Не нашлось ни одного свободного порта: закройте лишние программы и повторите.")


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for a message."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
