"""Requisites at the doors: what could have been issued passes, everything else is refused."""

import pytest

from activities.requisites import check_account, check_kpp, check_tax_id
from domain.errors import InvalidAccountError, InvalidBankCodeError, InvalidKppError, InvalidTaxIdError
from domain.requisites import account_key_holds, is_bik, is_kpp, is_kz_iban, is_kz_tax_id


@pytest.mark.parametrize("value", ["7707083893", "7736050003", "500100732259", " 7707 083893 "])
def test_an_issued_inn_is_stored_without_spaces(value):
    assert check_tax_id("RU", value) == value.replace(" ", "")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("0000000000", id="ten zeros, which the library accepts"),
        pytest.param("000000000000", id="twelve zeros, which the library accepts"),
        pytest.param("0012345675", id="region 00"),
        pytest.param("7707083894", id="wrong check digit"),
        pytest.param("770708389", id="nine digits"),
        pytest.param("77070838939", id="eleven digits"),
        pytest.param("٧٧٠٧٠٨٣٨٩٣", id="digits of another script"),
        pytest.param("77O7083893", id="letter O for zero"),
        pytest.param("", id="empty"),
        pytest.param("7" * 5000, id="endless"),
    ],
)
def test_an_impossible_inn_is_refused(value):
    with pytest.raises(InvalidTaxIdError) as refusal:
        check_tax_id("RU", value)
    assert refusal.value.code == "invalid_tax_id"
    assert refusal.value.facts == {"field": "tax_id", "reason": "inn"}


@pytest.mark.parametrize(
    ("value", "issued"),
    [
        pytest.param("940140000385", True, id="BIN of a resident company"),
        pytest.param("050840000126", True, id="BIN of 2005"),
        pytest.param("900101350122", True, id="IIN of 1 January 1990"),
        pytest.param("000229500127", True, id="IIN of 29 February 2000"),
        pytest.param("010229500129", False, id="29 February 2001 was not"),
        pytest.param("990230350120", False, id="30 February"),
        pytest.param("991340000017", False, id="BIN of the thirteenth month"),
        pytest.param("990144000019", False, id="BIN with an unknown sixth digit"),
        pytest.param("940140000386", False, id="wrong check digit"),
        pytest.param("000000000000", False, id="zeros, which formally pass the check digit"),
        pytest.param("94014000038", False, id="eleven digits"),
        pytest.param("٩٤٠١٤٠٠٠٠٣٨٥", False, id="digits of another script"),
    ],
)
def test_bin_and_iin(value, issued):
    assert is_kz_tax_id(value) is issued
    if issued:
        assert check_tax_id("KZ", value) == value
    else:
        with pytest.raises(InvalidTaxIdError):
            check_tax_id("KZ", value)


def test_a_country_that_is_not_ours_is_refused():
    with pytest.raises(InvalidTaxIdError) as refusal:
        check_tax_id("BY", "7707083893", field="payer_tax_id")
    assert refusal.value.facts == {"field": "payer_tax_id", "reason": "country"}


@pytest.mark.parametrize(
    ("value", "possible"),
    [
        ("773601001", True),
        ("7736AZ001", True),
        ("000000000", False),
        ("77360100", False),
        ("7736aя001", False),
    ],
)
def test_kpp(value, possible):
    assert is_kpp(value) is possible
    if not possible:
        with pytest.raises(InvalidKppError):
            check_kpp(value)


@pytest.mark.parametrize(
    ("value", "possible"),
    [
        ("044525225", True),
        ("018142016", True),
        ("024501901", True),
        ("034525225", False),
        ("000000000", False),
        ("04452522", False),
    ],
)
def test_bik(value, possible):
    assert is_bik(value) is possible


@pytest.mark.parametrize(
    ("account", "bik", "holds"),
    [
        pytest.param("40702810200000000001", "044525225", True, id="settlement account"),
        pytest.param("40702810300000000001", "044525225", False, id="settlement account, wrong key"),
        pytest.param("30101810400000000225", "044525225", True, id="correspondent account"),
        pytest.param("30101810500000000225", "044525225", False, id="correspondent account, wrong key"),
        pytest.param("03211643000000012345", "018142016", True, id="treasury 03 has no key"),
        pytest.param("4070281020000000000", "044525225", False, id="nineteen digits"),
        pytest.param("40702810200000000001", "44525225", False, id="no such bank"),
    ],
)
def test_account_keys_of_russia(account, bik, holds):
    assert account_key_holds(account, bik) is holds


def test_a_letter_of_a_clearing_currency_counts_as_its_digit():
    assert account_key_holds("40702C10200000000001", "044525225") == account_key_holds(
        "40702310200000000001", "044525225"
    )


def test_an_account_with_its_bank():
    assert check_account("RU", "40702 810 2 0000 0000001", "044525225") == "40702810200000000001"
    with pytest.raises(InvalidAccountError) as refusal:
        check_account("RU", "40702810300000000001", "044525225")
    assert refusal.value.facts["reason"] == "account_key"
    with pytest.raises(InvalidBankCodeError):
        check_account("RU", "40702810200000000001", "944525225")


@pytest.mark.parametrize(
    ("value", "possible"),
    [
        ("KZ86125KZT5004100100", True),
        ("KZ87125KZT5004100100", False),
        ("KZ8612AKZT5004100100", False),
        ("RU86125KZT5004100100", False),
        ("KZ86125KZT500410010", False),
    ],
)
def test_iban_of_kazakhstan(value, possible):
    assert is_kz_iban(value) is possible
    if possible:
        assert check_account("KZ", "kz86 125k zt50 0410 0100") == value
    else:
        with pytest.raises(InvalidAccountError):
            check_account("KZ", value)
