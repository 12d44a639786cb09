"""The careful client against an API that answers as an API under fire does."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from cli.chaos import caller
from cli.chaos.bank import Bank, Incoming
from cli.chaos.caller import Answer, Caller, Conversation
from domain.bank_statement import parse_statement

pytestmark = pytest.mark.anyio

Answers = list[tuple[int, Any] | Exception]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "_PAUSES", (0.001,))


async def told(answers: Answers, *, repeat: bool = False) -> tuple[Answer, Conversation, list[httpx2.Request]]:
    """Give one command to an API that answers in this way; the last answer goes on."""
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        next_ = answers[min(len(asked), len(answers)) - 1]
        if isinstance(next_, Exception):
            raise next_
        return httpx2.Response(next_[0], json=next_[1])

    conversation = Conversation()
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        person = Caller("http://api", {"manager": "secret"}, http, conversation)
        last = await person.post("manager", "/orders", {"x": 1}, key="key-00001", repeat=repeat)
    return last, conversation, asked


async def test_it_asks_again_under_the_same_key_and_body_until_it_knows() -> None:
    broken: Answers = [httpx2.ReadError("reset"), (503, {}), (202, {"decision": None}), (201, {"id": "a"})]
    answer, conversation, asked = await told(broken)
    assert (answer.done, answer.body["id"], answer.asked) == (True, "a", 4)
    assert {request.headers["Idempotency-Key"] for request in asked} == {"key-00001"}
    assert {json.dumps(json.loads(request.content)) for request in asked} == {'{"x": 1}'}
    assert (conversation.asked, conversation.retried, conversation.wrong) == (1, 3, [])


async def test_a_refusal_is_an_answer() -> None:
    answer, conversation, asked = await told([(409, {"code": "wrong_state"})])
    assert (answer.done, answer.code, len(asked)) == (False, "wrong_state", 1)
    assert conversation.refused == {"wrong_state": 1}
    assert conversation.wrong == []


@pytest.mark.parametrize(("status", "code"), [(401, "bad_key"), (403, "forbidden"), (404, "not_found"),
                                              (422, "invalid_input")])  # fmt: skip
async def test_a_refusal_of_what_was_rightly_asked_is_a_finding(status: int, code: str) -> None:
    """What the API acknowledged is not there any more, or it no longer knows its people."""
    answer, conversation, _ = await told([(status, {"code": code})])
    assert not answer.done
    assert conversation.wrong == [f"POST /orders (key-00001): отказ {status} {code}"]


async def test_a_bug_of_the_api_is_a_finding_even_when_the_next_answer_is_good() -> None:
    answer, conversation, _ = await told([(500, {"code": "internal_error"}), (201, {"id": "a"})])
    assert answer.done
    assert len(conversation.wrong) == 1
    assert "500" in conversation.wrong[0]


@pytest.mark.parametrize(
    "second", [(201, {"id": "b"}), (409, {"code": "wrong_state"})], ids=["another id", "a refusal"]
)
async def test_a_repeat_with_another_answer_is_a_finding(second: tuple[int, Any]) -> None:
    _, conversation, asked = await told([(201, {"id": "a"}), second], repeat=True)
    assert len(asked) == 2
    assert "при повторе" in conversation.wrong[0]


async def test_a_repeat_about_the_same_object_may_tell_its_new_state() -> None:
    later: Answers = [(200, {"order": {"id": "a", "status": "checking"}}), (200, {"order": {"id": "a", "status": "x"}})]
    _, conversation, _ = await told(later, repeat=True)
    assert conversation.wrong == []


async def test_silence_to_the_end_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "PATIENCE", 0.05)
    answer, conversation, asked = await told([(503, {})])
    assert not answer.done
    assert len(asked) > 1
    assert "нет ответа" in conversation.wrong[0]


async def test_a_bank_file_holds_all_lines_of_the_day() -> None:
    bank = Bank(date(2026, 4, 6))
    bank.pay(Incoming("1-1", "210440003120", Decimal(10), "Оплата по счету СФ-000001"))
    first = bank.statement()
    bank.pay(Incoming("1-2", "210440003120", Decimal(20), "Предоплата"))
    files = [parse_statement(content) for content in (first, bank.statement())]
    assert [[each.number for each in file.documents] for file in files] == [["1-1"], ["1-1", "1-2"]]
    assert [file.problems for file in files] == [(), ()]
