"""A short search for answers that the description does not promise; `./opora fuzz` is the long one."""

import re
from pathlib import Path

import pytest
from support.stack import opora

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_the_api_does_what_its_description_says() -> None:
    """No failure, nothing undescribed, nothing of another's, on a whole stack, as everybody of the company."""
    told = opora("fuzz", "--seconds", "25", "--seed", "1", timeout=220)
    assert told.returncode == 0, told.stdout[-8_000:]
    cases = re.search(r"(\d+) generated", told.stdout)
    assert cases is not None
    assert int(cases[1]) > 500, told.stdout[-2_000:]


def test_without_a_stack_it_says_what_to_do(tmp_path: Path) -> None:
    told = opora("fuzz", "--data", tmp_path / "none")
    assert told.returncode == 1
    assert "./opora up" in told.stdout + told.stderr
    assert "Traceback" not in told.stdout + told.stderr
