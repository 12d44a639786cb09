"""The bank of a run: a file of all incoming payments so far, as a bank in Kazakhstan writes it."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cli.local.people import COMPANY


@dataclass(frozen=True, slots=True)
class Incoming:
    """One line of a bank file."""

    number: str
    payer: str
    amount: Decimal
    purpose: str


class Bank:
    """The day's lines. Each file holds all earlier lines again, so importers meet in them (D9-1)."""

    def __init__(self, day: date) -> None:
        self._day = day
        self.lines: list[Incoming] = []

    def pay(self, line: Incoming) -> None:
        self.lines.append(line)

    def statement(self) -> bytes:
        """Today's file as it is now."""
        day, account = f"{self._day:%d.%m.%Y}", COMPANY.bank_accounts[0]
        head = ["1CClientBankExchange", "ВерсияФормата=2.00", "Кодировка=Windows", f"ДатаСоздания={day}",
                f"ДатаНачала={day}", f"ДатаКонца={day}", f"РасчСчет={account}"]  # fmt: skip
        body = [text for line in self.lines for text in _document(line, day, account)]
        return "\r\n".join([*head, *body, "КонецФайла"]).encode("cp1251")


def _document(line: Incoming, day: str, account: str) -> list[str]:
    return [
        "СекцияДокумент=ПлатежноеПоручение",
        f"НомерДокумента={line.number}",
        f"ДатаДокумента={day}",
        f"ДатаОперации={day}",
        f"Сумма={line.amount}",
        f"СуммаПриход={line.amount}",
        "ПлательщикНаименование=ТОО Покупатель",
        f"ПлательщикБИН_ИИН={line.payer}",
        "ПлательщикИИК=KZ86125KZT5004100100",
        "ПолучательНаименование=ТОО Опора Снаб",
        f"ПолучательБИН_ИИН={COMPANY.tax_id}",
        f"ПолучательИИК={account}",
        f"НазначениеПлатежа={line.purpose}",
        "КонецДокумента",
    ]
