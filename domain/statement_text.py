"""From the bytes of a bank file to its lines and values, whatever encoding the header claims.

Banks write cp1251, cp866 and UTF-8 with and without BOM, announce another one in `Кодировка=`, and sometimes mix
them in one file. The known words of the format decide, first for the whole file, then line by line.
"""

import codecs
import re
from datetime import date, timedelta
from decimal import Decimal

SIGNATURE = "1cclientbankexchange"
EARLIEST, LATEST = date(1992, 1, 1), date(2199, 12, 31)
EARLIEST_POSTING, FARTHEST_POSTING = date(2000, 1, 1), timedelta(days=366)

_LINE_END = re.compile(rb"\r\n|\n|\r")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufeff\u2028\u2029]")
_KEY = re.compile(r"[^\W\d][\w.]*", re.UNICODE)
_AMOUNT = re.compile(r"(\d{1,20})(?:[.,\-](\d{1,4}))?", re.ASCII)
_RU_DATE = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})(?!\d)", re.ASCII)
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?!\d)", re.ASCII)
_CURRENCY_NAMES = {"rur": "RUB", "rub": "RUB", "810": "RUB", "643": "RUB", "kzt": "KZT", "398": "KZT"}
_ACCOUNT_DIGITS = {"810": "RUB", "643": "RUB", "398": "KZT", "840": "USD", "978": "EUR", "156": "CNY"}
_RUSSIAN_ACCOUNT = re.compile(r"\d{5}(\d{3})\d{12}", re.ASCII)
_KZ_ACCOUNT = re.compile(r"KZ\d{2}[A-Z0-9]{3}(KZT|RUB|USD|EUR|CNY)[A-Z0-9]{10}", re.ASCII)
NO_CURRENCY = "XXX"
"""ISO 4217 for money in a currency that we cannot name: it fits nobody's account."""
_SAMPLE = 2_000

KNOWN_WORDS = (
    "секция",
    "конец",
    "плательщик",
    "получатель",
    "назначение",
    "номер",
    "дата",
    "сумма",
    "валюта",
    "вид",
    "версияформата",
    "кодировка",
    "отправитель",
    "время",
    "расчсчет",
    "документ",
    "начальныйостаток",
    "конечныйостаток",
    "всего",
    "квитанция",
    "код",
    "статус",
    "показатель",
    "окато",
    "очередность",
    "срок",
    "условие",
    "платежпо",
    "дополн",
)
"""How the keys of every dialect begin, folded."""


def fold(word: str) -> str:
    """A key or a section name without its case, quotes, spaces and the letter ё."""
    return re.sub(r"[\s\"'«»“”]", "", word).casefold().replace("ё", "е")


def split_key(line: str) -> tuple[str, str] | None:
    """`Ключ=Значение` split on the first `=`; None for a line that only continues the one before."""
    key, sign, value = line.partition("=")
    key = key.strip()
    if not sign or not _KEY.fullmatch(key):
        return None
    return fold(key), value.strip()


def decode_lines(content: bytes) -> list[str]:
    """The lines of the file, decoded, without control characters and outer spaces; numbering is kept."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", errors="replace").encode()
    content = content.removeprefix(codecs.BOM_UTF8)
    raw = _LINE_END.split(content)
    encoding = _file_encoding(content, raw)
    return [_CONTROL.sub(" ", _decode_line(line, encoding)).strip() for line in raw]


def _file_encoding(content: bytes, raw: list[bytes]) -> str:
    try:
        if "секция" in content.decode("utf-8").casefold():
            return "utf-8"
    except UnicodeDecodeError:
        pass
    declared = content[:4096]
    dos = re.search(rb"=\s*(dos|866|cp866)\s*[\r\n]", declared, re.IGNORECASE)
    order = ("cp866", "cp1251", "utf-8") if dos else ("cp1251", "cp866", "utf-8")
    return max(order, key=lambda name: sum(_knows(line, name) for line in raw[:_SAMPLE]))


def _knows(line: bytes, encoding: str) -> bool:
    head = line.partition(b"=")[0].strip()
    return len(head) < 64 and fold(head.decode(encoding, errors="replace")).startswith(KNOWN_WORDS)


def _decode_line(line: bytes, encoding: str) -> str:
    if line.isascii():
        return line.decode("ascii")
    others = (name for name in ("utf-8", "cp1251", "cp866") if name != encoding)
    for name in (encoding, *others):
        if _knows(line, name):
            return line.decode(name, errors="replace")
    return line.decode(encoding, errors="replace")


def read_amount(text: str) -> Decimal | None:
    """`1 234,56`, `1,234.56`, `175000-00`, `100` as a sum of two decimals; None when it is none."""
    compact = re.sub(r"[\s'’]", "", text)
    if "," in compact and "." in compact:
        thousands = "," if compact.rindex(".") > compact.rindex(",") else "."
        compact = compact.replace(thousands, "")
    match = _AMOUNT.fullmatch(compact)
    if match is None or (match[2] or "")[2:].strip("0"):
        return None
    return Decimal(f"{match[1]}.{(match[2] or '')[:2]:0<2}")


def read_date(text: str) -> date | None:
    """`31.03.2026` or `2026-03-31`, with or without a time behind it; None when it is no day of business."""
    ru, iso = _RU_DATE.match(text), _ISO_DATE.match(text)
    try:
        if ru:
            day = date(int(ru[3]), int(ru[2]), int(ru[1]))
        elif iso:
            day = date(int(iso[1]), int(iso[2]), int(iso[3]))
        else:
            return None
    except ValueError:
        return None
    return day if EARLIEST <= day <= LATEST else None


def is_posting_day(day: date, today: date) -> bool:
    """Whether money may be dated so: not before 2000, nor more than 366 days ahead, which is a slip of the keyboard."""
    return EARLIEST_POSTING <= day <= today + FARTHEST_POSTING


def read_account(text: str) -> str:
    """An account number as the bank means it: upper case, no spaces."""
    return re.sub(r"\s", "", text).upper()[:34]


def read_currency(text: str) -> str | None:
    """The currency by its letters or digits; None when the file does not say."""
    if not text:
        return None
    return _CURRENCY_NAMES.get(text.casefold(), text.upper()[:3])


def currency_of_account(account: str) -> str | None:
    """The currency that an account number itself states; None when it does not say.

    Digits 6 to 8 of a Russian number always do, `NO_CURRENCY` when they mean none we know; some Kazakhstan ones bear
    its letters behind the code of the bank.
    """
    russian, kazakh = _RUSSIAN_ACCOUNT.fullmatch(account), _KZ_ACCOUNT.fullmatch(account)
    if russian:
        return _ACCOUNT_DIGITS.get(russian[1], NO_CURRENCY)
    return kazakh[1] if kazakh else None
