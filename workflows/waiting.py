"""Showing a wait: search attributes for lists, current details for the Temporal UI. The one place that does it."""

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from domain.orders import Wait
    from domain.wording import ended_by, on_expiry_text, wait_title
    from workflows import ids


def show(status: str, title: str, wait: Wait | None, *, stage: str | None = None) -> None:
    """Show where the process stands and what it waits for.

    Args:
        status: the machine word of the state, for filters.
        title: the state in Russian, for people.
        stage: the dunning stage, for processes that have one.
    """
    list_under(status, wait, stage=stage)
    workflow.set_current_details(details(title, wait))


def list_under(status: str, wait: Wait | None, *, stage: str | None = None) -> None:
    """Have lists of the Temporal UI find the process by where it stands; one event of its history."""
    updates: list[SearchAttributeUpdate[Any]] = [
        ids.STATUS.value_set(status),
        ids.WAITING.value_set(wait.reason if wait else ids.NOT_WAITING),
        ids.DUE_AT.value_set(wait.until) if wait and wait.until else ids.DUE_AT.value_unset(),
    ]
    if stage is not None:
        updates.append(ids.STAGE.value_set(stage))
    workflow.upsert_search_attributes(updates)


def details(title: str, wait: Wait | None) -> str:
    """The wait in words: what, since when, until when, who can end it, what happens then (markdown, Russian)."""
    if wait is None:
        return f"**{title}**"
    until = f"{wait.until:%d.%m.%Y %H:%M} UTC" if wait.until else "без срока"
    return "\n".join(
        (
            f"**{title}**",
            "",
            f"- Чего ждёт: {wait_title(wait.reason)}",
            f"- С какого времени: {wait.since:%d.%m.%Y %H:%M} UTC",
            f"- До какого времени: {until}",
            f"- Что закончит: {ended_by(wait.reason)}",
            f"- Если срок выйдет: {on_expiry_text(wait.on_expiry)}",
        )
    )
