import importlib
import pkgutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

import domain
from domain import wording
from domain.credit import ReasonCode
from domain.errors import DomainError
from domain.explanation import GATE_CURES
from domain.explanation_credit import CURED
from domain.orders import OnExpiry, OrderStatus, Role, WaitReason
from domain.shipment_gate import NOT_CREDIT
from domain.tasks import ACTIONS, CallResult, TaskKind
from domain.wording import RUSSIAN, Speech, names, plural, refusals, waits

CATALOGUE = Path(__file__).parents[2] / "locale/en/LC_MESSAGES/opora.po"


def english() -> Speech:
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale="en")

    def translate(text: str) -> str:
        message = catalogue.get(text)
        return str(message.string) if message and message.string else text

    return Speech("en", translate)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 дней"), (1, "1 день"), (2, "2 дня"), (4, "4 дня"), (5, "5 дней"), (11, "11 дней"), (12, "12 дней"),
        (14, "14 дней"), (20, "20 дней"), (21, "21 день"), (22, "22 дня"), (101, "101 день"), (111, "111 дней"),
    ],
)  # fmt: skip
def test_russian_counts(number: int, text: str) -> None:
    assert RUSSIAN.counted(number, "days") == text


def test_every_counted_thing_has_three_russian_forms() -> None:
    assert plural(21, "счёт", "счёта", "счетов") == "счёт"
    assert [RUSSIAN.counted(n, "working_days") for n in (1, 3, 5)] == [
        "1 рабочий день", "3 рабочих дня", "5 рабочих дней",
    ]  # fmt: skip


def test_money_is_grouped_with_unbreakable_spaces() -> None:
    assert RUSSIAN.money(Decimal("700975"), "KZT") == "700\u00a0975,00\u00a0₸"
    assert RUSSIAN.money("1000.00", "RUB") == "1\u00a0000,00\u00a0₽"
    assert RUSSIAN.money("-0.50", "RUB") == "−0,50\u00a0₽"
    assert english().money("700975.00", "KZT") == "700,975.00\u00a0KZT"


def test_dates_moments_and_quantities() -> None:
    assert RUSSIAN.day(date(2026, 1, 25)) == "25.01.2026"
    assert RUSSIAN.moment(datetime(2026, 1, 25, 9, 5, tzinfo=UTC)) == "25.01.2026 09:05"
    assert RUSSIAN.quantity(Decimal("12.500")) == "12,5"
    assert RUSSIAN.quantity(Decimal("100.000")) == "100"
    assert english().day(date(2026, 1, 25)) == "25 Jan 2026"


def test_the_seed_reminder_of_a_reserve() -> None:
    """D7-4, the seed's very words."""
    text = wording.letter("reservation_reminder", days=4, order="З-1")
    assert text.lead == "Ваш заказ ждёт оплаты, резерв действует ещё 4 дня"


@pytest.mark.parametrize(("days", "said"), [(1, "1 день"), (3, "3 дня"), (5, "5 дней"), (21, "21 день")])
def test_the_seed_letter_about_an_overdue_invoice(days: int, said: str) -> None:
    """D10, +3: with the actual number of days."""
    text = wording.letter("dunning_letter", days=days, invoice="№ 17")
    assert text.lead == f"Напоминаем, что срок оплаты счёта № 17 истёк {said} назад"


def test_the_seed_notice_to_the_manager() -> None:
    """D10, +3."""
    text = wording.notice("dunning_letter", customer="ООО «Ромашка»", amount="275000.00", currency="KZT")
    assert text.lead == "У ООО «Ромашка» просрочка 275\u00a0000,00\u00a0₸, нужно связаться"


def test_a_reason_names_its_figures() -> None:
    text = wording.reason_text("OVERDUE_APPROVAL", days="4", amount="50000.00", currency="RUB")
    assert text == "Просрочка 50\u00a0000,00\u00a0₽, 4 дня: нужно согласование руководителя."


def test_a_missing_or_odd_figure_does_not_break_a_sentence() -> None:
    assert wording.refusal_text("product_not_found") == (
        "Товара — нет в каталоге. Проверьте артикул или заведите товар."
    )
    assert "{0}" in wording.refusal_text("product_not_found", sku="{0}")
    assert "вчера" in wording.refusal_text("already_decided", by="А", at="вчера")
    assert wording.refusal_text("never_heard_of") == refusals.REFUSALS["refused"]


def test_every_refusal_has_a_sentence() -> None:
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)

    def descendants(cls: type[DomainError]) -> set[str]:
        return {cls.code}.union(*(descendants(sub) for sub in cls.__subclasses__()))

    assert descendants(DomainError) - set(refusals.REFUSALS) == set()


def test_every_code_has_a_name() -> None:
    assert set(waits.TITLES) == set(waits.ENDED_BY) == set(WaitReason)
    assert set(waits.WHY) == set(waits.THEN) >= set(WaitReason)
    assert set(waits.ON_EXPIRY) == set(OnExpiry)
    assert set(names.ORDER_STATUSES) == set(OrderStatus)
    assert set(names.ROLES) == set(Role)
    assert set(names.TASK_KINDS) == set(TaskKind)
    assert set(names.CALL_RESULTS) == set(CallResult)
    assert set(ReasonCode) <= set(wording.credit.REASONS)


