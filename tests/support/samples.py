"""Plausible requests out of the description of the API."""

from collections.abc import Mapping
from typing import Any

ZERO = "00000000-0000-0000-0000-000000000000"


def resolve(schema: Mapping[str, Any], description: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind references and optional values."""
    while "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for option in schema.get("anyOf", []):
        if option.get("type") != "null":
            return {**resolve(option, description), "examples": schema.get("examples", [])}
    return schema


def sample(schema: Mapping[str, Any], description: Mapping[str, Any], ids: Mapping[str, str], name: str = "") -> Any:
    """A plausible value of a schema; `ids`: values of fields by their name."""
    schema = resolve(schema, description)
    if name in ids:
        return ids[name]
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {key: sample(value, description, ids, key) for key, value in properties.items()}
        case "array":
            return [sample(schema.get("items", {}), description, ids)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case _:
            formats = {"date": "2026-11-23", "uuid": ZERO, "date-time": "2026-11-23T10:00:00Z"}
            return formats.get(schema.get("format", ""), "5")


def body_of(operation: Mapping[str, Any], description: Mapping[str, Any], ids: Mapping[str, str]) -> Any:
    """A plausible JSON body of an operation, or None where it takes none."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return sample(content["schema"], description, ids) if content else None
