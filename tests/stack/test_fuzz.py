"""A short search for answers that the description does not promise; `./opora fuzz` is the long one."""

import re
from pathlib import Path

import pytest
from support.stack import LAUNCHER, opora

from cli.local.data import ROOT
from cli.mutants.trial import a_copy
from cli.peers import PEERS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_the_api_does_what_its_description_says() -> None:
    """No failure, nothing undescribed, nothing of another's, on a whole stack, as everybody of the company."""
    told = opora("fuzz", "--seconds", "45", "--seed", "1", timeout=220)
    assert told.returncode == 0, told.stdout[-8_000:]
    counted = re.search(r"Selected: (\d+)/\d+\s+Tested: (\d+).*?(\d+) generated", told.stdout, re.DOTALL)
    assert counted is not None, told.stdout[-2_000:]
    selected, tested, cases = (int(each) for each in counted.groups())
    assert selected == tested > 90
    assert cases > 2 * tested
    asked = dict(re.findall(r"(\w+) (\d+)", told.stdout.partition("Запросов: ")[2].partition("\n")[0]))
    others = re.search(r"Чужое спрошено: (\d+), адресов: (\d+)", told.stdout)
    assert others is not None, told.stdout[-2_000:]
    assert int(others[1]) > 20, "what one manager has, the other hardly asked for"
    assert int(others[2]) > 6
    followed = re.search(r"переходов по ответам: (\d+)", told.stdout)
    assert followed is not None, told.stdout[-2_000:]
    assert int(followed[1]) > 0, "nothing that an answer named was asked for"
    for peer in PEERS:
        assert int(asked.get(peer, 0)) > 10, asked
    assert set(asked) - {*PEERS, "никто"}, "what no manager may do was asked by nobody else"


@pytest.mark.matrix
def test_an_order_that_everybody_may_read_is_found() -> None:
    """The search bites: one manager is shown what belongs to the other."""
    scope = "return may_see(order, caller) or was_asked(session, order.id, caller)"
    with a_copy(ROOT) as tree:
        tree.parent.chmod(0o711)  # as root, PostgreSQL runs as somebody else
        (tree / ".venv").symlink_to(ROOT / ".venv")
        orders = tree / "api" / "routes" / "orders.py"
        source = orders.read_text()
        assert source.count(scope) == 1
        orders.write_text(source.replace(scope, "return True"))
        told = opora("fuzz", "--seconds", "5", "--seed", "1", timeout=220, launcher=tree / LAUNCHER.name)
    assert told.returncode == 1, told.stdout[-8_000:] + told.stderr
    leaks = [line for line in told.stdout.splitlines() if line.startswith("✗ GET ")]
    assert any("/api/v1/orders/{order_id}: manager2 получает 200" in leak for leak in leaks), told.stdout[-8_000:]
    assert all("/orders/{order_id}" in leak for leak in leaks)


def test_without_a_stack_it_says_what_to_do(tmp_path: Path) -> None:
    told = opora("fuzz", "--data", tmp_path / "none")
    assert told.returncode == 1
    assert "./opora up" in told.stdout + told.stderr
    assert "Traceback" not in told.stdout + told.stderr
