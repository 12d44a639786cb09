"""Texts kept word for word: `## name`, the Russian line, the English one; `~` is a space that never breaks."""

from pathlib import Path

DATA = Path(__file__).parents[1] / "data/why"


def golden(file: str) -> dict[str, tuple[str, str]]:
    """The kept texts by name."""
    texts = {}
    for part in (DATA / file).read_text(encoding="utf-8").split("## ")[1:]:
        name, russian, english = part.strip().splitlines()
        texts[name.strip()] = (russian, english)
    return texts


def kept(text: str) -> str:
    """A text as the files keep it."""
    return text.replace("\u00a0", "~")
