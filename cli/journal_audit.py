"""`./opora audit journal`: every chain of the journal computed again, and held against an anchor outside the database.

The anchor is a file of lines, one for each time it was written: the ends of chains that moved since the line before,
and a digest of the line and of the digest before it. What was cut off or rewritten since then does not fit it any more.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine

from activities.persistence.journal_chain import count_links, events_outside, read_links
from activities.persistence.replay import snapshot
from cli.audit import KEPT
from cli.database import database_of, progress_bar
from cli.local.problems import StackError
from domain.journal_chain import Chain, ChainAudit, Finding, Head
from domain.wording.journal_audit import journal_line


@dataclass(slots=True)
class Anchor:
    """What a file remembers: the last end of each chain. `spoiled`: its first line that does not fit, from 1."""

    heads: dict[Chain, Head] = field(default_factory=dict)
    digest: str = ""
    spoiled: int | None = None


@dataclass(slots=True)
class JournalReport:
    """How many links were looked at, the first damaged places, and where every chain ends now."""

    anchor: Anchor
    links: int = 0
    count: int = 0
    findings: list[Finding] = field(default_factory=list)
    heads: Mapping[Chain, Head] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not self.count and self.anchor.spoiled is None

    def take_in(self, finding: Finding) -> None:
        self.count += 1
        if len(self.findings) < KEPT:
            self.findings.append(finding)


def journal_command(data: Path | None, *, anchor: Path | None, against: Path | None) -> bool:
    """Audit, print, and write the anchor when it was asked for and nothing is damaged; whether all is sound."""
    if against is not None and not against.exists():
        raise StackError(f"Файла якоря {against} нет: проверьте путь.")
    known = against or anchor
    with database_of(data) as engine:
        report = audit_journal(engine, read_anchor(known) if known else Anchor())
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for line in lines(report):
        console.print(line)
    if anchor is not None and not report.clean:
        console.print(journal_line("not_anchored"))
    elif anchor is not None:
        heads, digest = write_anchor(anchor, report.heads, at=datetime.now(UTC))
        console.print(journal_line("anchored", file=anchor, heads=heads, digest=digest))
    return report.clean


def audit_journal(engine: Engine, anchor: Anchor) -> JournalReport:
    """Follow every chain in one snapshot."""
    report = JournalReport(anchor)
    audit = ChainAudit(anchor.heads)
    with snapshot(engine) as session, progress_bar("Журнал", count_links(session)) as (bar, task):
        for link in read_links(session):
            for finding in audit.follow(link):
                report.take_in(finding)
            bar.advance(task)
        for finding in (*audit.close(), *events_outside(session)):
            report.take_in(finding)
    report.links, report.heads = audit.links, audit.heads
    return report


def lines(report: JournalReport) -> list[str]:
    """The report in words."""
    told = [journal_line("spoiled", line=report.anchor.spoiled)] if report.anchor.spoiled else []
    told += [
        journal_line(each.damage, chain=" ".join(each.chain), seq=each.seq, at=each.at) for each in report.findings
    ]
    if report.count > len(report.findings):
        told.append(journal_line("more", count=report.count))
    return [*told, journal_line("sum", links=report.links, chains=len(report.heads), count=report.count)]


def read_anchor(file: Path) -> Anchor:
    """What a file remembers, up to its first line that does not fit; nothing of a file that is not there yet."""
    anchor = Anchor()
    if not file.exists():
        return anchor
    try:
        written = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"Файл якоря {file} не прочитать ({type(error).__name__}): проверьте путь и права.") from None
    for number, line in enumerate(written, start=1):
        try:
            content = json.loads(line)
            digest = content.pop("digest")
            heads = {(kind, name): Head(seq, bytes.fromhex(end)) for kind, name, seq, end in content["heads"]}
        except (ValueError, TypeError, KeyError, AttributeError):
            digest, heads = None, {}
        if digest is None or digest != _digest(anchor.digest, content):
            anchor.spoiled = number
            break
        anchor.heads |= heads
        anchor.digest = digest
    return anchor


def write_anchor(file: Path, heads: Mapping[Chain, Head], *, at: datetime) -> tuple[int, str]:
    """Add a line with the ends that moved since the last one; how many, and the digest of everything in the file."""
    known = read_anchor(file)
    moved = [[*chain, head.seq, head.hash.hex()] for chain, head in heads.items() if known.heads.get(chain) != head]
    content: dict[str, object] = {"at": at.isoformat(), "heads": moved}
    digest = _digest(known.digest, content)
    try:
        with file.open("a", encoding="utf-8") as output:
            output.write(json.dumps(content | {"digest": digest}, separators=(",", ":")) + "\n")
            output.flush()
            os.fsync(output.fileno())
    except OSError as error:
        raise StackError(f"Якорь в {file} не записать ({error.strerror}): проверьте путь и права.") from None
    return len(moved), digest


def _digest(previous: str, content: Mapping[str, object]) -> str:
    text = previous + json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
