"""Courses of the workflows as they were last agreed to, in tests/data/courses, and what to say of another one."""

import difflib
from pathlib import Path
from typing import Any

from support.courses import course_of, patches_of

COURSES = Path(__file__).resolve().parents[1] / "data" / "courses"
RECORD = "OPORA_RECORD_COURSES"
"""`1` writes a change down that older processes do not meet, `anyway` any change."""
SHOWN = 40

UNGUARDED = """
{name} gives other commands than it did, and a process that began before would meet them: its replay would fail.

{changes}

Running processes must keep the old course. Guard the change:

    if workflow.patched("what-is-new"):
        ...the new course
    else:
        ...the old one

then see that they replay:          ./opora test tests/histories
tell the new course and record it:  OPORA_RECORD_HISTORIES=1 ./opora test tests/workflows
write the new commands down:        {record}=1 ./opora test tests/histories/test_courses.py

If no process can tell the difference (nothing but names or conditions moved, or no older process runs anywhere):
                                    {record}=anyway ./opora test tests/histories/test_courses.py
See «A change of a workflow» in CONTRIBUTING.md.
"""
GUARDED = """
{name} has a new course behind `workflow.patched` ({patches}); processes that began before keep the old one. Good:

tell the new course and record it:  OPORA_RECORD_HISTORIES=1 ./opora test tests/workflows
write the new commands down:        {record}=1 ./opora test tests/histories/test_courses.py

and commit tests/data with the change.
"""


def objection(process: type[Any], kept: str) -> str | None:
    """What is to be said of a workflow whose course was `kept`; None when it is still the same."""
    course = course_of(process)
    if course == kept:
        return None
    if is_guarded(process, kept):
        new = ", ".join(sorted(patches_of(course) - patches_of(kept)))
        return GUARDED.format(name=process.__name__, patches=new, record=RECORD)
    changes = list(difflib.unified_diff(kept.splitlines(), course.splitlines(), "before", "now", lineterm="", n=2))
    told = changes[:SHOWN] + ([f"… and {len(changes) - SHOWN} lines more"] if len(changes) > SHOWN else [])
    return UNGUARDED.format(name=process.__name__, changes="\n".join(told), record=RECORD)


def is_guarded(process: type[Any], kept: str) -> bool:
    """Whether a process that knows only the patches of `kept` goes the way it went."""
    return course_of(process, known=patches_of(kept)) == kept


def file_of(process: type[Any]) -> Path:
    return COURSES / f"{process.__name__}.txt"


def record(process: type[Any], how: str) -> None:
    """Write a course down; a change that older processes would meet only when told `anyway`."""
    path = file_of(process)
    if how == "anyway" or not path.exists() or is_guarded(process, path.read_text(encoding="utf-8")):
        COURSES.mkdir(parents=True, exist_ok=True)
        path.write_text(course_of(process), encoding="utf-8")
