"""Who answers while somebody is away (D4-4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from domain.errors import DeputyChainTooLongError, DeputyCycleError

LONGEST_CHAIN = 3


@dataclass(frozen=True, slots=True)
class Absence:
    """Days on which `deputy` answers for `person`, both ends included."""

    person: str
    deputy: str
    from_on: date
    to_on: date

    def covers(self, day: date) -> bool:
        return self.from_on <= day <= self.to_on


def stand_in(person: str, absences: Iterable[Absence], on: date) -> str:
    """Who answers for a person on a day: themselves, or the deputy, or the deputy's deputy (D4-4)."""
    away = {each.person: each.deputy for each in absences if each.covers(on)}
    answering = person
    for _ in range(LONGEST_CHAIN):
        if answering not in away:
            break
        answering = away[answering]
    return answering


def check_absence(new: Absence, others: Iterable[Absence]) -> None:
    """Refuse an absence that makes deputies answer in a circle, or through more than three hands (D4-4).

    Raises:
        DeputyCycleError, DeputyChainTooLongError
    """
    others = list(others)
    starts = [new.from_on, *(each.from_on for each in others if new.covers(each.from_on))]
    for day in starts:
        away = {each.person: each.deputy for each in others if each.covers(day)} | {new.person: new.deputy}
        for first in away:
            _check_chain(first, away)


def _check_chain(first: str, away: dict[str, str]) -> None:
    chain = [first]
    while chain[-1] in away:
        chain.append(away[chain[-1]])
        if chain[-1] in chain[:-1]:
            raise DeputyCycleError(field="deputy", chain=str(len(chain) - 1))
        if len(chain) - 1 > LONGEST_CHAIN:
            raise DeputyChainTooLongError(field="deputy", chain=str(len(chain) - 1))
