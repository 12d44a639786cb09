"""The connection to Temporal: address, TLS and keys by `temporalio.envconfig`, our data converter always."""

from typing import Any

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import GrpcCompression

from activities.payload_keys import PayloadKeys
from workflows.converter import converter_with

NAMESPACE = "default"


async def connect(address: str | None = None, *, keys: PayloadKeys | None = None, lazy: bool = False) -> Client:
    """Connect as the environment (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `OPORA_PAYLOAD_KEYS`, …) says.

    Without any of them: the namespace `default` on 127.0.0.1:7233, nothing sealed. With an `address`, the server of a
    local stack: its namespace `default`, its `keys`, and nothing of the environment. A lazy client connects at its
    first call.

    Raises:
        SettingsError: the keys of the environment are malformed.
    """
    config: dict[str, Any] = {"target_host": address}
    if address is None:
        config = {"target_host": "127.0.0.1:7233", **ClientConfig.load_client_connect_config()}
        keys = PayloadKeys.from_env() if keys is None else keys
    converter = converter_with(keys or PayloadKeys(), config.get("namespace") or NAMESPACE)
    return await Client.connect(**config, lazy=lazy, data_converter=converter, grpc_compression=GrpcCompression.NONE)
