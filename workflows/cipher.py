"""What Temporal stores of our messages: sealed with AES-256-GCM under a key that only our own processes have.

A sealed payload is a nonce of 96 random bits and the ciphertext of the whole payload; its metadata names the key. The
namespace and the name of the key are authenticated with it: what was sealed for another namespace does not open.

Imported only where there are keys, and never inside the sandbox: `workflows` passes through it.
"""

import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from activities.payload_keys import PayloadKeys
from workflows.converter import KEY_ID, SEALED, sealed_with

NONCE = 12


class PayloadKeyError(Exception):
    """A sealed payload that this process cannot open; the message names the key and the cure, and no secret.

    Attributes:
        key_id: name of the key, as the payload says.
    """

    def __init__(self, key_id: str, problem: str) -> None:
        self.key_id = key_id
        super().__init__(f"A payload sealed with the key {key_id!r} cannot be opened: {problem}")


class PayloadCipher(PayloadCodec):
    """Seals with one of the keys, opens with any of them, and lets through what was never sealed.

    Attributes:
        writes: name of the key that seals; None seals nothing.
        reads: names of all keys.
    """

    def __init__(self, keys: PayloadKeys, namespace: str) -> None:
        self._namespace = namespace
        self._ciphers = {name: AESGCM(key) for name, key in keys.known.items()}
        self.writes = keys.writes
        self.reads = tuple(keys.known)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._seal(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open what is sealed.

        Raises:
            PayloadKeyError: the key is not known here, or the payload was changed or sealed for another namespace.
        """
        return [self._open(payload) for payload in payloads]

    def _seal(self, payload: Payload) -> Payload:
        if self.writes is None:
            return payload
        nonce = secrets.token_bytes(NONCE)
        sealed = self._ciphers[self.writes].encrypt(nonce, payload.SerializeToString(), self._bound_to(self.writes))
        return Payload(metadata={"encoding": SEALED, KEY_ID: self.writes.encode()}, data=nonce + sealed)

    def _open(self, payload: Payload) -> Payload:
        key_id = sealed_with(payload)
        if key_id is None:
            return payload
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise PayloadKeyError(key_id, "this process does not have it; add it to OPORA_PAYLOAD_KEYS")
        try:
            data = cipher.decrypt(payload.data[:NONCE], payload.data[NONCE:], self._bound_to(key_id))
            return Payload.FromString(data)
        except (InvalidTag, ValueError):
            raise PayloadKeyError(key_id, "it was changed, or sealed elsewhere under the same name") from None

    def _bound_to(self, key_id: str) -> bytes:
        return f"{self._namespace}|{key_id}".encode()
