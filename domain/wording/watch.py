"""What does not agree between the database, its processes and its letters, in words."""

from collections.abc import Mapping

from domain.wording.speech import RUSSIAN, Speech

DISCREPANCIES: Mapping[str, str] = {
    "no_process": "{object}: нет процесса, состояние в базе «{found}». Процесс запускается сам.",
    "no_row": "{object}: процесс есть, а записи в базе нет. Разберитесь и завершите процесс в Temporal.",
    "outlives": "{object}: в базе завершено («{expected}»), а процесс продолжается. Процесс перечитает базу сам.",
    "behind": "{object}: в базе «{expected}», у процесса «{found}». Процесс перечитает базу сам.",
    "idle": "{object}: ничего не ждёт, и процесс ничего не делает. Посмотрите его историю в Temporal.",
    "broken": "{object}: процесс не может продолжиться из-за ошибки в коде. Исправьте код, процесс продолжится сам.",
    "many_attempts": "{object}: шаг не удаётся, попыток {found}. Посмотрите ошибку в Temporal.",
    "own_step": "{object}: шаг внутри задачи процесса не удаётся, попыток {found}. Его ошибка — в истории процесса и в "
    "журнале воркера.",
    "no_worker": "Очередь {object}: никто не берёт работу, последний раз — {found}. Запустите воркер.",
    "sending": "Письмо {object}: отправляется с {found} и не отправлено. Его судьба выясняется сама.",
    "unsent": "Письмо {object}: записано, но отправлять его некому. Оно отправляется само.",
    "stock": "Остатки {object}: должно быть {expected}, числится {found}. Подробно: ./opora audit stock.",
}
FROZEN = {
    "stop": "Отправка писем остановлена с {since:moment}. Возобновить: ./opora thaw.",
    "restore": "После восстановления из копии отправка писем остановлена с {since:moment}. Сверить: ./opora reconcile, "
    "возобновить: ./opora thaw.",
    "reconciled": "После восстановления из копии отправка писем остановлена с {since:moment}, сверка прошла. "
    "Возобновить: ./opora thaw.",
    "findings": "После восстановления из копии отправка писем остановлена с {since:moment}, сверка нашла расхождений: "
    "{findings}. Разобрать и сверить ещё раз: ./opora reconcile, принять и возобновить: "
    "./opora thaw --accept-findings.",
}


def discrepancy_text(kind: str, speech: Speech = RUSSIAN, **facts: str) -> str:
    """One discrepancy and what becomes of it."""
    key = "stock" if kind.startswith("stock_") else kind
    return speech.say(DISCREPANCIES[key], **facts) if key in DISCREPANCIES else kind


def frozen_text(
    reason: str, since: object, *, reconciled: bool = False, findings: int = 0, speech: Speech = RUSSIAN
) -> str:
    """Why nothing leaves the house, since when, and what ends it; `findings`: what reconciling left open."""
    stage = ("findings" if findings else "reconciled") if reconciled else reason
    return speech.say(FROZEN[stage], since=since, findings=findings)
