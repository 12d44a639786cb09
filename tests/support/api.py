"""The API under test: a seeded company, keys, and short ways to say who calls."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import Engine
from sqlmodel import Session
from starlette.testclient import TestClient
from temporalio.client import Client

from activities.persistence.party_tables import LegalEntityRow, UserRow
from activities.settings import Settings
from api.auth import key_hash
from domain.requisites import is_kz_tax_id

LOGINS = {
    "manager": "manager",
    "manager2": "manager",
    "head": "head",
    "director": "director",
    "accountant": "accountant",
    "warehouse": "warehouse",
    "buyer": "buyer",
    "lawyer": "lawyer",
    "admin": "admin",
}
NO_TEMPORAL = "127.0.0.1:9"
RU_INN = "7707083893"
KZ_BIN = "210340000003"


def another_bin(number: int) -> str:
    """The `number`-th БИН of a series whose check digits hold."""
    return next(itertools.islice(filter(is_kz_tax_id, (f"210340{i:06d}" for i in itertools.count())), number, None))


@dataclass(frozen=True, slots=True)
class Company:
    """Ids of the people by login, and the selling company."""

    entity_id: UUID
    people: Mapping[str, UUID]


def key_of(login: str) -> str:
    return f"test-key-of-{login}"


def bearer(login: str, **headers: str) -> dict[str, str]:
    """Headers of a call by this person: `bearer("head", idempotency_key=…)`."""
    return {"Authorization": f"Bearer {key_of(login)}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }


def seed_company(engine: Engine) -> Company:
    """One selling company of Almaty and everybody in `LOGINS`."""
    with Session(engine) as session, session.begin():
        entity = LegalEntityRow(
            name="ТОО «Опора Снаб»",
            country="KZ",
            tax_id=another_bin(900),
            currency="KZT",
            timezone="Asia/Almaty",
            bank_accounts=["KZ12345ABCDEFGHIJK01"],
        )
        session.add(entity)
        people = {}
        for login, role in LOGINS.items():
            user = UserRow(
                login=login,
                name=f"Имя {login}",
                email=f"{login}@opora.test",
                role=role,
                key_hash=key_hash(key_of(login)),
            )
            session.add(user)
            people[login] = user.id
        return Company(entity_id=entity.id, people=people)


def app_settings(engine: Engine, **settings: Any) -> Settings:
    """Settings of an API on this test's database."""
    return Settings(database_url=engine.url.render_as_string(hide_password=False), **settings)


@contextmanager
def doors(
    create_app: Callable[..., FastAPI], engine: Engine, temporal: Client | None = None, **settings: Any
) -> Iterator[TestClient]:
    """A client of the API; refusals and outages come back as answers, bugs as exceptions."""
    with TestClient(create_app(app_settings(engine, **settings), engine=engine, temporal=temporal)) as client:
        yield client


def a_customer(**changes: Any) -> dict[str, Any]:
    """A body for `POST /api/v1/customers`."""
    body: dict[str, Any] = {
        "name": "ТОО «Ромашка»",
        "country": "KZ",
        "tax_id": KZ_BIN,
        "segment": "standard",
        "currency": "KZT",
        "credit_limit": "1000000.00",
        "payment_terms": {"deferral_days": 14, "prepayment_percent": 0},
        "contacts": [{"role": "buyer", "name": "Анна", "email": "anna@romashka.test", "phone": "+7 701 111 22 33"}],
        "contract": {"number": "Д-1", "signed_on": "2026-01-12"},
    }
    return body | changes


def a_product(**changes: Any) -> dict[str, Any]:
    """A body for `POST /api/v1/products`."""
    body = {"sku": "CEM-50", "name": "Цемент М500", "unit": "меш", "price": "2450.50", "vat_rate": "12"}
    return body | changes
