"""Bodies of letters to customers: the leading sentence from `domain.wording`, the rest from templates."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from domain.wording import RUSSIAN, letter

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter ready to go."""

    subject: str
    body: str


def compose(name: str, *, company: str, manager: Any = None, **facts: Any) -> Letter:
    """The subject and the whole body of the letter `name`.

    Args:
        company: who signs.
        manager: a person with `name` and `email` whom the customer may ask, or None.
        facts: figures of the sentence and of the template; instants on the company's clock.
    """
    words = letter(name, **facts)
    template = _environment().get_template(f"{name}.j2")
    body = template.render(lead=words.lead, company=company, manager=manager, **facts)
    return Letter(subject=words.subject, body=body.strip() + "\n")


@lru_cache
def _environment() -> Environment:
    """Plain text, so nothing is escaped; a figure that is missing is a bug, not an empty place."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, trim_blocks=True, autoescape=False
    )
    environment.filters |= {
        "money": RUSSIAN.money, "day": RUSSIAN.day, "moment": RUSSIAN.moment, "quantity": RUSSIAN.quantity
    }  # fmt: skip
    return environment
