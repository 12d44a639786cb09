"""The drill: a backup under load, more work, everything lost, restored: frozen, reconciled, thawed, and all goes on."""

import json
import re
import shutil
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from support.api import another_bin
from support.patience import PATIENCE, wait_until
from support.stack import RunningStack, opora, running_stack

from activities.persistence.mailbox import Mailbox
from cli.chaos.invariants import ALWAYS, find
from cli.chaos.watch import snapshot_of

TIMED = re.compile(r", \d+\.\d с\.$", re.MULTILINE)
"""What a backup and a restore say of the time they took."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@dataclass
class Desk:
    """People of a company at a running stack."""

    stack: RunningStack
    customers: dict[int, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, *, by: str = "manager") -> Any:
        known = self.stack.run_json()
        answer = httpx2.request(
            method, f"{known['api']}/api/v1{path}", json=body, timeout=PATIENCE, trust_env=False,
            headers={"Authorization": f"Bearer {known['keys'][by]}"},
        )  # fmt: skip
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        return answer.json()

    def open_shop(self) -> None:
        """A product with goods, and a customer for each share of prepayment."""
        self.call("POST", "/item-groups", {"code": "all", "name": "Всё", "hold_back_percent": "0"}, by="head")
        product = {"sku": "CEM", "name": "Цемент", "unit": "меш", "price": "1000.00", "vat_rate": "12"}
        self.call("POST", "/products", product | {"item_group": "all"}, by="head")
        receipt = {"warehouse": "main", "lines": [{"sku": "CEM", "quantity": "1000"}]}
        self.call("POST", "/stock/receipts", receipt, by="warehouse")
        for prepayment, tax_id in ((100, another_bin(1)), (0, another_bin(2))):
            self.customers[prepayment] = self._customer(prepayment, tax_id)

    def _customer(self, prepayment: int, tax_id: str) -> str:
        body = {
            "name": f"ТОО «Клиент {prepayment}»", "country": "KZ", "tax_id": tax_id, "segment": "standard",
            "currency": "KZT", "credit_limit": "10000000.00", "manager": "manager",
            "payment_terms": {"deferral_days": 14, "prepayment_percent": prepayment},
            "contacts": [{"role": "buyer", "name": "Анна", "email": "anna@klient.test", "phone": "+77011112233"}],
            "contract": {"number": "Д-1", "signed_on": "2026-01-12"},
        }  # fmt: skip
        return str(self.call("POST", "/customers", body, by="head")["id"])

    def order(self, prepayment: int, *, place: bool = True) -> str:
        body = {"customer_id": self.customers[prepayment], "lines": [{"sku": "CEM", "quantity": "2"}]}
        order = str(self.call("POST", "/orders", body)["id"])
        if place:
            self.call("POST", f"/orders/{order}/place")
            self.reaches(order, "awaiting_payment" if prepayment else "ready")
        return order

    def number(self, order: str) -> str:
        return str(self.call("GET", f"/orders/{order}")["number"])

    def pay(self, order: str) -> None:
        body = {
            "external_id": f"pay-{order}", "date": time.strftime("%Y-%m-%d"), "payer_tax_id": another_bin(1),
            "amount": {"amount": "2000.00", "currency": "KZT"}, "purpose": f"Оплата по заказу {self.number(order)}",
        }  # fmt: skip
        self.call("POST", "/payments", body, by="accountant")

    def pick(self, order: str) -> None:
        self.call("POST", f"/orders/{order}/start-picking", by="warehouse")
        self.reaches(order, "picking")

    def ship(self, order: str) -> None:
        self.call("POST", f"/orders/{order}/ship", {}, by="warehouse")

    def status(self, order: str) -> str:
        return str(self.call("GET", f"/orders/{order}", by="head")["status"])

    def reaches(self, order: str, *statuses: str) -> None:
        wait_until(lambda: self.status(order) in statuses, 30, lambda: f"{order}: {self.status(order)}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drill")


def sent_letters(mail: Path) -> Counter[str | None]:
    return Counter(letter.message_id for letter in Mailbox(mail).messages())


def open_processes(stack: RunningStack, kind: str) -> set[str]:
    import asyncio

    from workflows.client import connect

    async def ask() -> set[str]:
        client = await connect(stack.run_json()["temporal"])
        query = f"WorkflowType = '{kind}' AND ExecutionStatus = 'Running'"
        return {each.id async for each in client.list_workflows(query)}

    return asyncio.run(ask())


def query(stack: RunningStack, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(stack.run_json()["database"]) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def drilled(home: Path) -> Iterator[tuple[Desk, dict[str, str]]]:
    """The restored stack, not reconciled yet, and the orders by where they stood at the backup."""
    with running_stack(home / "first", "--encrypt") as stack:
        desk = Desk(stack)
        desk.open_shop()
        orders = {
            "quoted": desk.order(100, place=False),
            "unpaid": desk.order(100),
            "ready": desk.order(0),
            "picking": desk.order(0),
            "shipped": desk.order(0),
            "paid_later": desk.order(100),
            "shipped_later": desk.order(0),
        }
        for name in ("picking", "shipped", "shipped_later"):
            desk.pick(orders[name])
        desk.ship(orders["shipped"])
        stopping, load = threading.Event(), []

        def work() -> None:
            while not stopping.is_set():
                load.append(desk.order(0))

        worker = threading.Thread(target=work)
        worker.start()
        said = opora("backup", home / "copy", "--data", stack.data)
        stopping.set()
        worker.join()
        assert said.returncode == 0, said.stdout + said.stderr
        assert TIMED.search(said.stdout), said.stdout
        assert load
        desk.pay(orders["paid_later"])
        desk.reaches(orders["paid_later"], "ready")
        desk.ship(orders["shipped_later"])
        lost = desk.order(0)
        stack.kill_everything()

    said = opora("restore", home / "copy", "--data", home / "second")
    assert said.returncode == 0, said.stdout + said.stderr
    assert TIMED.search(said.stdout), said.stdout
    shutil.copytree(home / "first" / "mail", home / "second" / "mail", dirs_exist_ok=True)  # the world outside
    with running_stack(home / "second") as stack:
        yield Desk(stack, desk.customers), orders | {"lost": lost}


def test_restored_as_of_the_backup_and_frozen(drilled: tuple[Desk, dict[str, str]]) -> None:
    desk, orders = drilled
    stood = {name: desk.status(order) for name, order in orders.items() if name != "lost"}
    assert stood == {
        "quoted": "quoted", "unpaid": "awaiting_payment", "ready": "ready", "picking": "picking",
        "shipped": "awaiting_final_payment", "paid_later": "awaiting_payment", "shipped_later": "picking",
    }  # fmt: skip
    assert query(desk.stack, f"SELECT 1 FROM sales_order WHERE id = '{orders['lost']}'") == []
    assert query(desk.stack, "SELECT reason, reconciled_at FROM effect_freeze") == [("restore", None)]
    said = opora("doctor", "--data", desk.stack.data)
    assert "отправка писем остановлена с" in said.stdout
    assert said.returncode == 1
    said = opora("thaw", "--data", desk.stack.data)
    assert said.returncode == 1
    assert "reconcile" in said.stderr


def test_what_was_sealed_can_be_read(drilled: tuple[Desk, dict[str, str]], home: Path) -> None:
    keys = Path(drilled[0].stack.run_json()["payload_keys"])
    assert keys.parent == home / "second"
    assert keys.read_text() == (home / "first" / "payload.keys").read_text()
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600


def test_no_invariant_is_broken(drilled: tuple[Desk, dict[str, str]]) -> None:
    stack = drilled[0].stack
    for what in ("stock", "decisions", "journal"):
        said = opora("audit", what, "--data", stack.data)
        assert said.returncode == 0, said.stdout + said.stderr
    with snapshot_of(stack.run_json()["database"]) as snapshot:
        assert list(find(snapshot, ALWAYS)) == []


def test_while_frozen_letters_stay_planned(drilled: tuple[Desk, dict[str, str]]) -> None:
    desk, _ = drilled
    before = sent_letters(desk.stack.data / "mail")
    desk.order(0)
    time.sleep(1)
    assert sent_letters(desk.stack.data / "mail") == before
    assert query(desk.stack, "SELECT count(*) FROM outbound WHERE state = 'planned'")[0][0] > 0


def test_stock_that_does_not_add_up_keeps_the_house_frozen(drilled: tuple[Desk, dict[str, str]]) -> None:
    desk, _ = drilled
    miscounted = "UPDATE stock SET on_hand = on_hand + {} WHERE sku = (SELECT min(sku) FROM stock) RETURNING sku"
    [[sku]] = query(desk.stack, miscounted.format(1))
    try:
        said = opora("reconcile", "--data", desk.stack.data, timeout=120)
        assert (said.returncode, sku in said.stdout) == (1, True)
        assert "Осталось расхождений: 1." in said.stdout
        said = opora("thaw", "--data", desk.stack.data)
        assert (said.returncode, "--accept-findings" in said.stderr) == (1, True)
    finally:
        query(desk.stack, miscounted.format(-1))


def test_reconciled_and_thawed_every_order_goes_on_and_no_letter_goes_twice(
    drilled: tuple[Desk, dict[str, str]],
) -> None:
    desk, orders = drilled
    said = opora("reconcile", "--data", desk.stack.data, timeout=120)
    assert said.returncode == 0, said.stdout + said.stderr
    living = query(desk.stack, "SELECT id FROM sales_order WHERE ended_at IS NULL")
    assert open_processes(desk.stack, "OrderWorkflow") == {f"order/{row[0]}" for row in living}
    owed = query(desk.stack, "SELECT id FROM schedule_line WHERE residual > 0")
    assert open_processes(desk.stack, "InvoiceWorkflow") == {f"invoice/{row[0]}" for row in owed}
    assert opora("thaw", "--data", desk.stack.data).returncode == 0

    desk.call("POST", f"/orders/{orders['quoted']}/place")
    for name in ("quoted", "unpaid", "paid_later"):
        desk.reaches(orders[name], "awaiting_payment")
        desk.pay(orders[name])
        desk.reaches(orders[name], "ready")
    for name in ("quoted", "unpaid", "paid_later", "ready"):
        desk.pick(orders[name])
    for name in set(orders) - {"shipped", "lost"}:
        desk.ship(orders[name])
        desk.reaches(orders[name], "closed", "awaiting_final_payment")
    waiting = "SELECT key, state, error FROM outbound WHERE state IN ('planned','sending')"
    wait_until(lambda: not query(desk.stack, waiting), 90, lambda: str(query(desk.stack, waiting)))
    assert max(sent_letters(desk.stack.data / "mail").values()) == 1
    invoices = query(desk.stack, "SELECT order_id, count(*) FROM invoice GROUP BY 1 HAVING count(*) > 1")
    assert invoices == []
    test_no_invariant_is_broken(drilled)
    said = opora("doctor", "--data", desk.stack.data)
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda copy: (copy / "manifest.json").unlink(), "нет целой копии"),
        (lambda copy: (copy / "temporal.db").unlink(), "нет файла temporal.db"),
        (lambda copy: (copy / "base.tar.gz").write_bytes(b"short"), "контрольной суммой"),
        (lambda copy: _edit(copy, schema="9999"), "более новой Опорой"),
        (lambda copy: _edit(copy, format=2), "неизвестного вида"),
        (lambda copy: _edit(copy, made_by={"postgres": "99.0", "temporal": "1.0"}), "другими программами"),
    ],
)  # fmt: skip
def test_a_damaged_or_foreign_backup_is_refused(
    drilled: object, home: Path, tmp_path: Path, damage: Any, words: str
) -> None:
    copy = shutil.copytree(home / "copy", tmp_path / "copy")
    damage(copy)
    said = opora("restore", copy, "--data", tmp_path / "new")
    assert said.returncode == 1
    assert words in said.stderr
    assert not (tmp_path / "new").exists()
    assert list(tmp_path.iterdir()) == [copy]


def _edit(copy: Path, **changes: Any) -> None:
    manifest = copy / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


def test_a_full_directory_is_refused_on_both_sides(drilled: tuple[Desk, Any], home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("важное")
    said = opora("restore", home / "copy", "--data", tmp_path)
    assert (said.returncode, "не пуст" in said.stderr) == (1, True)
    said = opora("backup", tmp_path, "--data", drilled[0].stack.data)
    assert (said.returncode, "занят" in said.stderr) == (1, True)
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