def test_every_sentence_is_translated_with_the_same_figures() -> None:
    speech = english()

    def figures(text: str) -> set[tuple[str | None, str | None]]:
        return {(name, kind) for _, name, kind, _ in Formatter().parse(text) if name}

    untranslated = [text for text in wording.message_ids() if speech.translate(text) == text]
    assert untranslated == []
    for text in wording.message_ids():
        assert figures(speech.translate(text)) == figures(text), text


def test_the_catalogue_keeps_nothing_that_is_no_longer_said() -> None:
    with CATALOGUE.open("rb") as file:
        kept = {message.id for message in read_po(file, locale="en") if message.id}
    assert kept - set(wording.message_ids()) == set()


def test_english_says_the_same() -> None:
    text = wording.letter("reservation_reminder", english(), days=1, order="З-1")
    assert text.lead == "Your order is awaiting payment, the reservation holds for another 1 day"


def test_a_decision_without_a_comment_ends_with_the_decision() -> None:
    facts = {"order": "ЗК-1", "customer": "А", "decision": "согласован, Олег Петров"}
    assert wording.notice("approval_decided", comment="", **facts).lead == "А: заказ ЗК-1 — согласован, Олег Петров"
    assert wording.notice("approval_decided", comment="Да", **facts).lead.endswith("Олег Петров. Да")


def test_a_stop_that_no_money_lifts_asks_for_none() -> None:
    """D2-8: a manual ban."""
    facts = {"order": "ЗК-1", "customer": "А", "currency": "RUB"}
    stopped = wording.notice("credit_stopped", needed=Decimal(0), **facts)
    assert stopped.lead == "А: заказ ЗК-1 остановлен, оплата остановку не снимет. Кто может её снять, видно в заказе"
    assert wording.notice("credit_stopped", needed=Decimal("0.01"), **facts).lead.endswith("нужно 0,01\u00a0₽")
    assert "остановку снимет не оплата" in wording.task_subject("credit_stop", needed="0.00", **facts)
    assert wording.task_subject("credit_stop", needed="5.00", **facts).endswith("получить 5,00\u00a0₽")


def test_a_refusal_names_states_and_roles() -> None:
    text = wording.refusal_text("wrong_state", status="cancelling")
    assert text == "Заказ сейчас в состоянии «Отменяется»: это действие невозможно. Обновите заказ."
    assert "Being cancelled" in wording.refusal_text("wrong_state", english(), status="cancelling")
    assert wording.refusal_text("forbidden", allowed="head, director, admin") == (
        "Это действие вам недоступно. Его выполняет руководитель отдела продаж, директор или администратор."
    )
    assert wording.refusal_text("forbidden") == refusals.REFUSALS["forbidden"]


def test_nothing_picked_names_a_warehouse_only_where_one_was_named() -> None:
    at_one = wording.refusal_text("nothing_picked", warehouse="south")
    assert at_one == "На складе south по этому заказу ничего не собрано. Проверьте склад или обновите заказ."
    for nowhere in ({}, {"warehouse": ""}, {"warehouse": None}):
        told = wording.refusal_text("nothing_picked", **nowhere)
        assert told == "По этому заказу ничего не собрано. Обновите заказ."


def test_every_task_that_an_action_closes_names_it() -> None:
    assert set(refusals.DONE_BY) == set(ACTIONS)
    for kind in ACTIONS:
        assert "POST /x" in wording.refusal_text("task_done_by_action", kind=kind, action="POST /x")


def test_every_reason_that_holds_an_order_names_what_lifts_it() -> None:
    """D2-8, D2-12"""
    assert CURED | {"NO_CREDIT_SUSPENDED", "LEGAL_CASE_PREPAID"} == set(wording.credit.CURES)
    assert set(wording.credit.GATE_CURES) == set(GATE_CURES)
    assert set(ReasonCode) - CURED - NOT_CREDIT == {ReasonCode.OVERDUE_NOTE, ReasonCode.WATCH}


def test_a_deputy_is_told_whom_they_answer_for() -> None:
    """D4-4"""
    facts = {"order": "ЗК-1", "customer": "А", "amount": "5", "currency": "RUB", "until": datetime(2026, 4, 9, 10, 0)}
    asked = wording.notice("approval_asked", instead_of="Олег Сергеев", **facts)
    assert asked.lead.endswith("до 09.04.2026 10:00. Вы отвечаете как заместитель (Олег Сергеев)")
    again = wording.notice("approval_reminder", instead_of="Олег Сергеев", **facts)
    assert again.lead.endswith("Вы отвечаете как заместитель (Олег Сергеев)")
    assert "заместитель" not in wording.notice("approval_asked", **facts).lead


def test_what_ends_a_wait_is_one_sentence() -> None:
    for reason in WaitReason:
        text = wording.ended_by(reason)
        assert text[0].isupper()
        assert text.count(".") == 1
