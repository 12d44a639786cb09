"""Makes `.venv` from the pinned requirements; run by the launcher before anything is installed."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements" / "dev.txt"
STAMP = VENV / "opora-installed.txt"
PYTHON = VENV / "bin" / "python"


class InstallError(Exception):
    """One sentence with the cure."""


def main() -> int:
    """Install what is missing; 0 when the environment is as the lock file says."""
    try:
        with open(ROOT / ".venv.lock", "w", encoding="utf-8") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not _is_fresh():
                _install()
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Установка прервана; запустите ./opora ещё раз, она продолжится.", file=sys.stderr)
        return 1
    except OSError as error:
        place = error.filename or ROOT
        print(f"Не удалось записать {place} ({error.strerror}): проверьте место и права.", file=sys.stderr)
        return 1
    return 0


def _is_fresh() -> bool:
    """Whether another process has just finished the same work."""
    return PYTHON.exists() and STAMP.exists() and STAMP.read_bytes() == LOCK.read_bytes()


def _install() -> None:
    print("Готовлю окружение .venv: в первый раз это занимает минуту-две…", file=sys.stderr, flush=True)
    STAMP.unlink(missing_ok=True)
    uv = shutil.which("uv")
    log = ROOT / ".venv-install.log"
    with open(log, "wb") as output:
        if not _works():
            shutil.rmtree(VENV, ignore_errors=True)
            if uv:
                _run([uv, "venv", "--quiet", "--python", sys.executable, VENV], output, log)
            else:
                _make_with_venv(output, log)
        wanted = ["--require-hashes", "-r", LOCK]
        if uv:
            _run([uv, "pip", "install", "--quiet", "--python", PYTHON, *wanted], output, log)
        else:
            flags = ["--quiet", "--disable-pip-version-check", "--no-input"]
            _run([PYTHON, "-m", "pip", "install", *flags, *wanted], output, log)
    shutil.copyfile(LOCK, STAMP)
    log.unlink()


def _works() -> bool:
    """Whether the existing environment has a Python that runs and is new enough."""
    test = "import sys; sys.exit(sys.version_info < (3, 11))"
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", test], check=False).returncode == 0


def _make_with_venv(output: object, log: Path) -> None:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        raise InstallError(
            "В этом Python нет модуля venv: установите его (в Debian и Ubuntu: apt install python3-venv) или uv."
        ) from None
    _run([sys.executable, "-m", "venv", VENV], output, log)


def _run(argv: list[object], output: object, log: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    words = [str(part) for part in argv]
    done = subprocess.run(words, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False)  # type: ignore[call-overload]
    if done.returncode != 0:
        raise InstallError(_explain(log))


def _explain(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace")
    if "No space left on device" in text:
        return f"На диске кончилось место (нужно около 1 ГБ в {ROOT}): освободите его и повторите."
    if "No matching distribution" in text or "no wheels with a matching" in text:
        return (
            "Для этой системы и версии Python нет готового пакета "
            f"({_complaint(text)}): возьмите Linux или macOS с Python 3.11-3.14 (путь можно указать в OPORA_PYTHON)."
        )
    if "HASHES" in text or "Hash mismatch" in text:
        return f"Загруженный пакет не совпал с контрольной суммой: повторите позже; подробности в {log}."
    return (
        f"Не удалось установить пакеты ({_complaint(text)}): "
        f"проверьте сеть и адрес каталога пакетов pip, потом повторите; подробности в {log}."
    )


def _complaint(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "×"))]
    return (errors or lines or ["причина неизвестна"])[-1][:200]


if __name__ == "__main__":
    sys.exit(main())
