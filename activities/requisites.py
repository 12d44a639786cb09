"""Requisites of customers and of our own accounts, checked before they are stored.

The numbers that `python-stdnum` knows are its business; what it lacks stands in `domain.requisites`.
"""

from stdnum.ru import inn

from domain.errors import InvalidAccountError, InvalidBankCodeError, InvalidKppError, InvalidTaxIdError
from domain.requisites import account_key_holds, is_bik, is_kpp, is_kz_iban, is_kz_tax_id, is_ru_account, tidy


def check_tax_id(country: str, value: str, *, field: str = "tax_id") -> str:
    """ИНН of Russia or БИН/ИИН of Kazakhstan, as it is to be stored.

    Raises:
        InvalidTaxIdError: it was never issued, or the country is not one of ours.
    """
    number = tidy(value)
    match country:
        case "RU":
            # The library accepts zeros throughout and the region 00, which no tax office has.
            if not number.isascii() or number.startswith("00") or not inn.is_valid(number):
                raise InvalidTaxIdError(field=field, reason="inn")
        case "KZ":
            if not is_kz_tax_id(number):
                raise InvalidTaxIdError(field=field, reason="bin_iin")
        case _:
            raise InvalidTaxIdError(field=field, reason="country")
    return number


def check_kpp(value: str, *, field: str = "kpp") -> str:
    """КПП as it is to be stored.

    Raises:
        InvalidKppError: its form is wrong.
    """
    number = tidy(value)
    if not is_kpp(number):
        raise InvalidKppError(field=field, reason="kpp")
    return number


def check_account(country: str, account: str, bank_code: str | None = None, *, field: str = "account") -> str:
    """A bank account as it is to be stored: IBAN in Kazakhstan, twenty digits in Russia.

    With the БИК of the bank the control key of a Russian account is checked too.

    Raises:
        InvalidAccountError: the account cannot exist.
        InvalidBankCodeError: the БИК cannot exist.
    """
    number = tidy(account)
    if country == "KZ":
        if not is_kz_iban(number):
            raise InvalidAccountError(field=field, reason="iban")
        return number
    if country != "RU" or not is_ru_account(number):
        raise InvalidAccountError(field=field, reason="account" if country == "RU" else "country")
    if bank_code is not None:
        bik = tidy(bank_code)
        if not is_bik(bik):
            raise InvalidBankCodeError(field="bank_code", reason="bik")
        if not account_key_holds(number, bik):
            raise InvalidAccountError(field=field, reason="account_key")
    return number
