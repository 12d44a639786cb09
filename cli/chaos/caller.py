"""A careful client: it asks again under the same key until it knows, and compares what it is told."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2

PATIENCE = 240.0
"""Seconds after which a caller gives up: by then every part that was broken has long been whole."""
_REQUEST = 30.0
"""Longer than the API waits for anything before it says «not yet»."""
_HANGS_UP_AFTER = 0.03
_GLADLY = 20.0
_PAUSES = (0.2, 0.4, 0.8, 1.5)
_NOT_YET = {202, 429, 502, 503, 504}
_NO_ANSWER = 599
_STANDING_AGAINST = 409
_NOW_OF_THE_HEAD = "cancel_needs_head"
"""How things stand may be against a command, or by now against who gives it; nothing else is held against a careful
client."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The last word on a command. `asked`: how often it took."""

    status: int
    body: Any
    asked: int

    @property
    def done(self) -> bool:
        return self.status < 300

    @property
    def known(self) -> bool:
        """Whether the caller was told what became of it; a refusal says that nothing did."""
        return self.status != _NO_ANSWER

    @property
    def code(self) -> str:
        """The code of a refusal."""
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""


@dataclass(slots=True)
class Conversation:
    """What all callers were told.

    Attributes:
        asked, refused: how many commands, how many refusals by code.
        wrong: answers that must not be: a 500, a refusal of a kind that only a mistaken client earns (these ask for
            nothing that is not there, not theirs or not well formed), a repeat with another answer, silence to the end.
        slow: commands that took longer than a person waits gladly, with the seconds and how often they were asked.
    """

    asked: int = 0
    retried: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)


class Caller:
    """People of the company at the API of one stack."""

    def __init__(self, api: str, keys: dict[str, str], http: httpx2.AsyncClient, told: Conversation) -> None:
        self._api = api
        self._keys = keys
        self._http = http
        self._told = told

    async def post(
        self, who: str, path: str, body: Any = None, *, key: str, repeat: bool = False, hang_up: bool = False
    ) -> Answer:
        """Give a command under a key; with `repeat`, give it again when it is done, and compare.

        `hang_up`: do not wait for the first answer.
        """
        self._told.asked += 1
        answer = await self._insist(who, path, body, key, hang_up=hang_up)
        if not answer.done:
            self._told.refused[answer.code] += 1
            if answer.known and answer.status != _STANDING_AGAINST and answer.code != _NOW_OF_THE_HEAD:
                self._told.wrong.append(f"POST {path} ({key}): отказ {answer.status} {answer.code}")
        elif repeat:
            await self.again(who, path, body, key, answer)
        return answer

    async def again(self, who: str, path: str, body: Any, key: str, first: Answer) -> None:
        """Give a command that was done once more under its key: the answer is about the same object."""
        repeated = await self._insist(who, path, body, key, hang_up=False)
        if not repeated.done or named(repeated.body) != named(first.body):
            self._told.wrong.append(
                f"POST {path} ({key}): сначала {first.status} {named(first.body)}, "
                f"при повторе {repeated.status} {repeated.code or named(repeated.body)}"
            )

    async def _insist(self, who: str, path: str, body: Any, key: str, *, hang_up: bool) -> Answer:
        begun, asked, last = time.monotonic(), 0, "ничего"
        while (took := time.monotonic() - begun) < PATIENCE:
            asked += 1
            try:
                patience = _HANGS_UP_AFTER if hang_up and asked == 1 else _REQUEST
                answer = await self._ask(who, path, body, key, patience)
            except httpx2.HTTPError as error:
                last = type(error).__name__
            else:
                if answer.status_code < 500 and answer.status_code not in _NOT_YET:
                    if took > _GLADLY:
                        self._told.slow.append(f"POST {path} ({key}): {took:.0f} с, раз {asked}, до этого {last}")
                    return Answer(answer.status_code, answer.json(), asked)
                last = f"{answer.status_code} {answer.text[:200]}"
                if answer.status_code == 500:
                    self._told.wrong.append(f"POST {path} ({key}): {last}")
            self._told.retried += 1
            await asyncio.sleep(_PAUSES[min(asked, len(_PAUSES)) - 1])
        self._told.wrong.append(f"POST {path} ({key}): нет ответа за {PATIENCE:.0f} с, последнее: {last}")
        return Answer(_NO_ANSWER, {"code": "no_answer"}, asked)

    async def _ask(self, who: str, path: str, body: Any, key: str, patience: float) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self._keys[who]}", "Idempotency-Key": key}
        content = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        return await self._http.post(f"{self._api}/api/v1{path}", headers=headers, timeout=patience, **content)


def named(body: Any) -> Any:
    """What of an answer must be the same in a repeat: whom it is about. Where that stands now may have moved on."""
    if not isinstance(body, dict):
        return body
    if isinstance(body.get("order"), dict):
        return body["order"].get("id")
    return body.get("id") or body.get("sha256")
