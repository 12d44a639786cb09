"""Inputs made to hurt, each with the code that it is refused with."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.samples import ZERO

API = "/api/v1"
DEEP = 5_000
CUSTOMER = {
    "name": "ТОО «Ромашка»", "country": "KZ", "tax_id": "210340000003", "currency": "KZT", "credit_limit": "0",
    "payment_terms": {"deferral_days": 14, "prepayment_percent": 0},
    "contacts": [{"role": "buyer", "name": "Анна", "email": "anna@romashka.test", "phone": "+7 701 111 22 33"}],
}  # fmt: skip
ORDER = {"customer_id": ZERO, "lines": [{"sku": "CEM-50", "quantity": "1", "price": "1.00"}], "ship_complete": False}
PAYMENT = {
    "external_id": "X-1", "payer_tax_id": "210340000003", "amount": "100.00", "date": "2026-11-20", "purpose": "Счёт 1",
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One request; `codes`: the refusals that are right for it."""

    name: str
    method: str
    url: str
    codes: frozenset[str]
    by: str = "manager"
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def corpus() -> list[Request]:
    """Every hostile request."""
    return [*_documents(), *_fields(), *_addresses(), *_queries(), *_headers(), *_statements_by_http()]


# --- JSON that is none, or means two things

DOCUMENTS: dict[str, tuple[bytes, str]] = {
    "nul in a string": (rb'{"comment": "\u0000"}', "bad_text"),
    "nul in a key": (rb'{"\u0000": 1}', "bad_text"),
    "nul as it is": (b'{"comment": "\x00"}', "malformed_json"),
    "nul in a nested list": (rb'{"lines": [[["\u0000"]]]}', "bad_text"),
    "high surrogate": (rb'{"comment": "\ud800"}', "bad_text"),
    "low surrogate": (rb'{"comment": "\uDFFF"}', "bad_text"),
    "surrogates the wrong way round": (rb'{"comment": "\ude00\ud83d"}', "bad_text"),
    "surrogate in utf-8": (b'{"comment": "\xed\xa0\x80"}', "malformed_json"),
    "overlong utf-8": (b'{"comment": "\xc0\xaf"}', "malformed_json"),
    "half a sign": (b'{"comment": "\xd0', "malformed_json"),
    "cp1251": ('{"comment": "Ромашка"}'.encode("cp1251"), "malformed_json"),
    "utf-16": ('{"comment": "а"}'.encode("utf-16"), "malformed_json"),
    "utf-32": ('{"comment": "а"}'.encode("utf-32"), "malformed_json"),
    "nan": (b'{"lines": NaN}', "number_not_exact"),
    "infinity": (b'{"lines": Infinity}', "number_not_exact"),
    "minus infinity": (b'{"lines": [-Infinity]}', "number_not_exact"),
    "overflow": (b'{"lines": 1e400}', "number_not_exact"),
    "underflow": (b'{"lines": 1e-400}', "number_not_exact"),
    "an exponent beyond decimals": (b'{"lines": 1e-999999999999999999999}', "number_not_exact"),
    "zero with such an exponent": (b'{"lines": 0e999999999999999999999}', "number_not_exact"),
    "a float that bends": (b'{"lines": 0.1000000000000000055511151231257827}', "number_not_exact"),
    "a sum that bends": (b'{"lines": 123456789012345678.25}', "number_not_exact"),
    "a huge integer": (b'{"lines": ' + b"9" * 200_000 + b"}", "number_not_exact"),
    "a huge negative integer": (b'{"lines": -' + b"9" * 5_000 + b"}", "number_not_exact"),
    "a huge fraction": (b'{"lines": 0.' + b"1" * 200_000 + b"}", "number_not_exact"),
    "duplicate key": (b'{"comment": "a", "comment": "b"}', "duplicate_key"),
    "duplicate key deep inside": (b'{"lines": [{"sku": "a", "sku": "b"}]}', "duplicate_key"),
    "duplicate key by an escape": (rb'{"comment": "a", "\u0063omment": "b"}', "duplicate_key"),
    "deep lists": (b"[" * DEEP, "malformed_json"),
    "deep closed lists": (b"[" * DEEP + b"]" * DEEP, "malformed_json"),
    "deep objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "malformed_json"),
    "deep, but it can be read": (b"[" * 500 + b"]" * 500, "invalid_input"),
    "cut off": (b'{"comment": "a', "malformed_json"),
    "only an opening": (b"{", "malformed_json"),
    "two documents": (b"{} {}", "malformed_json"),
    "a comment": (b"{} // ok", "malformed_json"),
    "single quotes": (b"{'comment': 'a'}", "malformed_json"),
    "trailing comma": (b'{"comment": "a",}', "malformed_json"),
    "byte order mark": (b"\xef\xbb\xbf{}", "malformed_json"),
    "hexadecimal": (b'{"lines": 0x10}', "malformed_json"),
    "leading zero": (b'{"lines": 01}', "malformed_json"),
    "plus": (b'{"lines": +1}', "malformed_json"),
    "a bare word": (b"undefined", "malformed_json"),
    "xml": (b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "malformed_json"),
    "billion laughs": (b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>', "malformed_json"),
    "gzip": (b"\x1f\x8b\x08\x00" + b"\x00" * 100, "malformed_json"),
    "nothing": (b"", "invalid_input"),
    "blanks": (b" " * 1_000, "malformed_json"),
    "null": (b"null", "invalid_input"),
    "true": (b"true", "invalid_input"),
    "a number": (b"1", "invalid_input"),
    "a string": (b'"{}"', "invalid_input"),
    "a list": (b"[{}]", "invalid_input"),
    "many keys": (b"{" + b",".join(b'"k%d":0' % n for n in range(15_000)) + b"}", "invalid_input"),
    "colliding integers": (json.dumps([2**61 - 1] * 10_000).encode(), "invalid_input"),
    "prototype": (b'{"__proto__": {"admin": true}, "constructor": {}}', "invalid_input"),
    "python names": (b'{"__class__": "x", "__init__": {}, "self": 1}', "invalid_input"),
    "a key of 100 kB": (b'{"' + b"k" * 100_000 + b'": 1}', "invalid_input"),
    "too large": (b'{"comment": "' + b"x" * 262_144 + b'"}', "body_too_large"),
}


def _documents() -> Iterator[Request]:
    for name, (content, code) in DOCUMENTS.items():
        headers = {"Content-Type": "application/json"}
        yield Request(f"json: {name}", "POST", f"{API}/orders", frozenset({code}), content=content, headers=headers)


# --- values of fields

INVALID = frozenset({"invalid_input"})
WHOLE = (True, "7", 1.5, -1, 366, 10**30, "", None, [], {}, "٣", "1e2")
NUMBER = (
    True, None, [], {}, "", "NaN", "Infinity", "1e5", "1,5", "1 000", "0x10", "1_000", "١٢", "-1", "0", 0, -0.0, 1e300,
    "9" * 40, "1" * 5_000, "0.00001", "1.", ".5", "+", "--1", "1;DROP TABLE", {"amount": "1"},
)  # fmt: skip
TEXT = (None, True, 7, [], {}, "", "   ", "x" * 2_001, "а\u202eб", "а\u0007б", "а\u001bб", "\ufffe")
ID = (
    True,
    7,
    "",
    "7",
    "не-номер",
    "{" + ZERO,
    ZERO + "0",
    ZERO[:-1],
    "'; DROP TABLE customer; --",
    "../../etc",
    [ZERO],
)
DAY = (True, 20261120, "", "2026-02-30", "0000-01-01", "9999-12-31", "20.11.2026", "2026-11-20T25:00:00", "завтра", {})
FLAG = (0, 1, "true", "yes", "", None, [])
MAIL = ("a@b\r\nBcc: c@d.kz", "a b@c.kz", "@", "a@", "a@b", "a@-b.kz", "<a@b.kz>", "a@b..kz" * 50, "a@b.kz,c@d.kz", 7)
FIELDS: tuple[tuple[str, str, Mapping[str, Any], tuple[str | int, ...], tuple[Any, ...]], ...] = (
    ("/customers", "head", CUSTOMER, ("payment_terms", "deferral_days"), WHOLE),
    ("/customers", "head", CUSTOMER, ("name",), (*TEXT, "ж" * 301)),
    ("/customers", "head", CUSTOMER, ("contacts", 0, "email"), MAIL),
    ("/customers", "head", CUSTOMER, ("country",), ("XX", "kz", "", 7, True, [], "KZ\n")),
    ("/orders", "manager", ORDER, ("customer_id",), ID),
    ("/orders", "manager", ORDER, ("lines", 0, "quantity"), NUMBER),
    ("/orders", "manager", ORDER, ("lines", 0, "sku"), (*TEXT, "a/b", "..%2f", "a?b", "a#b", "a\\b", "a\nb")),
    ("/orders", "manager", ORDER, ("lines",), (None, True, {}, "", [], [None], [[]], [{}], ORDER["lines"] * 501)),  # type: ignore[operator]
    ("/orders", "manager", ORDER, ("ship_complete",), FLAG),
    ("/orders", "manager", ORDER, ("unexpected",), (1, None)),
    ("/orders", "manager", ORDER, ("lines", 0, "total"), ("1.00",)),
    ("/payments", "accountant", PAYMENT, ("date",), DAY),
    ("/payments", "accountant", PAYMENT, ("amount",), NUMBER),
    ("/payments", "accountant", PAYMENT, ("external_id",), TEXT),
)


def _fields() -> Iterator[Request]:
    headers = {"Content-Type": "application/json"}
    for path, by, body, place, values in FIELDS:
        for value in values:
            content = json.dumps(_with(body, place, value)).encode()
            spelt = ".".join(map(str, place))
            name = f"field: {path} {spelt} {repr(value)[-30:]}"
            yield Request(name, "POST", API + path, INVALID, by=by, content=content, headers=headers)


def _with(body: Any, place: tuple[str | int, ...], value: Any) -> Any:
    changed = json.loads(json.dumps(body))
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return changed


# --- addresses, queries, headers

ADDRESSES = {
    "not-an-id": "invalid_input",
    "1": "invalid_input",
    "-1": "invalid_input",
    "%ff": "invalid_input",
    "%ed%a0%80": "invalid_input",
    "a%00b": "bad_text",
    "😀": "invalid_input",
    "x" * 3_000: "invalid_input",
    "%0d%0aSet-Cookie:%20a=b": "invalid_input",
    "' OR '1'='1": "invalid_input",
    "${jndi:ldap:%2f%2fx}": "route_not_found",
    "..%2f..%2fusers%2fme": "route_not_found",
    f"{ZERO}%20": "invalid_input",
    f"{ZERO};admin": "invalid_input",
    f"{ZERO}/": "not_found",
    ZERO: "not_found",
    ZERO.replace("-", ""): "not_found",
    f"urn:uuid:{ZERO}": "not_found",
}


def _addresses() -> Iterator[Request]:
    for things in ("customers", "orders", "invoices", "tasks"):
        for address, code in ADDRESSES.items():
            missing = f"{things[:-1]}_not_found"
            codes = {missing, "route_not_found"} if code == "not_found" else {code}
            yield Request(f"id: {things} {address:.40}", "GET", f"{API}/{things}/{address}", frozenset(codes))


QUERIES = {
    "/customers?limit=0": "invalid_input",
    "/customers?limit=201": "invalid_input",
    "/customers?limit=-1": "invalid_input",
    "/customers?limit=1e2": "invalid_input",
    "/customers?limit=1.5": "invalid_input",
    "/customers?limit=true": "invalid_input",
    "/customers?limit=%D9%A3": "invalid_input",
    "/customers?limit=" + "9" * 5_000: "invalid_input",
    "/customers?limit=": "invalid_input",
    "/customers?limit=NaN": "invalid_input",
    "/customers?name=%00": "bad_text",
    "/customers?after=x": "invalid_input",
    "/customers?after=" + "A" * 2_001: "invalid_input",
    "/customers?after=%ff%fe": "invalid_input",
    "/customers?after=W10": "invalid_input",
    "/customers?after=WzEsMl0": "invalid_input",
    "/customers?after=WyJcdTAwMDAiLCIxIl0": "invalid_input",
    "/customers?after=" + "W" * 1_996: "invalid_input",
    "/orders?status=nothing": "invalid_input",
    "/orders?status=quoted%00": "bad_text",
    "/orders?status='--": "invalid_input",
    "/orders?customer_id=1": "invalid_input",
    "/orders?customer_id[]=1&customer_id=x": "invalid_input",
    "/orders?limit=1&limit=x": "invalid_input",
    "/orders?after=..": "invalid_input",
    "/tasks?state=OPEN": "invalid_input",
    "/tasks?after=WyJ4Il0": "invalid_input",
    "/invoices?customer_id=%F0%9F%98%80": "invalid_input",
    "/invoices?unpaid=2": "invalid_input",
    "/invoices?unpaid=": "invalid_input",
    "/absences?on=2026-02-30": "invalid_input",
    "/absences?on=0001-01-01": "invalid_input",
    "/absences?on=99999-01-01": "invalid_input",
    "/exchange-rates?limit=0": "invalid_input",
}


def _queries() -> Iterator[Request]:
    for query, code in QUERIES.items():
        yield Request(f"query: {query:.60}", "GET", API + query, frozenset({code}))


def _headers() -> Iterator[Request]:
    body = json.dumps(ORDER).encode()
    json_type = {"Content-Type": "application/json"}
    for key in (
        "short",
        "x" * 256,
        "with a blank in it",
        "ключ-по-русски".encode().decode("latin-1"),
        "tab\tinside",
        "",
    ):
        headers = json_type | {"Idempotency-Key": key}
        yield Request(f"idempotency: {key[:20]!r}", "POST", f"{API}/orders", INVALID, content=body, headers=headers)
    for tag in ("x", '"1', "1.5", "-1", "9" * 101, "٣".encode().decode("latin-1"), '"1", x', "W/", "1;", "\xff"):
        headers = json_type | {"If-Match": tag}
        url = f"{API}/products/CEM-50"
        content = b'{"name": "x"}'
        yield Request(
            f"if-match: {tag[:20]!r}", "PATCH", url, INVALID, by="head", content=content, headers=headers
        )  # fmt: skip
    for kind in (
        "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
        "application/octet-stream", "json", "", "application/json/x", "text/html; charset=utf-7",
    ):  # fmt: skip
        headers = {"Content-Type": kind}
        yield Request(f"type: {kind}", "POST", f"{API}/orders", INVALID, content=body, headers=headers)
    for name, key in {
        "no scheme": "x", "basic": "Basic eDp4", "empty": "Bearer ", "unknown": "Bearer x",
        "long": f"Bearer {'x' * 9_000}",
        "sql": "Bearer ' OR 1=1 --", "bytes": "Bearer \xff\xfe", "two": "Bearer a, Bearer b", "digest": "Digest x=y",
    }.items():  # fmt: skip
        headers = {"Authorization": key}
        yield Request(f"key: {name}", "GET", f"{API}/users/me", frozenset({"unauthenticated"}), headers=headers)
    for method in ("DELETE", "PUT", "PATCH", "TRACE", "PROPFIND"):
        yield Request(f"method: {method}", method, f"{API}/orders", frozenset({"method_not_allowed"}))


# --- bank statements

HEAD = "1CClientBankExchange\r\nВерсияФормата=1.03\r\nКодировка=Windows\r\n"
OPEN = "СекцияДокумент=Платежное поручение\r\nНомер=1\r\nДата=20.11.2026\r\nСумма=5.00\r\n"
NOT, CUT, LARGE = "not_a_statement", "truncated_statement", "statement_too_large"
STATEMENTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", NOT),
    "blanks": (b" \r\n" * 1_000, NOT),
    "zeros": (b"\x00" * 1_000_000, NOT),
    "ones": (b"\xff" * 1_000_000, NOT),
    "one endless line": (b"x" * 5_000_000, NOT),
    "a workbook": (b"PK\x03\x04" + b"\x00" * 1_000, NOT),
    "pdf": (b"%PDF-1.7\n", NOT),
    "html": (b"<html><script>alert(1)</script>", NOT),
    "billion laughs": (b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>', NOT),
    "camt xml": (b'<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"/>', NOT),
    "json": (b'{"statement": []}', NOT),
    "csv": ("Дата;Сумма\n20.11.2026;5".encode("cp1251"), NOT),
    "almost": (b"1CClientBankExchang\r\n", NOT),
    "not first": (b"x\r\n1CClientBankExchange\r\n", NOT),
    "signature alone": (b"1CClientBankExchange", CUT),
    "signature in utf-16": ("1CClientBankExchange".encode("utf-16"), CUT),
    "half a utf-16 sign": ("1CClientBankExchange\n".encode("utf-16") + b"\x1f", CUT),
    "header alone": (HEAD.encode("cp1251"), CUT),
    "cut in a document": ((HEAD + OPEN).encode("cp1251"), CUT),
    "end inside a document": ((HEAD + OPEN + "КонецФайла").encode("cp1251"), CUT),
    "end inside an account": ((HEAD + "СекцияРасчСчет\r\nКонецФайла").encode("cp1251"), CUT),
    "a million ends": ((HEAD + "КонецДокумента\r\n" * 20_000).encode("cp1251"), CUT),
    "documents that never close": ((HEAD + OPEN * 5_000).encode("cp1251"), CUT),
    "an endless purpose": ((HEAD + OPEN + "НазначениеПлатежа=а\r\n" + "щщщщщщ\r\n" * 30_000).encode("cp1251"), CUT),
    "an endless value": ((HEAD + OPEN + "Плательщик=" + "щ" * 5_000_000).encode("cp1251"), CUT),
    "blanks before a tax number": (
        (HEAD + (OPEN + "ДатаПоступило=20.11.2026\r\nПлательщик=ИНН" + " " * 50_000 + "x\r\nКонецДокумента\r\n") * 20)
        .encode("cp1251"),
        CUT,
    ),
    "digits without end": ((HEAD + OPEN + "Сумма=" + "9" * 1_000_000).encode("cp1251"), CUT),
    "control signs": ((HEAD + OPEN + "Номер=" + "\x01\x1b[31m" * 1_000).encode("cp1251"), CUT),
    "keys without end": ((HEAD + OPEN + "".join(f"Ключ{n}=1\r\n" for n in range(20_000))).encode("cp1251"), CUT),
    "equal signs": ((HEAD + "=" * 1_000_000).encode("cp1251"), CUT),
    "line separators": ((HEAD + "\u2028" * 50_000).encode("utf-8"), CUT),
    "carriage returns": (HEAD.encode("cp1251") + b"\r" * 200_000, CUT),
    "too large": (b"1CClientBankExchange\n" + b"x" * 10_485_760, LARGE),
}  # fmt: skip


def _statements_by_http() -> Iterator[Request]:
    headers = {"Content-Type": "application/octet-stream"}
    for name, (content, code) in STATEMENTS.items():
        url = f"{API}/bank-statements"
        yield Request(
            f"statement: {name}", "POST", url, frozenset({code}), by="accountant", content=content, headers=headers
        )  # fmt: skip


# --- workbooks and tables

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)) + "]>"
)


