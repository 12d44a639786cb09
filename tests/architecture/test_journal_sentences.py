"""Every event that the code writes into the journal has a sentence people can read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.approvals import ApprovalKind
from domain.credit import Outcome
from domain.orders import ENDED, OrderStatus, WaitReason
from domain.wording import event_text
from domain.wording.history import EVENTS, SUBJECTS, VARIANTS
from domain.wording.speech import MISSING

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("activities", "api", "cli", "workflows")
ANSWERS = {"approved", "rejected", "rework", "outdated"}
COMPUTED = {
    ("activities/approvals.py", "state"): ANSWERS,
    ("activities/dunning.py", "SETTLED"): {"invoice_settled"},
    ("activities/notifications.py", "f'message_{state}'"): {
        "message_done", "message_failed", "message_unknown", "message_cancelled",
    },
    ("activities/orders.py", "request.status"): {str(status) for status in ENDED - {OrderStatus.CLOSED}},
    ("activities/persistence/dunning.py", "f'dunning_{state}'"): {"dunning_done", "dunning_skipped"},
    ("activities/persistence/policy_versions.py", "event"): {"policy_published", "policy_rejected"},
    ("activities/persistence/import_task.py", "event"): set[str](),
    ("activities/persistence/rates.py", "event"): {"rate_recorded", "rate_corrected"},
    ("activities/gate.py", "f'gate_{command.verdict}'"): {"gate_hold", "gate_ship", "gate_unpick"},
    ("activities/grants.py", "event"): {"grant_begun", "grant_warned", "grant_ended"},
    ("activities/persistence/reassignment_requests.py", "event"): {
        "reassignment_requested", "reassignment_approved", "reassignment_rejected", "reassignment_void",
    },
    ("activities/persistence/limit_changes.py", "event"): {
        "grant_requested", "grant_approved", "grant_rejected", "grant_revoked",
    },
}  # fmt: skip
"""Names that are no literal, by file and expression; those of an import stand at its calls of `journal`."""


def calls() -> Iterator[tuple[str, ast.expr, ast.expr]]:
    """File, subject and event of everything that is written into the journal."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or len(node.args) < 3:
                    continue
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name == "record_event":
                    yield str(path.relative_to(ROOT)), node.args[1], node.args[3]
                elif name == "journal":
                    yield str(path.relative_to(ROOT)), node.args[0], node.args[2]


def names_of(file: str, event: ast.expr) -> set[str]:
    match event:
        case ast.Constant(value=str(name)):
            return {name}
        case ast.IfExp(body=body, orelse=orelse):
            return names_of(file, body) | names_of(file, orelse)
        case _:
            place = (file, ast.unparse(event))
            assert place in COMPUTED, f"name the events of {place} here"
            return COMPUTED[place]


def events() -> set[str]:
    return {name for file, _, event in calls() for name in names_of(file, event)}


def test_every_event_of_the_code_has_a_sentence() -> None:
    known = {key.split(":")[0] for key in EVENTS} | {key.split(":")[-1] for key in EVENTS}
    assert events() - known == set()
    assert len(events()) > 40


def test_every_subject_has_a_name() -> None:
    named = {subject.value for _, subject, _ in calls() if isinstance(subject, ast.Constant)}
    assert named - set(SUBJECTS) == set()


@pytest.mark.parametrize("kind", [None, *ApprovalKind])
@pytest.mark.parametrize("event", sorted(ANSWERS))
def test_every_answer_to_every_kind_of_request_is_told(event: str, kind: str | None) -> None:
    facts = {"revision": 2, "ceiling": "1.00", "currency": "KZT"} | ({"kind": str(kind)} if kind else {})
    text = event_text(event, subject="order", **facts)
    assert text != event
    assert MISSING not in text


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_told_with_its_figures(outcome: str) -> None:
    facts = {"outcome": outcome, "revision": 1, "exposure": "2.00", "figures": {"limit": "1.00"}, "currency": "RUB"}
    for event in ("credit_decided", "gate_decided"):
        text = event_text(event, **facts)
        assert "2,00\u00a0₽" in text
        assert MISSING not in text


def test_the_same_event_of_another_subject_is_another_sentence() -> None:
    figures = {"amount": "5.00", "currency": "RUB"}
    assert event_text("payment_received", subject="order", **figures) == "Поступила оплата 5,00\u00a0₽."
    assert event_text("payment_received", residual="1.00", **figures).endswith("остаток 1,00\u00a0₽.")


def test_comment_and_deputy_are_told() -> None:
    text = event_text("rework", revision=2, comment="Разбить на две", answered_for="Олег Сергеев")
    assert text == (
        "Ревизия 2 возвращена на доработку. Решение дано за того, кого нет на месте: Олег Сергеев. "
        "Комментарий: «Разбить на две»."
    )
    assert event_text("closed", comment="") == "Заказ завершён."


def test_changes_are_told_field_by_field() -> None:
    changes = {"quote_days": {"from": 7, "to": 9}, "stop_ratio": "3"}
    text = event_text("policy_proposed", policy_version=3, effective_from="2026-04-06", changes=changes)
    assert text == "Предложена версия 3 политики с 06.04.2026: quote_days: 7 → 9, stop_ratio: 3."


@pytest.mark.parametrize(
    ("event", "shares", "told"),
    [
        ("created", {"hold_back": "20"}, "Группа товаров заведена, для ключевых клиентов остаётся 20 %."),
        ("created", {"hold_back": None}, "Группа товаров заведена, доля для ключевых клиентов — по общей политике."),
        ("changed", {"before": "10", "hold_back": "20"},
         "Группа товаров изменена: для ключевых клиентов оставалось 10 %, теперь 20 %."),
        ("changed", {"before": None, "hold_back": "20"},
         "Группа товаров изменена: доля для ключевых клиентов была по общей политике, теперь 20 %."),
        ("changed", {"before": "10", "hold_back": None},
         "Группа товаров изменена: для ключевых клиентов оставалось 10 %, теперь доля — по общей политике."),
        ("changed", {"before": None, "hold_back": None},
         "Группа товаров изменена, доля для ключевых клиентов — по общей политике."),
    ],
)  # fmt: skip
def test_a_group_without_a_share_goes_by_the_policy(event: str, shares: dict[str, str | None], told: str) -> None:
    assert event_text(f"item_group_{event}", subject="item_group", **shares) == told


def test_every_event_that_has_kinds_has_a_sentence_for_one() -> None:
    kinds = {key.partition(":")[0] for key in EVENTS if ":" in key}
    assert set(VARIANTS) == kinds - set(SUBJECTS)


def test_where_an_order_was_moved_is_said_by_its_status_and_what_it_waits_for() -> None:
    kinds = [key.split(":")[1:] for key in EVENTS if key.startswith("order_moved:")]
    assert all(status in set(OrderStatus) and reason in set(WaitReason) for status, reason in kinds)
    moved = event_text("order_moved", subject="order", status="part_reserved", waits_for="payment")
    assert moved == "В резерве только часть товара, заказ ждёт оплаты."
    assert event_text("order_moved", status="picking", waits_for="shipment") == "Заказ перешёл на следующий этап."


def test_a_code_is_no_comment() -> None:
    figures = {"amount": "5.00", "until": "2026-04-06", "reason": "quality", "currency": "RUB"}
    assert event_text("dispute_opened", **figures) == "Открыт спор на 5,00\u00a0₽ до 06.04.2026: quality."
    assert event_text("trade_stopped", reason="Суд") == "Торговля с клиентом остановлена. Комментарий: «Суд»."
