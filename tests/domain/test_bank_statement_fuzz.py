"""Whatever bytes arrive, a statement is read or refused with one of its two refusals."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bank_statement import Statement, parse_statement
from domain.money import ZERO
from domain.money_errors import NotAStatementError, TruncatedStatementError

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "data" / "statements").glob("*.txt"))]
KEYS = ["Номер", "Дата", "Сумма", "ДатаПоступило", "ДатаСписано", "ПлательщикИНН", "ПолучательСчет", "СуммаПриход"]
FRAMES = ["СекцияДокумент=x", "КонецДокумента", "СекцияРасчСчет", "КонецРасчСчет", "КонецФайла", "1CClientBankExchange"]


def read(content):
    try:
        statement = parse_statement(content)
    except (NotAStatementError, TruncatedStatementError):
        return
    assert isinstance(statement, Statement)
    for receipt in statement.documents:
        assert receipt.amount > ZERO
        assert "\x00" not in receipt.purpose
        receipt.identity().encode()


@given(st.binary(max_size=400))
def test_random_bytes(content):
    read(content)
    read(b"1CClientBankExchange\r\n" + content)


@settings(max_examples=200)
@given(st.data())
def test_a_real_file_with_a_hole_or_noise(data):
    content = data.draw(st.sampled_from(SAMPLES))
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 300)))
    read(content[:start] + data.draw(st.binary(max_size=30)) + content[end:])


line = st.one_of(
    st.sampled_from(FRAMES), st.tuples(st.sampled_from(KEYS), st.text(max_size=20)).map("=".join), st.text(max_size=30)
)


@given(st.lists(line, max_size=40), st.sampled_from(["utf-8", "cp1251", "cp866", "utf-16"]))
def test_lines_of_the_format_in_any_order(lines, encoding):
    read("\n".join(["1CClientBankExchange", *lines, "КонецФайла"]).encode(encoding, errors="replace"))
