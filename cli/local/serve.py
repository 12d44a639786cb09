"""The API process on a socket that the supervisor keeps open. `python -m cli.local.serve FD`.

A caller who comes while the API is being restarted waits a moment instead of being refused.
"""

import errno
import gc
import logging
import socket
import sys

import uvicorn

from activities.logs import log_privately
from cli.local.problems import StackError

API_PORT = 8000


def serve(listener: socket.socket, *, grace: int = 5) -> None:
    """Answer HTTP on a listening socket until SIGTERM; those who wait for an answer then get `grace` seconds."""
    log_privately(logging.WARNING)
    config = uvicorn.Config(
        "api.app:create_app",
        factory=True,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=grace,
        server_header=False,
    )
    config.load()
    gc.collect()
    gc.freeze()  # what is loaded stays: no later collection walks through it again
    uvicorn.Server(config).run(sockets=[listener])


def listen(host: str, port: int | None) -> socket.socket:
    """The API's listening socket, opened before anything else starts.

    `port` None: the usual one, or any free one when it is taken; 0: any free one; else this one or nothing.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    candidates = [API_PORT, 0] if port is None else [port]
    for candidate in candidates:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((host, candidate))
            listener.listen(1024)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE and port is None and candidate:
                continue
            raise StackError(_refusal(error, host, candidate)) from None
        return listener
    raise AssertionError("port 0 is never taken")


def _refusal(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Порт {port} занят другой программой: освободите его, укажите другой через --port "
            "или возьмите любой свободный: --port 0."
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"Порт {port} доступен только администратору: укажите порт больше 1023 через --port."
    return f"Адрес {host} не принадлежит этому компьютеру: укажите другой через --host или уберите --host."


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
