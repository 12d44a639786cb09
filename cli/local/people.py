"""The company and the people that every new local stack begins with."""

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session, select

from activities.persistence.party_tables import LegalEntityRow, UserRow
from cli.local.data import read_json, write_json

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Person:
    login: str
    name: str
    role: str


PEOPLE = (
    Person("manager", "Анна Ким", "manager"),
    Person("manager2", "Тимур Ахметов", "manager"),
    Person("head", "Олег Петров", "head"),
    Person("director", "Гульнара Сейтова", "director"),
    Person("accountant", "Ирина Волкова", "accountant"),
    Person("warehouse", "Ерлан Жумабаев", "warehouse"),
    Person("buyer", "Айгуль Нурланова", "buyer"),
    Person("lawyer", "Мария Соколова", "lawyer"),
    Person("admin", "Данияр Омаров", "admin"),
)

COMPANY = LegalEntityRow(
    name="ТОО «Опора Снаб»",
    country="KZ",
    tax_id="210440003120",
    currency="KZT",
    timezone="Asia/Almaty",
    bank_accounts=["KZ68125KZT2026100417", "KZ24125RUB2026100418"],
)


def keep_keys(file: Path) -> dict[str, str]:
    """The API key of each login; made once, readable by the owner of the data directory only."""
    known = read_json(file) or {}
    keys = {person.login: known.get(person.login) or secrets.token_urlsafe(_KEY_BYTES) for person in PEOPLE}
    if keys != known:
        write_json(file, keys)
    return keys


def seed(engine: Engine, keys: dict[str, str]) -> None:
    """The company, once; the people, with the hashes of their present keys."""
    with Session(engine) as session, session.begin():
        if session.exec(select(LegalEntityRow)).first() is None:
            session.add(COMPANY.model_copy())
        for person in PEOPLE:
            user = session.exec(select(UserRow).where(UserRow.login == person.login)).first()
            if user is None:
                email = f"{person.login}@opora.local"
                user = UserRow(login=person.login, name=person.name, email=email, role=person.role)
                session.add(user)
            user.key_hash = hashlib.sha256(keys[person.login].encode()).hexdigest()
