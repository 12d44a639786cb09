"""Requisites that no library checks for us: КПП, БИК, account keys, БИН/ИИН and IBAN of Kazakhstan.

Every function answers whether the value could have been issued at all; none of them asks a registry.
"""

import re
from datetime import date

_KPP = re.compile(r"\d{4}[0-9A-Z]{2}\d{3}", re.ASCII)
_BIK = re.compile(r"0[0124]\d{7}", re.ASCII)
_RU_ACCOUNT = re.compile(r"\d{5}[\dABCEHKMPTX]\d{14}", re.ASCII)
_KZ_IBAN = re.compile(r"KZ\d{5}[A-Z0-9]{13}", re.ASCII)
_TWELVE_DIGITS = re.compile(r"\d{12}", re.ASCII)

_CLEARING_LETTERS = "ABCEHKMPTX"
"""Clearing currencies in position 6 of a Russian account stand for the digits 0 to 9."""
_BANK_OF_RUSSIA_BRANCHES = ("000", "001", "002")
_CENTURIES = {"1": 1800, "2": 1800, "3": 1900, "4": 1900, "5": 2000, "6": 2000}


def tidy(value: str) -> str:
    """The value as it was issued: upper case, without the spaces and dashes people put in."""
    return re.sub(r"[\s\-–—]", "", value).upper()


def is_kpp(value: str) -> bool:
    """КПП: four digits of the tax office, two of the reason (digits or capitals), three of the order."""
    return bool(_KPP.fullmatch(value)) and value != "000000000"


def is_bik(value: str) -> bool:
    """БИК: nine digits; 04 a bank, 00, 01 and 02 the treasury."""
    return bool(_BIK.fullmatch(value)) and value != "000000000"


def is_ru_account(value: str) -> bool:
    """A Russian account number by its form alone."""
    return bool(_RU_ACCOUNT.fullmatch(value)) and value != "0" * 20


def account_key_holds(account: str, bik: str) -> bool:
    """The control key of a Russian account against the БИК of its bank.

    Settlement accounts are keyed with the last three digits of the БИК. Correspondent accounts, the single
    treasury account and accounts kept by the Bank of Russia itself are keyed with its digits 5 and 6.
    Treasury accounts 03… have no key.
    """
    if not (is_ru_account(account) and is_bik(bik)):
        return False
    if account.startswith("03"):
        return True
    kept_by_bank_of_russia = account.startswith(("301", "40102")) or bik.endswith(_BANK_OF_RUSSIA_BRANCHES)
    prefix = "0" + bik[4:6] if kept_by_bank_of_russia else bik[-3:]
    digits = prefix + "".join(
        str(_CLEARING_LETTERS.index(sign)) if sign in _CLEARING_LETTERS else sign for sign in account
    )
    weighted = (int(digit) * (7, 1, 3)[index % 3] for index, digit in enumerate(digits))
    return sum(product % 10 for product in weighted) % 10 == 0


def is_kz_tax_id(value: str) -> bool:
    """БИН of a company or ИИН of a person: twelve digits, a real date inside, the check digit."""
    if not _TWELVE_DIGITS.fullmatch(value) or not _kz_check_digit_holds(value):
        return False
    return _is_bin_body(value) or _is_iin_body(value)


def is_kz_iban(value: str) -> bool:
    """IBAN of Kazakhstan: KZ, two check digits, three of the bank, thirteen of the account, mod 97."""
    if not _KZ_IBAN.fullmatch(value):
        return False
    turned = value[4:] + value[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def _kz_check_digit_holds(value: str) -> bool:
    digits = [int(sign) for sign in value]
    for weights in (range(1, 12), (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)):
        rest = sum(digit * weight for digit, weight in zip(digits, weights, strict=False)) % 11
        if rest < 10:
            return rest == digits[11]
    return False


def _is_bin_body(value: str) -> bool:
    """YYMM of registration, then 4 resident, 5 non-resident, 6 joint entrepreneurs, then 0 to 3."""
    return 1 <= int(value[2:4]) <= 12 and value[4] in "456" and value[5] in "0123"


def _is_iin_body(value: str) -> bool:
    """YYMMDD of birth, then the century; 0 there is a foreigner whose century is not given."""
    year, month, day = int(value[:2]), int(value[2:4]), int(value[4:6])
    if value[6] == "0":
        return any(_is_date(century + year, month, day) for century in (1900, 2000))
    century = _CENTURIES.get(value[6])
    return century is not None and _is_date(century + year, month, day)


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
