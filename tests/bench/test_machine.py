"""Which code a figure is of."""

import subprocess
from pathlib import Path

import pytest

from bench.machine import Machine, commit_of

GIT = ("git", "-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")


def git(folder: Path, *words: str) -> str:
    return subprocess.run([*GIT, *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "Begin")
    git(tmp_path, "tag", "-a", "v1", "-m", "One")
    commit_of.cache_clear()
    return tmp_path


def test_a_checkout_has_its_commit(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert commit_of(checkout) == head[:12]


def test_a_changed_checkout_says_so_but_not_for_what_a_run_wrote(checkout: Path) -> None:
    clean = commit_of(checkout)
    (checkout / "file").write_text("two")
    assert commit_of(checkout) == clean
    commit_of.cache_clear()
    assert commit_of(checkout) == f"{clean}-dirty"


def test_an_unpacked_archive_has_none_even_within_a_checkout(checkout: Path) -> None:
    archive = checkout / "archive"
    archive.mkdir()
    assert commit_of(archive) is None


def test_without_git_it_is_not_known(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert commit_of(checkout) is None


def test_the_commit_stands_beside_the_machine_where_it_is_known() -> None:
    assert Machine("Linux", 2, 24, "3.11", 0.1, "abc").sentence().endswith(", код abc")
    assert "код" not in Machine("Linux", 2, 24, "3.11", 0.1).sentence()
