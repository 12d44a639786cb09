"""The connection to Temporal: address, TLS and keys by `temporalio.envconfig`, our data converter always."""

from typing import Any

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import GrpcCompression

from workflows.converter import data_converter


async def connect(address: str | None = None, *, lazy: bool = False) -> Client:
    """Connect as the environment (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_PROFILE`, …) says.

    Without any of them: the namespace `default` on 127.0.0.1:7233. An `address` given here outweighs the environment.
    A lazy client connects at its first call.
    """
    config: dict[str, Any] = {"target_host": "127.0.0.1:7233", **ClientConfig.load_client_connect_config()}
    if address is not None:
        config["target_host"] = address
    return await Client.connect(
        **config, lazy=lazy, data_converter=data_converter, grpc_compression=GrpcCompression.NONE
    )
