"""Every field of every request takes its own kind of value and no other: nothing is guessed."""

from collections.abc import Iterator
from typing import Annotated, Any, get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from support.permissions import name, routes_of

from activities.settings import Settings
from api.app import create_app
from api.routes.codec import PayloadBody, PayloadsBody
from api.schemas import Strict

APP = create_app(Settings(database_url="postgresql://127.0.0.1:1/none"))
NOT = {
    "integer": ("7", True, 1.5, 1e300, "", [], {}),
    "boolean": ("true", 1, 0, "", "yes"),
    "string": (7, True, 1.5, [], {}, b"x", "\x00", "\ud800"),
    "number": (True, "NaN", float("nan"), float("inf"), "1e5", "0x10", [], {}),
    "array": ("x", {}, 7, True),
    "object": ("x", [], 7, True),
}
"""By the JSON type of a field, what it is not."""


def bodies() -> Iterator[tuple[str, type[BaseModel]]]:
    for route in routes_of(APP):
        if route.body_field is not None:
            for model in models_in(route.body_field.field_info.annotation):
                yield name(route), model


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models of an annotation and, through their fields, all that can stand inside."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    for part in get_args(annotation):
        yield from models_in(part)


FOREIGN = {PayloadBody, PayloadsBody}
"""Written by the Temporal UI of whatever version: members that are new there are left out."""
MODELS = sorted({model for _, model in bodies()}, key=lambda model: model.__qualname__)
FIELDS = [(model, key) for model in MODELS for key in model.model_fields]


def adapter(field: FieldInfo) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)


def kinds(schema: dict[str, Any], definitions: dict[str, Any] | None = None) -> set[str]:
    """The JSON types that a schema names."""
    known = definitions if definitions is not None else schema.get("$defs", {})
    if "$ref" in schema:
        return kinds(known[schema["$ref"].rsplit("/", 1)[1]], known)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return set().union(*(kinds(option, known) for option in options))
    constants = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return {schema["type"]} if "type" in schema else {"string" for _ in constants} or {"object"}


def test_every_body_of_the_api_is_looked_at() -> None:
    assert len({door for door, _ in bodies()}) > 35
    assert len(FIELDS) > 120


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__qualname__)
def test_a_request_has_no_field_that_is_not_described(model: type[BaseModel]) -> None:
    if model not in FOREIGN:
        assert issubclass(model, Strict)
        assert model.model_config["extra"] == "forbid"


@pytest.mark.parametrize(("model", "key"), FIELDS, ids=lambda part: getattr(part, "__qualname__", part))
def test_a_field_takes_no_other_kind_of_value(model: type[BaseModel], key: str) -> None:
    taker = adapter(model.model_fields[key])
    own = kinds(taker.json_schema())
    wrong = [value for kind in own - {"null"} for value in NOT[kind]]
    taken = []
    for value in wrong:
        if own & kinds_of(value):
            continue
        try:
            taker.validate_python(value)
        except ValidationError:
            continue
        taken.append(value)
    assert taken == []


def kinds_of(value: Any) -> set[str]:
    """The JSON types that a value may rightly be taken as."""
    if isinstance(value, str) and ("\x00" in value or "\ud800" in value or value in {"NaN", "1e5", "0x10"}):
        return set()
    if isinstance(value, float) and value not in {1.5, 1e300}:
        return set()
    return {
        bool: {"boolean"}, int: {"integer", "number"}, float: {"number"}, str: {"string"}, list: {"array"},
        dict: {"object"},
    }.get(type(value), set())  # fmt: skip
