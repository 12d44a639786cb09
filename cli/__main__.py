"""`python -m cli`: trouble that a person can cure is one sentence and exit code 1, never a traceback."""

import contextlib
import os
import sys


def main() -> int:
    """Run one command; its exit code."""
    try:
        from cli.app import app
        from cli.local.problems import StackError
    except ModuleNotFoundError as error:
        print(
            f"В окружении нет пакета {error.name}: удалите каталог .venv и запустите ./opora ещё раз.", file=sys.stderr
        )
        return 1
    try:
        app(prog_name="opora")
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
            return 1
        return ended.code or 0
    return 0


if __name__ == "__main__":
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    # The threads of the Temporal client can abort an interpreter that takes itself apart around them.
    os._exit(code)
