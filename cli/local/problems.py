"""Trouble of the local stack that a person can cure: one plain sentence, exit code 1, no traceback."""

import errno


class StackError(Exception):
    """One sentence that says what is wrong and what to do."""


class PortTakenError(StackError):
    """A server could not listen: another program took its port meanwhile."""


def explain_os_error(error: OSError, place: object) -> str:
    """The sentence for a file operation that failed."""
    where = error.filename or place
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"На диске с {where} кончилось место: освободите его и повторите."
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"В {where} нельзя писать: дайте на него права или выберите другой каталог через --data."
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return f"{where} не каталог: уберите файл или выберите другой каталог через --data."
    return f"Не удалось прочитать или записать {where} ({error.strerror or error}): проверьте диск и повторите."


def missing_package(name: str | None) -> str:
    """The sentence for a package that should have been installed."""
    return f"В окружении нет пакета {name}: удалите каталог .venv и запустите ./opora ещё раз."
