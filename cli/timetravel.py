"""`fast-forward`: one workflow of a local stack lives through days in a moment."""

import asyncio
import re
from datetime import datetime, timedelta

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.payload_keys import PayloadKeys
from cli.local.data import DataDirectory
from cli.local.keys import keys_of
from cli.local.problems import StackError
from cli.local.timemachine import clock_of, fast_forward
from workflows.client import connect

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_DURATION = re.compile(r"(\d{1,5})([dhm])", re.ASCII)
_TIMEOUT = 120.0


def parse_duration(text: str) -> timedelta:
    """`7d`, `12h`, `30m`.

    Raises:
        StackError: anything else.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if not found or int(found[1]) == 0:
        raise StackError(f"Не понимаю срок «{text}»: укажите дни, часы или минуты, например 7d, 12h или 30m.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def move_clock(data: DataDirectory, workflow_id: str, ahead: str) -> None:
    """Move the clock, wait for the work due by then, say what time it is there now."""
    duration = parse_duration(ahead)
    known = data.running()
    if known is None or data.holder() is None:
        raise StackError(f"В каталоге {data.path} Опора не работает: запустите ./opora up или укажите --data.")
    now, alive = asyncio.run(_move(known["temporal"], keys_of(known), workflow_id, duration))
    state = "ждёт дальше" if alive else "завершился"
    print(f"{workflow_id}: часы переведены на {ahead} вперёд, теперь {now:%d.%m.%Y %H:%M} UTC; процесс {state}.")


async def _move(address: str, keys: PayloadKeys, workflow_id: str, duration: timedelta) -> tuple[datetime, bool]:
    try:
        client = await connect(address, keys=keys)
        handle = client.get_workflow_handle(workflow_id)
        if (await handle.describe()).status != WorkflowExecutionStatus.RUNNING:
            raise StackError(f"Процесс {workflow_id} уже завершён: переводить нечего.")
        alive = await fast_forward(handle, duration, timeout=_TIMEOUT)
        return await clock_of(handle), alive
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise StackError(
                f"Процесса {workflow_id} нет: посмотрите workflow_id в ответе API или в списке Temporal."
            ) from None
        raise StackError(f"Temporal отказал: {error.message}") from None
    except TimeoutError:
        raise StackError(
            f"Работа процесса {workflow_id} не закончилась за {_TIMEOUT:.0f} с: "
            "посмотрите в Temporal, что он ждёт, и работает ли воркер (./opora doctor)."
        ) from None
    except RuntimeError as error:
        raise StackError(f"Temporal по адресу {address} не отвечает ({error}): проверьте ./opora doctor.") from None
