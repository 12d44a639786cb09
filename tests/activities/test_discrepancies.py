"""What looks found, on real PostgreSQL: as many statements for every order there is as for one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session, select
from support.locks import wait_for_waiters
from support.statements import statements

from activities.persistence import discrepancies
from activities.persistence.watch_tables import DiscrepancyRow
from domain.watch import GRACE, Finding, Kind

STEP = "order/1#look"
NOW = datetime(2026, 4, 6, 5, tzinfo=UTC)
MANY = [Finding(Kind.NO_PROCESS, f"order/{n}", "an open process", "none") for n in range(300)]


def look(engine: Engine, findings: list[Finding], *, at: datetime = NOW) -> int:
    """Settle a look; how many statements it took."""
    with statements(engine) as sent, Session(engine) as session, session.begin():
        discrepancies.take_in(session, findings, list(Kind), as_of=at)
    return len(sent)


def stored(engine: Engine) -> list[tuple[str, str, datetime, datetime]]:
    with Session(engine) as session:
        rows = session.exec(select(DiscrepancyRow).order_by(DiscrepancyRow.object, DiscrepancyRow.id))
        return [(row.object, row.state, row.first_seen, row.last_seen) for row in rows]


def test_all_of_them_at_once_take_no_more_statements_than_one(engine: Engine) -> None:
    one, later = MANY[:1], NOW + GRACE
    alone = [look(engine, one), look(engine, one, at=later), look(engine, [], at=later)]
    look(engine, [])
    assert [look(engine, MANY), look(engine, MANY, at=later), look(engine, [], at=later)] == alone
    assert {state for _, state, *_ in stored(engine)} == {"closed"}
    assert len(stored(engine)) == 1 + len(MANY)


def test_one_is_believed_after_the_grace_and_keeps_when_it_was_first_seen(engine: Engine) -> None:
    passing, lasting = MANY[:2]
    look(engine, [passing, lasting])
    soon, later = NOW + GRACE - timedelta(seconds=1), NOW + GRACE
    look(engine, [passing, lasting], at=soon)
    assert stored(engine) == [(each.object, "suspected", NOW, soon) for each in (passing, lasting)]
    look(engine, [lasting], at=later)
    assert stored(engine) == [(lasting.object, "open", NOW, later)]  # the other was never true
    look(engine, [lasting], at=later + GRACE)
    assert stored(engine) == [(lasting.object, "open", NOW, later + GRACE)]


def test_what_somebody_stumbled_over_meanwhile_is_one_with_what_the_look_found(engine: Engine) -> None:
    [found] = MANY[:1]
    with Session(engine) as session, session.begin():
        discrepancies.suspect(session, found, at=NOW + GRACE)
    look(engine, [found])  # it began before
    assert stored(engine) == [(found.object, "suspected", NOW + GRACE, NOW + GRACE)]


def report(engine: Engine, attempt: int, *, at: datetime) -> None:
    with Session(engine) as session, session.begin():
        discrepancies.suspect(session, Finding(Kind.OWN_STEP, STEP, "fewer than 20", str(attempt)), at=at)


def test_a_report_that_is_taken_back_while_a_look_weighs_it_is_no_finding(engine: Engine) -> None:
    report(engine, 20, at=NOW)
    read = Finding(Kind.OWN_STEP, STEP, "fewer than 20", "20", seen_at=NOW)
    with Session(engine) as session, session.begin():
        discrepancies.get_on(session, read, at=NOW)
    look(engine, [read])
    assert stored(engine) == []


def test_what_a_look_opens_just_now_is_taken_back_too(engine: Engine) -> None:
    """Whoever has got on waits for the look's turn to be over."""
    report(engine, 20, at=NOW)
    read = Finding(Kind.OWN_STEP, STEP, "fewer than 20", "20", seen_at=NOW)

    def get_on() -> None:
        with Session(engine) as session, session.begin():
            discrepancies.get_on(session, read, at=NOW)

    with ThreadPoolExecutor(1) as pool:
        with Session(engine) as session, session.begin():
            discrepancies.take_in(session, [read], [Kind.OWN_STEP], as_of=NOW)
            over = pool.submit(get_on)
            wait_for_waiters(engine, 1)
        over.result()
    assert [state for _, state, *_ in stored(engine)] == ["closed"]


def test_each_report_renews_what_is_known_and_a_look_that_only_read_it_does_not(engine: Engine) -> None:
    soon, later = NOW + timedelta(minutes=1), NOW + timedelta(minutes=5)
    report(engine, 20, at=NOW)
    report(engine, 21, at=soon)
    report(engine, 20, at=NOW)  # a slow one
    assert stored(engine) == [(STEP, "suspected", NOW, soon)]
    look(engine, [Finding(Kind.OWN_STEP, STEP, "fewer than 20", "21", seen_at=soon)], at=later)
    assert stored(engine) == [(STEP, "open", NOW, soon)]
    report(engine, 22, at=later)
    assert stored(engine) == [(STEP, "open", NOW, later)]
    look(engine, [], at=later)
    report(engine, 20, at=later)  # another time
    assert [state for _, state, *_ in stored(engine)] == ["closed", "suspected"]