def a_workbook(
    sheet: str = "", *, strings: str = "", prolog: str = "", more: Mapping[str, bytes | int] | None = None
) -> bytes:
    """An xlsx file with one sheet, written part by part; `more`: further or other parts, or so many MiB of zeros."""
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts: dict[str, bytes | str | int] = {
        "[Content_Types].xml": f'{head}<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kind}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" '
        f'ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{head}<workbook xmlns="{NAMESPACE}" xmlns:r="{relations}"><sheets>'
        '<sheet name="Товары" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{head}<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{relations}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" '
        f'Type="{relations}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'{head}{prolog}<worksheet xmlns="{NAMESPACE}"><sheetData>{sheet}</sheetData>'
        "</worksheet>",
        "xl/sharedStrings.xml": f'{head}<sst xmlns="{NAMESPACE}">{strings}</sst>',
        **(more or {}),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            with archive.open(name, "w") as part:
                if isinstance(content, int):
                    for _ in range(content):
                        part.write(b"0" * (1 << 20))
                else:
                    part.write(content.encode() if isinstance(content, str) else content)
    return packed.getvalue()


def a_row(*cells: str) -> str:
    return f'<row r="1">{"".join(cells)}</row>'


def text_cell(text: str, at: str = "A1") -> str:
    return f'<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>'
