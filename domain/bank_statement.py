"""Bank statements `1CClientBankExchange`: the incoming money in a file of any Russian or Kazakhstan bank.

The reader is tolerant: dialects, encodings, letter case and broken documents differ from bank to bank. A document that
cannot be understood is put aside with its line and reason; the rest of the file counts. Only a file that is no
statement, or that was cut off, is refused as a whole.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from domain.money import LARGEST_AMOUNT, ZERO
from domain.money_errors import NotAStatementError, StatementTooLargeError, TruncatedStatementError
from domain.statement_text import (
    KNOWN_WORDS,
    SIGNATURE,
    decode_lines,
    fold,
    is_posting_day,
    read_account,
    read_amount,
    read_currency,
    read_date,
    split_key,
)

MAX_BYTES = 10 * 1024 * 1024

LONGEST_VALUE = 4_000
"""What is kept of one value, several times what any bank writes: a file of endless lines costs no endless time."""

_LEADING_TAX_ID = re.compile(
    r"^\s*+(?:(?:ИНН|БИН|ИИН)\s*+:?+\s*+)?(\d{12}|\d{10})(?!\d)[\s,;/]*", re.IGNORECASE | re.ASCII
)


class LineProblem(StrEnum):
    """Why a document of a statement was put aside."""

    NO_AMOUNT = "no_amount"
    BAD_AMOUNT = "bad_amount"
    NO_DATE = "no_date"
    BAD_DATE = "bad_date"
    NO_DIRECTION = "no_direction"
    NOT_CLOSED = "not_closed"
    TURNOVER_DIFFERS = "turnover_differs"
    UNKNOWN_ACCOUNT = "unknown_account"


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be read: the line where its section begins, and the value that is in the way."""

    line: int
    code: LineProblem
    value: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that came to one of our accounts, as the bank states it."""

    line: int
    own_account: str
    posted_on: date
    number: str
    document_date: date
    amount: Decimal
    currency: str | None
    payer_name: str | None
    payer_tax_id: str | None
    payer_kpp: str | None
    payer_account: str | None
    purpose: str

    def identity(self) -> str:
        """What makes two lines of bank files the same money (D9-1), as 32 hexadecimal digits."""
        facts = (
            self.own_account,
            self.posted_on.isoformat(),
            self.number,
            self.document_date.isoformat(),
            f"{self.amount:.2f}",
            self.payer_tax_id or self.payer_account or "",
            " ".join(self.purpose.casefold().split()),
        )
        return hashlib.sha256("\x1f".join(facts).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Statement:
    """A bank file: what came in, what was put aside, and how much of it is not our business here.

    Attributes:
        outgoing: documents of money that left, or went between our own accounts.
        problems: documents put aside.
        warnings: documents that count, but do not add up with the turnovers, or came to an account unknown as ours.
    """

    accounts: tuple[str, ...]
    period: tuple[date | None, date | None]
    documents: tuple[Receipt, ...]
    outgoing: int
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


class _Direction(StrEnum):
    IN = "in"
    OUT = "out"


class _UnreadableError(Exception):
    def __init__(self, code: LineProblem, value: str = "") -> None:
        self.code = code
        self.value = value[:80]


@dataclass(slots=True)
class _Section:
    """A section as it stands in the file: keys folded, the first value of a repeated key kept."""

    name: str
    line: int
    kind: str = ""
    values: dict[str, str] = field(default_factory=dict)
    last: str = ""

    def take(self, line: str) -> None:
        pair = split_key(line)
        inside_purpose = self.last.startswith("назначениеплатежа")
        if pair is None or (inside_purpose and not pair[0].startswith(KNOWN_WORDS)):
            if self.last and len(self.values[self.last]) < LONGEST_VALUE:
                self.values[self.last] = f"{self.values[self.last]} {line}".strip()[:LONGEST_VALUE]
            return
        key, value = pair
        if not self.values.get(key):
            self.values[key] = value[:LONGEST_VALUE]
        self.last = key

    def first(self, *keys: str) -> str:
        """The first of the named values that is filled."""
        return next((self.values[key] for key in keys if self.values.get(key)), "")


def parse_statement(
    content: bytes, own_accounts: Collection[str] = (), *, today: date | None = None, max_bytes: int = MAX_BYTES
) -> Statement:
    """Read a bank file.

    Args:
        content: the bytes as they came from the bank.
        own_accounts: accounts known to be ours, besides those that the file names.
        today: documents dated too far from this day are put aside; None takes any day.

    Raises:
        NotAStatementError: the first line is not the signature of the format.
        TruncatedStatementError: the file ends inside a section or before «КонецФайла».
        StatementTooLargeError: more than `max_bytes`.
    """
    if len(content) > max_bytes:
        raise StatementTooLargeError(field="file", size=len(content), limit=max_bytes)
    lines = decode_lines(content)
    header, accounts, documents, problems = _sections(lines)
    named = [read_account(section.values.get("расчсчет", "")) for section in (header, *accounts)]
    known = {read_account(account) for account in own_accounts if account}
    own = {account for account in (*named, *known, *header_accounts(lines)) if account}
    receipts: list[tuple[str, Receipt]] = []
    outgoing = 0
    for document in documents:
        try:
            receipt = _read_document(document, own)
            if receipt is not None and today is not None and not is_posting_day(receipt.posted_on, today):
                raise _UnreadableError(LineProblem.BAD_DATE, receipt.posted_on.strftime("%d.%m.%Y"))
        except _UnreadableError as trouble:
            problems.append(Problem(document.line, trouble.code, trouble.value))
            continue
        if receipt is None:
            outgoing += 1
        else:
            receipts.append((document.kind, receipt))
    kept = tuple(_without_doubles(receipts))
    return Statement(
        accounts=tuple(dict.fromkeys(account for account in (*header_accounts(lines), *named) if account)),
        period=_period(header, accounts),
        documents=kept,
        outgoing=outgoing,
        problems=tuple(sorted(problems, key=lambda problem: problem.line)),
        warnings=(*_turnover_warnings(accounts, kept), *(_account_warnings(kept, known) if known else ())),
    )


def header_accounts(lines: list[str]) -> list[str]:
    """Our accounts as the header repeats them, one `РасчСчет=` for each."""
    found = []
    for line in lines:
        pair = split_key(line)
        if fold(line.partition("=")[0]).startswith("секция"):
            break
        if pair and pair[0] == "расчсчет":
            found.append(read_account(pair[1]))
    return found


def _sections(lines: list[str]) -> tuple[_Section, list[_Section], list[_Section], list[Problem]]:
    """Header, account sections, document sections, and the documents that were never closed."""
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if line)
    first = next(numbered, (0, ""))
    if fold(first[1]) != SIGNATURE:
        raise NotAStatementError(field="file", value=first[1][:40])
    header = _Section("header", first[0])
    accounts: list[_Section] = []
    documents: list[_Section] = []
    problems: list[Problem] = []
    current, ended = header, False
    for number, line in numbered:
        head, _, rest = line.partition("=")
        word = fold(head)
        if word.startswith("секция"):
            if current.name == "document":
                problems.append(Problem(current.line, LineProblem.NOT_CLOSED, current.first("номер", "номердокумента")))
            name = "document" if word == "секциядокумент" else "account"
            current, ended = _Section(name, number, kind=fold(rest)), False
        elif word == "конецдокумента":
            if current.name == "document":
                documents.append(current)
            current = _Section("gap", number)
        elif word == "конецрасчсчет":
            if current.name == "account":
                accounts.append(current)
            current = _Section("gap", number)
        elif word == "конецфайла":
            if current.name in {"document", "account"}:
                raise TruncatedStatementError(field="file", line=current.line)
            ended = True
        elif not ended:
            current.take(line)
    if not ended:
        raise TruncatedStatementError(field="file", line=len(lines))
    return header, accounts, documents, problems


def _read_document(section: _Section, own: set[str]) -> Receipt | None:
    """The receipt in a document section; None for money that left or moved between our own accounts."""
    payee = _accounts_of(section, "получатель")
    payer = _accounts_of(section, "плательщик")
    direction = _direction(section, not own.isdisjoint(payee), not own.isdisjoint(payer))
    if direction is _Direction.OUT:
        return None
    candidates = [*(account for account in payee if account in own), *payee, *(own if len(own) == 1 else ())]
    document_date = _day(section.first("дата", "датадокумента"))
    posted_on = _day(
        section.first("датапоступило", "датавалютирования", "датаоперации", "квитанциядата", "дата", "датадокумента")
    )
    if posted_on is None:
        raise _UnreadableError(LineProblem.NO_DATE)
    name, tax_id = _payer(section)
    return Receipt(
        line=section.line,
        own_account=candidates[0] if candidates else "",
        posted_on=posted_on,
        number=section.first("номер", "номердокумента")[:64],
        document_date=document_date or posted_on,
        amount=_amount(section),
        currency=read_currency(section.first("валюта", "валютадокумента")),
        payer_name=name,
        payer_tax_id=tax_id,
        payer_kpp=section.first("плательщиккпп")[:9] or None,
        payer_account=payer[0] if payer else None,
        purpose=_purpose(section),
    )


def _direction(section: _Section, payee_is_ours: bool, payer_is_ours: bool) -> _Direction:
    """Where the money went: by the signed amount, by the one date that is filled, by the own account."""
    if payee_is_ours and payer_is_ours:
        return _Direction.OUT
    income, expense = section.first("суммаприход"), section.first("суммарасход")
    if _is_sum(income) != _is_sum(expense):
        return _Direction.IN if _is_sum(income) else _Direction.OUT
    came, went = section.first("датапоступило"), section.first("датасписано")
    if bool(came) != bool(went):
        return _Direction.IN if came else _Direction.OUT
    if payee_is_ours != payer_is_ours:
        return _Direction.IN if payee_is_ours else _Direction.OUT
    raise _UnreadableError(LineProblem.NO_DIRECTION, section.first("номер", "номердокумента"))


def _is_sum(text: str) -> bool:
    return any(sign in "123456789" for sign in text)


def _amount(section: _Section) -> Decimal:
    income = section.first("суммаприход")
    text = income if _is_sum(income) else section.first("сумма", "суммадокумента", "суммаприход")
    if not text:
        raise _UnreadableError(LineProblem.NO_AMOUNT)
    amount = read_amount(text)
    if amount is None or not ZERO < amount <= LARGEST_AMOUNT:
        raise _UnreadableError(LineProblem.BAD_AMOUNT, text)
    return amount


def _day(text: str) -> date | None:
    """The day written there; None when nothing is.

    Raises:
        _UnreadableError: something is written, and it is no day.
    """
    if not text:
        return None
    day = read_date(text)
    if day is None:
        raise _UnreadableError(LineProblem.BAD_DATE, text)
    return day


def _accounts_of(section: _Section, side: str) -> list[str]:
    """The account of one side under each of its names, the settlement account first."""
    names = (f"{side}расчсчет", f"{side}счет", f"{side}иик")
    return [read_account(section.values[name]) for name in names if section.values.get(name)]


def _payer(section: _Section) -> tuple[str | None, str | None]:
    """Name and tax number: the split keys first, then «7777777777, ООО …» of the joint one."""
    joint = section.first("плательщик")
    name = section.first("плательщик1", "плательщикнаименование")
    number = re.sub(r"\D", "", section.first("плательщикинн", "плательщикбин_иин", "плательщикбин", "плательщикиин"))
    prefix = _LEADING_TAX_ID.match(joint)
    if len(number) not in {10, 12}:
        number = prefix[1] if prefix else ""
    if not name:
        name = joint[prefix.end() :] if prefix else joint
    return name.strip()[:300] or None, number or None


def _purpose(section: _Section) -> str:
    """The purpose; its numbered continuation replaces it when that says more."""
    whole = section.first("назначениеплатежа")
    parts = (section.values.get(f"назначениеплатежа{index}", "") for index in range(1, 7))
    joined = " ".join(part for part in parts if part)
    return " ".join((joined if len(joined) > len(whole) else whole).split())[:1000]


def _without_doubles(receipts: list[tuple[str, Receipt]]) -> Iterator[Receipt]:
    """Some banks write each operation twice, as «Выписка» and as «ПлатежноеПоручение»: one of each pair counts.

    True twins inside one kind stay: k equal lines are k payments (D9-1).
    """

    def money(receipt: Receipt) -> tuple[object, ...]:
        payer = receipt.payer_account or receipt.payer_tax_id
        return receipt.own_account, receipt.posted_on, receipt.number, receipt.amount, payer

    orders = Counter(money(receipt) for kind, receipt in receipts if kind != "выписка")
    for kind, receipt in receipts:
        if kind == "выписка" and orders[money(receipt)] > 0:
            orders[money(receipt)] -= 1
        else:
            yield receipt


def _period(header: _Section, accounts: list[_Section]) -> tuple[date | None, date | None]:
    """What the file says it covers; a malformed date there harms nothing."""

    def days(key: str) -> list[date]:
        found = []
        for section in (header, *accounts):
            try:
                day = _day(section.values.get(key, ""))
            except _UnreadableError:
                continue
            if day is not None:
                found.append(day)
        return found

    return min(days("датаначала"), default=None), max(days("датаконца"), default=None)


def _turnover_warnings(accounts: list[_Section], receipts: tuple[Receipt, ...]) -> Iterator[Problem]:
    """Accounts whose receipts do not add up to the stated turnover: trimmed exports do that."""
    came: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    stated: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    lines: dict[str, int] = {}
    for receipt in receipts:
        came[receipt.own_account] += receipt.amount
    for section in accounts:
        turnover = read_amount(section.values.get("всегопоступило", ""))
        account = read_account(section.values.get("расчсчет", ""))
        if turnover is not None and account:
            stated[account] += turnover
            lines.setdefault(account, section.line)
    for account, line in lines.items():
        if stated[account] != came[account]:
            yield Problem(line, LineProblem.TURNOVER_DIFFERS, f"{came[account]:.2f} / {stated[account]:.2f}")


def _account_warnings(receipts: tuple[Receipt, ...], known: Collection[str]) -> Iterator[Problem]:
    """Accounts with receipts that the company does not know: another company's file, or a new account."""
    first = {receipt.own_account: receipt.line for receipt in reversed(receipts) if receipt.own_account}
    for account, line in first.items():
        if account not in known:
            yield Problem(line, LineProblem.UNKNOWN_ACCOUNT, account)
