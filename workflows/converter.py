"""How messages travel: JSON by Pydantic, its decoders made once per process.

The engine makes a converter for each workflow it holds, and Pydantic's own builds the decoders of our messages in each
of them: some 200 KiB per order in the worker's cache, and a third of the time of a replay.
"""

from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import CompositePayloadConverter, DataConverter

_SHARED = tuple(PydanticPayloadConverter().converters.values())


class SharedPayloadConverter(CompositePayloadConverter):
    """Pydantic's converter, the same for every workflow of the process; decoders keep no state of their messages."""

    def __init__(self) -> None:
        super().__init__(*_SHARED)


data_converter = DataConverter(payload_converter_class=SharedPayloadConverter)
