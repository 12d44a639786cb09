"""`./opora thaw` as a person runs it after a restore: sentences, an option, exit codes."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session
from support.company import a_company
from typer.testing import CliRunner

from activities.persistence import discrepancies, freezing
from activities.persistence.events import events_of
from cli.app import app
from cli.freezing import frozen_lines
from cli.local.problems import StackError
from domain.freezes import FreezeReason
from domain.watch import Finding, Kind

NOW = datetime(2026, 4, 6, 5, tzinfo=UTC)


def thaw(database_url: str, *words: str) -> Any:
    return CliRunner().invoke(app, ["thaw", *words], env={"OPORA_DATABASE_URL": database_url})


def test_open_findings_refuse_the_thaw_until_they_are_accepted(engine: Engine, database_url: str) -> None:
    a_company(engine)
    finding = Finding(Kind.NO_ROW, "order/1", "a row", "none")
    with Session(engine) as session, session.begin():
        freezing.freeze(session, FreezeReason.RESTORE, by="admin", at=NOW, backup_at=NOW)
        freezing.note_reconciled(session, at=NOW)
        discrepancies.take_in(session, [finding], list(Kind), as_of=NOW, grace=timedelta(0))
    (told,) = frozen_lines(engine)
    assert "нашла расхождений: 1" in told

    refused = thaw(database_url)
    assert isinstance(refused.exception, StackError)
    for part in ("осталось расхождений: 1", "./opora reconcile", "./opora thaw --accept-findings"):
        assert part in str(refused.exception)

    accepted = thaw(database_url, "--accept-findings")
    assert accepted.exit_code == 0, accepted.output
    assert list(frozen_lines(engine)) == []
    with Session(engine) as session:
        assert "findings_accepted" in [row.event for row in events_of(session, "effects", "restore")]
