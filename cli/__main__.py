"""`python -m cli`: trouble that a person can cure is one sentence and exit code 1, never a traceback."""

import contextlib
import os
import sys


def main() -> int:
    """Run one command; its exit code."""
    from cli.local.problems import StackError, missing_package

    try:
        from cli.app import app

        app(prog_name="opora")
    except ModuleNotFoundError as error:
        print(missing_package(error.name), file=sys.stderr)
        return 1
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
