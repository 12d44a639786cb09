"""Whole letters as a customer reads them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from jinja2 import UndefinedError

from activities.dunning_effects import LETTER_TEMPLATES
from activities.letters import compose

ANNA = SimpleNamespace(name="Анна Ким", email="anna@opora.local")
DEBT = {
    "company": "ТОО «Опора Снаб»",
    "invoice": "СФ-000017",
    "issued": date(2026, 4, 1),
    "due": date(2026, 4, 15),
    "amount": Decimal("275000.00"),
    "total": Decimal("275000.00"),
    "currency": "KZT",
    "days": 5,
    "customer": "ООО «Ромашка»",
    "others": [],
    "sums_owed": [("KZT", Decimal("275000.00"))],
}


def test_the_first_letter_about_a_debt() -> None:
    letter = compose("dunning_letter", manager=ANNA, **DEBT)

    assert letter.subject == "Напоминание об оплате счёта СФ-000017"
    assert (
        letter.body.replace("\u00a0", " ")
        == """\
Здравствуйте!

Напоминаем, что срок оплаты счёта СФ-000017 истёк 5 дней назад.

Счёт: СФ-000017 от 01.04.2026
Срок оплаты: 15.04.2026
К оплате: 275 000,00 ₸

Пожалуйста, оплатите счёт. Если деньги уже отправлены, пришлите, пожалуйста, копию платёжного
поручения в ответ на это письмо.

С уважением,
ТОО «Опора Снаб»

Ваш менеджер: Анна Ким, anna@opora.local
"""
    )


def test_a_part_paid_invoice_shows_both_sums() -> None:
    letter = compose("dunning_call", **DEBT | {"amount": Decimal("1000.00")})
    assert "К оплате: 1\u00a0000,00\u00a0₸\nСумма счёта: 275\u00a0000,00\u00a0₸\n\n" in letter.body
    assert letter.body.endswith("С уважением,\nТОО «Опора Снаб»\n")


def test_d10_4_everything_else_that_is_late_is_listed() -> None:
    other = SimpleNamespace(
        number="СФ-000018", issued=date(2026, 4, 2), due=date(2026, 4, 16), residual=Decimal("100.50"),
        currency="KZT",
    )  # fmt: skip
    letter = compose("dunning_letter", **DEBT | {"others": [other], "sums_owed": [("KZT", Decimal("275100.50"))]})
    assert """\
К оплате: 275 000,00 ₸

Также не оплачены в срок:
— счёт СФ-000018 от 02.04.2026, срок 16.04.2026: 100,50 ₸
Всего к оплате: 275 100,50 ₸

Пожалуйста""" in letter.body.replace("\u00a0", " ")


def test_d2_18_debts_in_two_currencies_are_listed_and_summed_apart() -> None:
    other = SimpleNamespace(
        number="СФ-000018", issued=date(2026, 4, 2), due=date(2026, 4, 16), residual=Decimal("100.50"),
        currency="RUB",
    )  # fmt: skip
    owed = [("KZT", Decimal("275000.00")), ("RUB", Decimal("100.50"))]
    body = compose("dunning_letter", **DEBT | {"others": [other], "sums_owed": owed}).body.replace("\u00a0", " ")
    assert "— счёт СФ-000018 от 02.04.2026, срок 16.04.2026: 100,50 ₽" in body
    assert "Всего к оплате: 275 000,00 ₸ и 100,50 ₽" in body


@pytest.mark.parametrize("template", LETTER_TEMPLATES.values())
def test_every_letter_about_a_debt_has_all_its_parts(template: str) -> None:
    letter = compose(template, manager=ANNA, **DEBT)
    assert "5 дней назад" in letter.body
    assert "К оплате: 275\u00a0000,00\u00a0₸" in letter.body
    assert "\n\n\n" not in letter.body


def test_the_reminder_of_a_reserve() -> None:
    letter = compose(
        "reservation_reminder", company="ТОО «Опора Снаб»", manager=ANNA, order="З-000001", days=4,
        amount=Decimal(5000), currency="KZT", until=datetime(2026, 4, 13, 10, tzinfo=UTC),
    )  # fmt: skip
    assert letter.body.replace("\u00a0", " ").startswith(
        "Здравствуйте!\n\nВаш заказ ждёт оплаты, резерв действует ещё 4 дня.\n\n"
        "Заказ: З-000001\nК оплате: 5 000,00 ₸\nРезерв действует до: 13.04.2026 10:00\n\nЕсли деньги уже отправлены"
    )


def test_nothing_of_the_customer_is_taken_for_a_template() -> None:
    letter = compose("dunning_letter", **DEBT | {"company": "{{ 7 * 7 }} <b>"})
    assert "{{ 7 * 7 }} <b>" in letter.body


def test_a_missing_figure_is_a_bug() -> None:
    with pytest.raises((UndefinedError, TypeError)):
        compose("dunning_letter", company="ТОО", invoice="1")
