"""`python -m cli`: trouble that a person can cure is one sentence and exit code 1, never a traceback."""

import sys


def main() -> int:
    """Run one command."""
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
