"""One set of decoders for all workflows of a process."""

from datetime import UTC, datetime

from domain.orders import OrderInput, OrderState, OrderStatus
from workflows.converter import SharedPayloadConverter, data_converter

ORDER = OrderInput("1", "З-1", "2", "3", datetime(2026, 4, 6, tzinfo=UTC), OrderState(OrderStatus.QUOTED))


def test_workflows_share_their_decoders() -> None:
    one, another = SharedPayloadConverter(), SharedPayloadConverter()
    assert list(one.converters.values()) == list(another.converters.values())


def test_messages_travel() -> None:
    payloads = data_converter.payload_converter.to_payloads([ORDER])
    assert SharedPayloadConverter().from_payloads(payloads, [OrderInput]) == [ORDER]
