"""«Кому достался товар?»: every run of the queue for a product, in words (U18)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlmodel import Session, select
from starlette.testclient import TestClient
from support.api import bearer, doors, key_of
from support.company import MONDAY, Company, a_company, a_customer, a_product, a_quote
from support.goods import a_step, decide, pick, quote_of, receipt, reserve, ship_picked
from support.stock import answer_request, ask_goods

from activities.lifetimes import LifetimeActivities
from activities.persistence.party_tables import UserRow
from activities.short_close import ShortCloseActivities
from activities.stock import StockActivities
from activities.sweeps import SweepActivities
from api.app import create_app
from api.auth import key_hash
from domain.fulfilment import CloseShortCommand, CloseShortRequest
from domain.orders import LineQuantity
from domain.sweeps import SweepPage


@pytest.fixture
def staff(engine: Engine) -> Company:
    """A company whose people have keys."""
    company = a_company(engine)
    with Session(engine) as session, session.begin():
        for user in session.exec(select(UserRow)):
            user.key_hash = key_hash(key_of(user.login))
    return company


@pytest.fixture
def desk(engine: Engine, staff: Company) -> Iterator[TestClient]:
    with doors(create_app, engine) as client:
        yield client


def told(desk: TestClient, sku: str, *, by: str = "head", language: str = "ru", **params: Any) -> list[dict[str, Any]]:
    answer = desk.get(
        f"/api/v1/stock/{sku}/allocations", params=params, headers=bearer(by) | {"Accept-Language": language}
    )
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def placed(engine: Engine, staff: Company, customer: Any, sku: str, quantity: str, **terms: Any) -> str:
    order = a_quote(engine, staff.manager, customer, sku, quantity=quantity, **terms)
    decide(engine, staff, order)
    reserve(engine, order)
    return order


def parts(entries: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(each["number"], each["quantity"], each["rule"]) for each in entries]


def test_v26_the_shortage_is_told_with_rule_and_figures(engine: Engine, staff: Company, desk: TestClient) -> None:
    sku = a_product(engine, on_hand="100", hold_back=None)
    ordinary, vip = a_customer(engine, staff), a_customer(engine, staff, segment="vip", name="АО «Ключ»")
    placed(engine, staff, vip, sku, "85")
    short = placed(engine, staff, ordinary, sku, "10")
    key = placed(engine, staff, vip, sku, "10")

    last, middle, first = told(desk, sku)
    assert parts(first["got"]) == [("ЗК-000001", "85", "in_turn")]
    assert parts(middle["got"]) == [("ЗК-000002", "5", "held_back")]
    (waits,) = middle["waited"]
    assert (waits["order"], waits["quantity"], waits["asked"], waits["class"]) == (short, "5", "10", "standard")
    assert waits["text"] == ("Придержано для ключевых клиентов: свободно 10 из 100, придерживается 10 %.")
    assert middle | {
        "at": "2026-04-06T05:00:00Z", "warehouse": "main", "cause": "order", "cause_text": "Новый заказ",
        "on_hand": "100", "free_before": "15", "free_after": "10", "hold_back_percent": "10", "held_back": "10",
        "waiting": 1, "lost": [],
        "subject": {"kind": "order", "id": short, "number": "ЗК-000002", "text": "Заказ ЗК-000002"},
    } == middle  # fmt: skip
    with engine.connect() as connection:
        in_force = connection.execute(text("SELECT max(version) FROM policy WHERE state = 'published'")).scalar_one()
    assert middle["policy_version"] == in_force
    (got,) = last["got"]
    assert (got["order"], got["customer"], got["class_text"]) == (key, "АО «Ключ»", "ключевой клиент")
    assert got["text"] == "Подошла очередь, товара хватило."
    assert [each["text"] for each in last["waited"]] == [
        "Свободного товара больше нет: его получили те, чья очередь раньше."
    ]
    assert told(desk, sku, language="en")[1]["waited"][0]["text"] == (
        "Held back for key customers: 10 of 100 free, 10% is held back."
    )


def test_every_way_a_promise_ends_is_told(engine: Engine, staff: Company, desk: TestClient) -> None:
    """D7-6, D7-14, D7-17: whose goods came free, why, and who has them now."""
    sku, prepays = a_product(engine, on_hand="30"), a_customer(engine, staff, prepayment_percent=100)
    later = a_customer(engine, staff)
    unpaid = placed(engine, staff, prepays, sku, "10")
    ended, shipped = placed(engine, staff, later, sku, "10"), placed(engine, staff, later, sku, "10")
    waiting = placed(engine, staff, later, sku, "25")

    LifetimeActivities(engine).release_order(a_step(unpaid, 2, at=MONDAY + timedelta(days=7)))
    StockActivities(engine).free_order_stock(a_step(ended, 2))
    pick(engine, staff, shipped)
    ship_picked(engine, staff, shipped, lines=(LineQuantity(sku, 6),))

    entries = {each["cause"]: each for each in told(desk, sku)}
    for cause, rule, words, quantity in (
        ("expiry", "D7-6", "Срок резерва вышел без оплаты: товар снова свободен.", "10"),
        ("ended", "D7-17", "Заказ завершён или отменён: его товар снова свободен.", "10"),
        ("shipment", "D7-14", "Остаток заказа закрыт без отгрузки: товар снова свободен.", "4"),
    ):
        (lost,) = entries[cause]["lost"]
        assert (lost["rule"], lost["text"], lost["quantity"], lost["class"]) == (rule, words, quantity, "standard")
        assert entries[cause]["got"][0]["order"] == waiting
    assert entries["expiry"]["subject"]["number"] == "ЗК-000001"


def test_a_promise_to_an_order_on_deferral_did_not_end_for_want_of_money(
    engine: Engine, staff: Company, desk: TestClient
) -> None:
    """D7-5: nobody had begun to ship it."""
    sku = a_product(engine, on_hand="10")
    order = placed(engine, staff, a_customer(engine, staff), sku, "10")
    LifetimeActivities(engine).release_order(a_step(order, 2, at=MONDAY + timedelta(days=60)))

    for language, words in (
        ("ru", "Срок резерва вышел, а отгрузка не началась: товар снова свободен."),
        ("en", "The reservation ran out and shipment had not begun: the goods are free again."),
    ):
        (lost,) = next(each for each in told(desk, sku, language=language) if each["cause"] == "expiry")["lost"]
        assert (lost["rule"], lost["text"]) == ("D7-5", words)


def test_what_is_closed_short_unpicked_is_told_as_it_was(engine: Engine, staff: Company, desk: TestClient) -> None:
    """D7-14: nothing of the second product was picked."""
    picked, rest = a_product(engine, on_hand="5"), a_product(engine)
    receipt(engine, rest, "3", "north")
    order = quote_of(engine, staff, a_customer(engine, staff), [(picked, "5"), (rest, "3", "north")])
    decide(engine, staff, order)
    reserve(engine, order)
    pick(engine, staff, order, warehouse="main")
    ship_picked(engine, staff, order)
    command = CloseShortCommand(staff.manager, "не нужно")
    ShortCloseActivities(engine).close_lines_short(CloseShortRequest(order, 20, command, MONDAY))

    (lost,) = next(each for each in told(desk, rest, warehouse="north") if each["cause"] == "closed_short")["lost"]
    assert (lost["rule"], lost["text"]) == ("D7-14", "Остаток заказа закрыт без отгрузки: товар снова свободен.")


def test_a_receipt_and_goods_gathered_in_vain_are_told(engine: Engine, staff: Company, desk: TestClient) -> None:
    """D7-12, D8-5."""
    sku, customer = a_product(engine), a_customer(engine, staff)
    whole = placed(engine, staff, customer, sku, "10", ship_complete=True)
    for _ in range(2):
        placed(engine, staff, customer, sku, "1")
        receipt(engine, sku, "1")
    receipt(engine, sku, "4")
    SweepActivities(engine).sweep_shelves(SweepPage(MONDAY + timedelta(days=7)))

    swept, gathered, *_, skipped, _, asked = told(desk, sku)
    assert asked["waited"][0]["text"].startswith("Заказ отгружается только целиком, а всего товара для него пока нет")
    assert (skipped["subject"]["kind"], skipped["subject"]["number"]) == ("receipt", None)
    assert skipped["subject"]["text"] == "Приход на склад"
    assert [(each["order"], each["rule"]) for each in skipped["waited"]] == [(whole, "whole_only")]
    assert parts(gathered["got"]) == [("ЗК-000001", "4", "gathering")]
    assert (gathered["waited"][0]["quantity"], gathered["waited"][0]["asked"]) == ("6", "10")
    assert swept["cause_text"] == "Ежечасный обход очереди"
    assert parts(swept["lost"]) == [("ЗК-000001", "4", "D8-5")]
    assert parts(swept["waited"]) == [("ЗК-000001", "10", "gathered_too_long")]
    assert (swept["free_before"], swept["free_after"]) == ("0", "4")


def test_d8_4_goods_that_moved_by_the_heads_word_are_told(engine: Engine, staff: Company, desk: TestClient) -> None:
    sku, vip = a_product(engine, on_hand="8"), a_customer(engine, staff, segment="vip")
    giver = placed(engine, staff, a_customer(engine, staff, prepayment_percent=100), sku, "8")
    taker = placed(engine, staff, vip, sku, "6")
    answer_request(engine, staff.head, ask_goods(engine, staff.manager, sku, giver, taker, "5"))

    entry = told(desk, sku)[0]
    assert (entry["cause"], entry["subject"]["text"]) == ("reassignment", "Передача товара другому заказу")
    (got,), (lost,) = entry["got"], entry["lost"]
    assert (got["order"], got["quantity"], got["rule"], got["class"]) == (taker, "5", "D8-4", "vip")
    assert got["text"] == "Товар передан этому заказу по решению руководителя."
    assert (lost["order"], lost["quantity"], lost["rule"], lost["class"]) == (giver, "5", "D8-4", "standard")


def test_d14_a_manager_sees_of_others_orders_class_and_quantity_only(
    engine: Engine, staff: Company, desk: TestClient
) -> None:
    sku = a_product(engine, on_hand="10")
    mine, anothers = a_customer(engine, staff), a_customer(engine, staff, segment="vip", name="АО «Тайна»")
    placed(engine, staff, anothers, sku, "10")
    own = a_quote(engine, staff.manager2, mine, sku, quantity="3")
    decide(engine, staff, own)
    reserve(engine, own)
    StockActivities(engine).free_order_stock(a_step(told(desk, sku)[1]["got"][0]["order"], 2))

    last, _, first = told(desk, sku, by="manager2")
    (theirs,) = first["got"]
    assert theirs == {
        "order": None, "number": None, "customer": None, "name": "заказ другого менеджера", "class": "vip",
        "class_text": "ключевой клиент", "quantity": "10", "rule": "in_turn",
        "text": "Подошла очередь, товара хватило.",
    }  # fmt: skip
    assert first["subject"] == {"kind": "order", "id": None, "number": None, "text": "заказ другого менеджера"}
    assert (last["lost"][0]["number"], last["lost"][0]["class"]) == (None, "vip")
    assert last["got"][0]["order"] == own
    seen = desk.get(f"/api/v1/stock/{sku}/allocations", headers=bearer("manager2")).text
    for secret in ("Тайна", "ЗК-000001"):
        assert secret not in seen
    assert told(desk, sku, by="manager")[2]["got"][0]["customer"] == "АО «Тайна»"


@pytest.mark.parametrize("login", ["head", "director", "warehouse", "buyer", "manager", "admin"])
def test_who_may_ask(engine: Engine, desk: TestClient, login: str) -> None:
    assert told(desk, a_product(engine, on_hand="1"), by=login) == []


@pytest.mark.parametrize("login", ["accountant", "lawyer"])
def test_who_may_not(engine: Engine, desk: TestClient, login: str) -> None:
    refused = desk.get(f"/api/v1/stock/{a_product(engine)}/allocations", headers=bearer(login))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_pages_and_filters(engine: Engine, staff: Company, desk: TestClient) -> None:
    sku, customer = a_product(engine, on_hand="2"), a_customer(engine, staff)
    orders = [placed(engine, staff, customer, sku, "1") for _ in range(5)]
    path, headers = f"/api/v1/stock/{sku}/allocations", bearer("head")
    seen, after = [], None
    while True:
        page = desk.get(path, params={"limit": 2} | ({"after": after} if after else {}), headers=headers).json()
        seen += page["items"]
        after = page["next"]
        if after is None:
            break
    assert [each["subject"]["id"] for each in seen] == orders[::-1]

    assert [each["subject"]["id"] for each in told(desk, sku, order_id=orders[0])] == [orders[0]]
    receipt(engine, sku, "1")
    third = told(desk, sku, order_id=orders[2])
    assert [each["cause"] for each in third] == ["receipt", "order"]
    assert told(desk, sku, warehouse="main") == told(desk, sku)
    assert told(desk, sku, warehouse="north") == []
    assert told(desk, a_product(engine)) == []


def test_what_is_not_there_or_not_theirs_is_refused(engine: Engine, staff: Company, desk: TestClient) -> None:
    sku = a_product(engine, on_hand="2")
    order = placed(engine, staff, a_customer(engine, staff), sku, "1")
    path = f"/api/v1/stock/{sku}/allocations"
    for login, at, params, code, name in (
        ("head", "/api/v1/stock/NONE/allocations", {}, 404, "product_not_found"),
        ("manager2", path, {"order_id": order}, 404, "order_not_found"),
        ("head", path, {"order_id": "x"}, 422, "invalid_input"),
        ("head", path, {"after": "x"}, 422, "invalid_input"),
        ("head", path, {"limit": "201"}, 422, "invalid_input"),
        ("head", path, {"warehouse": "x" * 33}, 422, "invalid_input"),
    ):
        refused = desk.get(at, params=params, headers=bearer(login))
        assert (refused.status_code, refused.json()["code"]) == (code, name), refused.text


def test_a_page_takes_as_many_questions_however_long_it_is(engine: Engine, staff: Company, desk: TestClient) -> None:
    sku, customer = a_product(engine, on_hand="2"), a_customer(engine, staff)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    counts = []
    for _ in range(2):
        for _ in range(4):
            placed(engine, staff, customer, sku, "1")
        asked.clear()
        told(desk, sku)
        counts.append(len(asked))
    assert counts[0] == counts[1] < 8
