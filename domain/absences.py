"""Who answers while somebody is away (D4-4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

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

    `others` as `stand_in` takes them: by their beginning. Of several absences of one person the later begun counts.

    Raises:
        DeputyCycleError, DeputyChainTooLongError
    """
    if new.person == new.deputy:
        raise DeputyCycleError(field="deputy", chain="1")
    absences = sorted([*others, new], key=lambda each: each.from_on)
    changes = {each.from_on for each in absences} | {each.to_on + timedelta(days=1) for each in absences}
    for day in sorted(day for day in changes if new.covers(day)):
        away = {each.person: each.deputy for each in absences if each.covers(day)}
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
