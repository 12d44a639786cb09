"""`up` and `down`: the local stack as a person starts and stops it."""

import errno
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from cli.local.data import ROOT, DataDirectory
from cli.local.parts import end_leftovers
from cli.local.postgres import binaries
from cli.local.problems import StackError, explain_os_error, missing_package
from cli.local.process import wait_gone
from cli.local.stack import Stack, StopRequested, Wishes
from cli.local.temporal import binary

READY = "Опора готова."
_STOP_PATIENCE = 60.0


def run_up(data: DataDirectory, wishes: Wishes, *, demo: bool, background: bool) -> None:
    """Run the stack in this process until it is asked to stop.

    `background`: the output is read by `start_detached` until READY, later lines go to the log.
    """
    _check_packages()
    with data.held():
        ended = end_leftovers(data)
        if ended:
            _say(f"Завершены процессы прошлого запуска: {ended}")
        stack = Stack(data, wishes, _say)
        try:
            stack.start()
            if demo:
                fill_demo(data)
            _say(_summary(data, stack, background=background))
            if background:
                _redirect_output(data.log("opora"))
            stack.watch()
            _say("Останавливаю…")
        except StopRequested:
            _say("Остановлено до готовности.")
        except StackError as error:
            if data.is_full():
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(data.path)) from error
            raise
        finally:
            stack.stop()
        _say("Опора остановлена; данные сохранены.")


def start_detached(arguments: list[str]) -> int:
    """Start `up` in a session of its own; show its progress; return when it is ready or has failed."""
    command = [sys.executable, "-P", "-m", "cli", "up", "--background", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        cwd=ROOT,
        env=environment,
    )
    ready = False
    assert child.stdout is not None
    try:
        for line in child.stdout:
            text = line.decode(errors="replace").rstrip("\n")
            ready = ready or text == READY
            print(text, flush=True)
    except KeyboardInterrupt:
        child.terminate()
        child.wait()
        return 130
    return 0 if ready else child.wait() or 1


def run_down(data: DataDirectory) -> None:
    """Stop the stack of this directory and wait until it is gone."""
    holder = data.holder()
    if holder is None:
        _say(f"В каталоге {data.path} ничего не работает.")
        return
    try:
        holder.send_signal(signal.SIGTERM)
        if not wait_gone([holder], _STOP_PATIENCE):
            holder.kill()
            wait_gone([holder], 5)
            _say("Опора не остановилась сама и завершена принудительно; данные сохранены.")
            return
    except psutil.AccessDenied:
        raise StackError(
            f"Опору в {data.path} запустил другой пользователь: остановите её от его имени (процесс {holder.pid})."
        ) from None
    except psutil.NoSuchProcess:
        pass
    _say("Опора остановлена; данные сохранены.")


def fill_demo(data: DataDirectory) -> None:
    """Fill the running stack with the demonstration company; a second time changes nothing."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "cli", "demo", "--seed-only", "--data", str(data.path)], cwd=ROOT, check=False
    )
    if done.returncode != 0:
        raise StackError("Не удалось заполнить демонстрационную компанию: смотрите сообщения выше.")


def _check_packages() -> None:
    """What only the children import must be there too, or they would die with a traceback in a log."""
    for name in ("aiosmtpd", "aiosmtplib", "alembic", "fastapi", "psycopg", "pydantic", "sqlmodel", "temporalio"):
        if importlib.util.find_spec(name) is None:
            raise StackError(missing_package(name))
    binaries()
    binary()


def _summary(data: DataDirectory, stack: Stack, *, background: bool) -> str:
    known = data.running() or {}
    where = "" if data.path == ROOT / ".opora" else f" --data {data.path}"
    how_to_stop = f"./opora down{where}" if background else f"Ctrl-C или ./opora down{where}"
    lines = [
        "",
        READY,
        f"  API        {known['api']}",
        f"  Почта      {known['mail']}",
        f"  Temporal   {known['temporal_ui']}",
        f"  Ключи      {data.keys_json} ({', '.join(stack.keys)})",
        f"  Журналы    {data.logs}",
        f"  Остановить {how_to_stop}",
    ]
    return "\n".join(lines)


def _redirect_output(log: Path) -> None:
    """Let the waiting parent go, and write to the log from here on."""
    try:
        sys.stdout.flush()
        sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise StackError(explain_os_error(error, log)) from error
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    os.close(sink)


def _say(line: str) -> None:
    """One line for the person; a closed terminal does not stop the stack."""
    try:
        print(line, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
