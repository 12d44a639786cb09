"""Bank files of every dialect and encoding (notes on formats, section 3; D9-1)."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from domain.bank_statement import LineProblem, parse_statement
from domain.money_errors import NotAStatementError, StatementTooLargeError, TruncatedStatementError
from domain.statement_text import currency_of_account, is_posting_day, read_amount, read_date

SAMPLES = Path(__file__).parents[1] / "data" / "statements"
RU_FILES = sorted(path.name for path in SAMPLES.glob("ru_10*.txt"))
OURS = "40702810200000000001"


def sample(name):
    return (SAMPLES / name).read_bytes()


def a_statement(*documents, header="РасчСчет=40702810200000000001\n"):
    sections = "".join(f"СекцияДокумент=Платежное поручение\n{text}\nКонецДокумента\n" for text in documents)
    return f"1CClientBankExchange\n{header}{sections}КонецФайла\n".encode("cp1251")


INCOMING = (
    "Номер=1\nДата=01.04.2026\nСумма=100.00\nПлательщикИНН=7707083893\n"
    "ПолучательСчет=40702810200000000001\nНазначениеПлатежа=Оплата"
)


@pytest.mark.parametrize("name", RU_FILES)
def test_a_russian_file_reads_the_same_in_every_encoding(name):
    statement = parse_statement(sample(name))

    first, second = statement.documents
    assert (first.number, first.document_date, first.posted_on) == ("305", date(2026, 3, 31), date(2026, 4, 3))
    assert first.amount == Decimal("100147.20")
    assert first.own_account == OURS
    assert (first.payer_tax_id, first.payer_name) == ("7707083893", 'ООО "Ромашка"')
    assert (first.payer_account, first.payer_kpp) == ("40702810900000000777", "773601001")
    assert first.purpose == "Оплата по счету № СФ-000123 от 22.03.2026 г. В т.ч. НДС 22% = 18059,33"
    assert (second.payer_tax_id, second.payer_name) == ("500100732259", "ИП Иванов Иван Иванович")
    assert second.amount == Decimal("48000.00")
    assert second.purpose == "Оплата по заказу ЗК-000007"
    assert statement.accounts == (OURS,)
    assert statement.period == (date(2026, 4, 1), date(2026, 4, 3))
    assert (statement.outgoing, statement.problems, statement.warnings) == (1, (), ())


def test_identities_do_not_depend_on_the_encoding():
    found = {tuple(receipt.identity() for receipt in parse_statement(sample(name)).documents) for name in RU_FILES}
    assert len(found) == 1


def test_the_line_of_a_document_is_the_line_in_the_file():
    lines = sample("ru_103_cp1251.txt").decode("cp1251").splitlines()
    for receipt in parse_statement(sample("ru_103_cp1251.txt")).documents:
        assert lines[receipt.line - 1].startswith("СекцияДокумент")
        assert lines[receipt.line] == f"Номер={receipt.number}"


@pytest.mark.parametrize("name", ["kz_kaspi_utf8.txt", "kz_bck_cp1251.txt"])
def test_kazakhstan_keys_and_signed_amounts(name):
    statement = parse_statement(sample(name))
    (receipt,) = statement.documents
    assert receipt.amount == Decimal("700975.00")
    assert (receipt.currency, receipt.own_account) == ("KZT", "KZ86125KZT5004100100")
    assert (receipt.payer_tax_id, receipt.payer_account) == ("940140000385", "KZ15722S000001234567")
    assert (receipt.document_date, receipt.posted_on) == (date(2026, 1, 24), date(2026, 1, 25))
    assert (statement.outgoing, statement.problems, statement.warnings) == (1, (), ())


@pytest.mark.parametrize("name", ["kz_halyk_utf8.txt", "kz_halyk_cp1251.txt"])
def test_upper_case_keys_a_section_per_day_and_a_purpose_on_several_lines(name):
    statement = parse_statement(sample(name))
    first, second = statement.documents
    assert first.purpose == "Оплата по счету № СФ-000045 от 10.01.2026 НДС 16% = 13793,10"
    assert (first.amount, second.amount) == (Decimal("100000.00"), Decimal("50000.50"))
    assert statement.period == (date(2026, 1, 24), date(2026, 1, 25))
    assert statement.warnings == ()


def test_an_operation_written_as_extract_and_as_order_counts_once():
    """Two pairs of «Выписка» and «ПлатежноеПоручение» with equal figures are two payments, not four."""
    assert len(parse_statement(sample("kz_forte_doubles_utf8.txt")).documents) == 2


def test_a_bad_document_is_put_aside_and_the_rest_counts():
    statement = parse_statement(sample("ru_bad_documents_cp1251.txt"))
    assert [receipt.number for receipt in statement.documents] == ["8"]
    assert statement.documents[0].amount == Decimal("175000.00")
    assert [(problem.line, problem.code) for problem in statement.problems] == [
        (7, LineProblem.BAD_AMOUNT),
        (15, LineProblem.BAD_DATE),
        (22, LineProblem.NO_DIRECTION),
        (29, LineProblem.NO_AMOUNT),
        (34, LineProblem.NO_DATE),
        (39, LineProblem.BAD_AMOUNT),
        (45, LineProblem.NOT_CLOSED),
    ]
    assert statement.problems[0].value == "сто рублей"
    assert statement.outgoing == 1, "a transfer between our own accounts is nobody's payment"
    assert statement.accounts == (OURS, "40702810500000000002")


def test_one_filled_date_tells_the_direction_without_own_accounts():
    came = INCOMING.replace("ПолучательСчет", "ДатаПоступило=03.04.2026\nПолучательСчет")
    went = INCOMING.replace("ПолучательСчет", "ДатаСписано=03.04.2026\nПолучательСчет")
    statement = parse_statement(a_statement(came, went, INCOMING, header=""))
    assert [receipt.posted_on for receipt in statement.documents] == [date(2026, 4, 3)]
    assert statement.outgoing == 1
    assert [problem.code for problem in statement.problems] == [LineProblem.NO_DIRECTION]


def test_our_registered_accounts_help_a_file_that_names_none():
    assert len(parse_statement(a_statement(INCOMING, header=""), own_accounts=[OURS]).documents) == 1


def test_turnovers_that_do_not_add_up_are_a_warning():
    text = sample("ru_103_cp1251.txt").replace(b"=148147.20", b"=148147.21")
    statement = parse_statement(text)
    assert len(statement.documents) == 2
    assert [problem.code for problem in statement.warnings] == [LineProblem.TURNOVER_DIFFERS]


def test_an_account_that_is_not_ours_is_a_warning():
    content = a_statement(INCOMING, INCOMING)
    assert parse_statement(content, [OURS]).warnings == ()
    assert parse_statement(content).warnings == (), "a company that named no accounts is told nothing"
    (warning,) = parse_statement(content, ["KZ75125KZT1001300335"]).warnings
    assert (warning.line, warning.code, warning.value) == (3, LineProblem.UNKNOWN_ACCOUNT, OURS)


@pytest.mark.parametrize(
    ("account", "currency"),
    [
        ("40702810200000000001", "RUB"),
        ("40702643200000000001", "RUB"),
        ("40702398200000000001", "KZT"),
        ("40702840200000000001", "USD"),
        ("40702392200000000001", "XXX"),
        ("KZ68125KZT2026100417", "KZT"),
        ("KZ24125RUB2026100418", "RUB"),
        ("KZ15722S000001234567", None),
        ("4070281020000000000", None),
        ("", None),
    ],
)
def test_d1_1_the_currency_that_an_account_states(account, currency):
    assert currency_of_account(account) == currency


def test_a_document_of_another_age_is_put_aside():
    today = date(2026, 4, 1)
    days = ("31.12.1999", "01.01.2000", "02.04.2027", "03.04.2027")
    content = a_statement(*(INCOMING.replace("01.04.2026", day) for day in days))
    statement = parse_statement(content, today=today)
    assert [receipt.posted_on for receipt in statement.documents] == [date(2000, 1, 1), date(2027, 4, 2)]
    assert [(problem.code, problem.value) for problem in statement.problems] == [
        (LineProblem.BAD_DATE, "31.12.1999"),
        (LineProblem.BAD_DATE, "03.04.2027"),
    ]
    assert is_posting_day(date(2027, 4, 2), today)
    assert not is_posting_day(date(2027, 4, 3), today)


def test_equal_lines_have_one_identity_and_other_facts_another():
    """D9-1, D9-2: date, number, amount, payer and purpose each make it another payment."""
    twin = INCOMING
    others = [
        INCOMING.replace("Номер=1", "Номер=2"),
        INCOMING.replace("Дата=01", "Дата=02"),
        INCOMING.replace("100.00", "100.01"),
        INCOMING.replace("7707083893", "7736050003"),
        INCOMING.replace("Оплата", "Аванс"),
    ]
    identities = [line.identity() for line in parse_statement(a_statement(INCOMING, twin, *others)).documents]
    assert identities[0] == identities[1]
    assert len(set(identities)) == 6


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\r\n\r\n", id="blank lines"),
        pytest.param(b"PK\x03\x04\x14\x00", id="a workbook"),
        pytest.param(b"%PDF-1.7\n", id="a PDF"),
        pytest.param(b"1CClientBankExch", id="cut inside the signature"),
        pytest.param("Дата;Сумма\n01.04.2026;100".encode("cp1251"), id="a table"),
        pytest.param(b"\x00" * 100, id="zeros"),
    ],
)
def test_what_is_no_statement_is_refused(content):
    with pytest.raises(NotAStatementError):
        parse_statement(content)


@pytest.mark.parametrize("name", RU_FILES)
def test_a_file_cut_anywhere_is_refused_as_a_whole(name):
    content = sample(name)
    for share in (0.05, 0.25, 0.5, 0.75, 0.97):
        with pytest.raises(TruncatedStatementError):
            parse_statement(content[: int(len(content) * share)])


def test_an_open_section_before_the_end_is_a_cut():
    with pytest.raises(TruncatedStatementError):
        parse_statement(a_statement(INCOMING).replace("КонецДокумента\n".encode("cp1251"), b""))


def test_the_size_limit_is_inclusive():
    content = a_statement(INCOMING)
    parse_statement(content, max_bytes=len(content))
    with pytest.raises(StatementTooLargeError):
        parse_statement(content, max_bytes=len(content) - 1)


def test_control_characters_never_reach_the_database():
    (receipt,) = parse_statement(a_statement(INCOMING.replace("Оплата", "Опл\x00ата\x1fза"))).documents
    assert receipt.purpose == "Опл ата за"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("100", "100.00"),
        ("202742.8", "202742.80"),
        ("3 416.95", "3416.95"),
        ("7\u00a0248,81", "7248.81"),
        ("1,234,567.80", "1234567.80"),
        ("1.234.567,80", "1234567.80"),
        ("175000-00", "175000.00"),
        ("100.0000", "100.00"),
        ("100.005", None),
        ("1,234", None),
        ("-100", None),
        ("NaN", None),
        ("1e5", None),
        ("١٠٠", None),
        ("", None),
    ],
)
def test_amounts(text, amount):
    assert read_amount(text) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("31.03.2026", date(2026, 3, 31)),
        ("31.03.2026 11:42:10", date(2026, 3, 31)),
        ("2026-03-31", date(2026, 3, 31)),
        ("31.02.2026", None),
        ("01.01.0001", None),
        ("31.03.26", None),
        ("вчера", None),
    ],
)
def test_dates(text, day):
    assert read_date(text) == day
