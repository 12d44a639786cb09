"""The harness itself, on a shop of one file: what counts as noticed, and what does not."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.local.problems import StackError
from cli.mutants.catalogue import Mutant, chosen, load
from cli.mutants.command import run_mutants
from cli.mutants.trial import Verdict, a_copy, attempt

SHOP = "def owed(total, paid):\n    return total - paid\n"
TESTS = """
import pytest
from shop import owed

@pytest.fixture
def debt():
    assert owed(1, 1) == 0, "not in a test"
    return owed(3, 1)

def test_owed():
    assert owed(3, 1) == 2

def test_nothing_paid():
    assert owed(3, 0) == 3

def test_debt(debt):
    assert debt
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    tree = tmp_path / "shop"
    tree.mkdir()
    (tree / "shop.py").write_text(SHOP)
    (tree / "test_shop.py").write_text(TESTS)
    (tree / ".git").mkdir()
    return tree


def a_mutant(new: str, *tests: str, old: str = "total - paid", name: str = "m") -> Mutant:
    return Mutant("shop", name, "D1-8", "Долг считается не так.", "shop.py", old, new, tests or ("test_shop.py",))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutant", "verdict", "told"),
    [
        pytest.param(a_mutant("total + paid"), Verdict.KILLED, "test_owed: assert 4 == 2", id="an assertion"),
        pytest.param(
            a_mutant("total + paid", "test_shop.py::test_nothing_paid"), Verdict.SURVIVED, "", id="nobody looks"
        ),
        pytest.param(a_mutant("total - pied"), Verdict.BROKEN, "NameError", id="code that cannot run"),
        pytest.param(a_mutant("total -"), Verdict.BROKEN, "during collection", id="code that cannot be read"),
        pytest.param(
            a_mutant("total + paid", "test_shop.py::test_debt"), Verdict.BROKEN, "not in a test", id="before the test"
        ),
        pytest.param(a_mutant("0", "test_shop.py::test_gone"), Verdict.BROKEN, "test_gone", id="no such test"),
        pytest.param(a_mutant("0", old="paid - total"), Verdict.STALE, "найдено мест: 0", id="its place is gone"),
        pytest.param(a_mutant("0", old="total"), Verdict.STALE, "найдено мест: 2", id="its place is not one"),
    ],
)
def test_what_becomes_of_it(shop: Path, mutant: Mutant, verdict: Verdict, told: str) -> None:
    before = (shop / "shop.py").stat().st_mtime_ns

    trial = attempt(shop, mutant)

    assert (trial.verdict, told in trial.told) == (verdict, True), trial.told
    assert (shop / "shop.py").read_text() == SHOP
    assert (shop / "shop.py").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_test_that_hangs_kills_nothing(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.mutants.trial.LONGEST", 2)
    trial = attempt(shop, a_mutant("all(True for _ in iter(int, 1))"))
    assert trial.verdict is Verdict.BROKEN
    assert "дольше" in trial.told


def test_the_work_tree_is_left_alone(shop: Path) -> None:
    with a_copy(shop) as tree:
        (tree / "shop.py").write_text("")
        assert sorted(path.name for path in tree.iterdir()) == ["shop.py", "test_shop.py"]
    assert (shop / "shop.py").read_text() == SHOP
    assert not tree.exists()


def a_list(tmp_path: Path, *entries: tuple[str, str]) -> Path:
    lists = tmp_path / "lists"
    lists.mkdir()
    tables = [
        f'[[mutant]]\nname = "{name}"\nrule = "D1-8"\nbreaks = "Долг."\nfile = "shop.py"\nold = "total - paid"\n'
        f'new = "{new}"\ntests = ["test_shop.py::test_owed"]\n'
        for name, new in entries
    ]
    (lists / "shop.toml").write_text("\n".join(tables))
    return lists


@pytest.mark.slow
def test_one_survivor_is_one_too_many(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists = a_list(tmp_path, ("added", "total + paid"), ("turned", "-(paid - total)"))
    report = tmp_path / "report.json"

    assert not run_mutants([], jobs=2, json_file=report, root=shop, lists=lists)
    assert "убито 1, выжило 1, устарело 0, негодно 0" in capsys.readouterr().out
    assert '"verdict": "survived"' in report.read_text()
    assert run_mutants(["add*"], jobs=1, root=shop, lists=lists)


@pytest.mark.slow
def test_tests_that_fail_anyway_prove_nothing(shop: Path, tmp_path: Path) -> None:
    (shop / "shop.py").write_text(SHOP.replace("total - paid", "total - paid + 1 - 0 * (total - paid)"))
    with pytest.raises(StackError, match="не проходят и без намеренных ошибок: test_owed"):
        run_mutants([], jobs=1, root=shop, lists=a_list(tmp_path, ("added", "total + paid")))


def test_they_are_chosen_by_name_by_star_and_by_room() -> None:
    mutants = [a_mutant("0", name="not-locked"), a_mutant("0", name="not-paid"), a_mutant("0", name="late")]
    assert [mutant.name for mutant in chosen(mutants, [])] == ["not-locked", "not-paid", "late"]
    assert [mutant.name for mutant in chosen(mutants, ["late", "not-l*"])] == ["not-locked", "late"]
    assert len(chosen(mutants, ["shop"])) == 3
    with pytest.raises(LookupError, match="lost"):
        chosen(mutants, ["lost"])


def test_the_list_is_printed() -> None:
    answer = CliRunner().invoke(app, ["mutants", "--list"], env={"COLUMNS": "400"})
    assert answer.exit_code == 0, answer.output
    assert all(mutant.name in answer.output and mutant.breaks in answer.output for mutant in load())


def test_a_name_that_fits_none_is_one_sentence() -> None:
    answer = CliRunner().invoke(app, ["mutants", "nobody"])
    assert isinstance(answer.exception, StackError)
    assert "nobody" in str(answer.exception)
