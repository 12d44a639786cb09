"""What only one of two peers is shown, asked for as the other: nobody gets what is another's, by whatever address."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import httpx2

from cli.local.problems import StackError

PEERS = ("manager", "manager2")
OWN = {
    "customer_id": "/customers",
    "order_id": "/orders",
    "invoice_id": "/invoices",
    "task_id": "/tasks",
}
"""What has an owner: how paths name one, and where one's own are listed."""
_MOST = 5
"""Of each kind that are asked for as the other."""
_PAGE = 100
_ADDRESS = "/api/v1"


@dataclass(slots=True)
class AskedAsOther:
    """How many questions one peer was answered and the other asked, by address; `leaks`: what the other was told."""

    asked: dict[str, int] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)


def ask_as_other(api: str, keys: Mapping[str, str]) -> AskedAsOther:
    """Ask for each thing through every page of the description that names one of its kind. Where its owner is answered,
    the other must hear that there is none (404).

    Raises:
        StackError: a list was refused.
    """
    told = AskedAsOther()
    with httpx2.Client(base_url=api, trust_env=False, timeout=30) as http:

        def ask(who: str, path: str) -> httpx2.Response:
            return http.get(path, headers={"Authorization": f"Bearer {keys[who]}"})

        pages = list(_pages(http.get("/openapi.json").json()))
        for owner, other, page, path in _questions(ask, pages):
            if not ask(owner, path).is_success:
                continue
            told.asked[page] = told.asked.get(page, 0) + 1
            if (status := ask(other, path).status_code) != httpx2.codes.NOT_FOUND:
                told.leaks.append(f"GET {page}: {other} получает {status} на то, что есть у {owner}: {path}")
    return told


Ask = Callable[[str, str], httpx2.Response]


def _questions(ask: Ask, pages: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Whose it is, who else asks, the page and its address, for what only the first is shown."""
    for name, listing in OWN.items():
        shown = {peer: set(_listed(ask, peer, listing)) for peer in PEERS}
        for owner, other in permutations(PEERS, 2):
            for thing in sorted(shown[owner] - shown[other])[:_MOST]:
                for page in pages:
                    if f"{{{name}}}" in page:
                        yield owner, other, page, page.replace(f"{{{name}}}", thing)


def _pages(description: Mapping[str, Any]) -> Iterator[str]:
    """Addresses that are read and name one thing."""
    for path, operations in description["paths"].items():
        if "get" in operations and len(re.findall(r"{\w+}", path)) == 1:
            yield path


def _listed(ask: Ask, who: str, listing: str) -> Iterator[str]:
    """Ids of all that a list shows to somebody, page by page."""
    after = ""
    while True:
        answer = ask(who, f"{_ADDRESS}{listing}?limit={_PAGE}{after}")
        if not answer.is_success:
            raise StackError(f"GET {listing}: {answer.status_code} {answer.text}")
        page = answer.json()
        yield from (str(item["id"]) for item in page["items"])
        if not page["next"]:
            return
        after = f"&after={page['next']}"
