"""The launcher: any directory, an empty HOME, a wrong Python, an installation that fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.local.data import ROOT


def run(launcher: Path, *words: str, cwd: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(launcher), *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The launcher with one requirement that nobody can satisfy, and nothing installed."""
    home = tmp_path / "the copy"
    (home / "cli").mkdir(parents=True)
    (home / "requirements").mkdir()
    shutil.copy(ROOT / "opora", home)
    shutil.copy(ROOT / "cli" / "bootstrap.py", home / "cli")
    (home / "requirements" / "dev.txt").write_text(f"opora-no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    return home


def test_works_from_any_directory_through_a_link_with_an_empty_home(tmp_path: Path) -> None:
    (tmp_path / "cli.py").write_text("raise SystemExit('the wrong cli')")
    link = tmp_path / "opora"
    link.symlink_to(ROOT / "opora")
    said = run(link, "--help", cwd=tmp_path, PATH=os.environ["PATH"], HOME=str(tmp_path / "none"))
    assert said.returncode == 0, said.stderr
    assert "fast-forward" in said.stdout


def test_a_wrong_python_is_one_sentence(copy: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "cmp", "readlink"):
        (tools / name).symlink_to(str(shutil.which(name)))
    for name in ("python3.14", "python3", "python"):
        (tools / name).write_text("#!/bin/sh\nexit 1\n")
        (tools / name).chmod(0o755)
    said = run(copy / "opora", "up", cwd=tmp_path, PATH=str(tools))
    assert said.returncode == 1
    assert said.stdout == ""
    assert said.stderr.startswith("Нужен Python 3.11 или новее")
    assert len(said.stderr.splitlines()) == 1


@pytest.mark.slow
def test_an_installation_that_fails_is_one_sentence_and_is_tried_again(copy: Path, tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1", "UV_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    for _ in range(2):
        said = run(copy / "opora", "up", cwd=tmp_path, OPORA_PYTHON=sys.executable, **env)
        assert said.returncode == 1
        assert said.stdout == ""
        assert "Traceback" not in said.stderr
        *progress, sentence = said.stderr.splitlines()
        assert len(progress) == 1
        assert "нет готового пакета" in sentence


def test_a_package_that_went_missing_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "typer.py"
    broken.write_text("import a_package_that_went_missing\n")
    said = subprocess.run(
        [sys.executable, "-P", "-m", "cli", "up"],
        env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 1
    assert "удалите каталог .venv" in said.stderr
    assert len(said.stderr.splitlines()) == 1
