"""How messages travel: JSON by Pydantic, its decoders made once per process, sealed where there are keys.

The engine makes a converter for each workflow it holds, and Pydantic's own builds the decoders of our messages in each
of them: some 200 KiB per order in the worker's cache, and a third of the time of a replay.
"""

from dataclasses import replace

from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
)

from activities.payload_keys import PayloadKeys

SEALED = b"binary/encrypted"
KEY_ID = "encryption-key-id"
_LONGEST_NAME = 64

_SHARED = tuple(PydanticPayloadConverter().converters.values())


class SharedPayloadConverter(CompositePayloadConverter):
    """Pydantic's converter, the same for every workflow of the process; decoders keep no state of their messages."""

    def __init__(self) -> None:
        super().__init__(*_SHARED)


data_converter = DataConverter(payload_converter_class=SharedPayloadConverter)


def converter_with(keys: PayloadKeys, namespace: str) -> DataConverter:
    """The converter of every client, worker and replay in a namespace; without keys, `data_converter` itself.

    Messages and stack traces of failures are sealed as payloads are.
    """
    if not keys.known:
        return data_converter
    from workflows.cipher import PayloadCipher  # only who has keys pays for the library

    sealing = replace(data_converter, payload_codec=PayloadCipher(keys, namespace))
    if keys.writes is None:
        return sealing
    return replace(sealing, failure_converter_class=DefaultFailureConverterWithEncodedAttributes)


def sealed_with(payload: Payload) -> str | None:
    """The name of the key that a payload is sealed with; None of an open one."""
    if payload.metadata.get("encoding") != SEALED:
        return None
    return payload.metadata.get(KEY_ID, b"")[:_LONGEST_NAME].decode("ascii", "replace")


def writing_key(converter: DataConverter) -> str | None:
    """The name of the key that a converter seals with; None when it seals nothing."""
    key: str | None = getattr(converter.payload_codec, "writes", None)
    return key
