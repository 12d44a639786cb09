"""The API process on a socket that the supervisor keeps open. `python -m cli.local.serve FD`.

A caller who comes while the API is being restarted waits a moment instead of being refused.
"""

import socket
import sys

import uvicorn


def serve(listener: socket.socket) -> None:
    """Answer HTTP on a listening socket until SIGTERM."""
    config = uvicorn.Config(
        "api.app:create_app",
        factory=True,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
