"""What Temporal stores is sealed: keys, their rotation, and what cannot be opened says why without a secret."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import WorkflowSerializationContext

from activities.payload_keys import PayloadKeys, parse_keys
from activities.settings import Settings, SettingsError
from cli.local.data import ROOT
from domain.sweeps import StockSweep
from workflows.cipher import PayloadCipher, PayloadKeyError
from workflows.converter import converter_with, data_converter, sealed_with

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data='"Секрет Пелагеи"'.encode())


def cipher(text: str, namespace: str = "default") -> PayloadCipher:
    return PayloadCipher(parse_keys(text), namespace)


@pytest.mark.anyio
async def test_a_payload_comes_back_and_two_of_the_same_look_different() -> None:
    one, another = await cipher(f"k1:{OLD}").encode([PLAIN, PLAIN])
    assert await cipher(f"k1:{OLD}").decode([one, another]) == [PLAIN, PLAIN]
    assert "Пелагеи".encode() not in one.SerializeToString()
    assert b"json" not in one.SerializeToString()
    assert one.data != another.data
    assert sealed_with(one) == "k1"


@pytest.mark.anyio
async def test_the_first_key_writes_and_every_key_reads() -> None:
    (before,) = await cipher(f"k1:{OLD}").encode([PLAIN])
    rotating = cipher(f"k2:{NEW}, k1:{OLD}")
    (after,) = await rotating.encode([PLAIN])
    assert (sealed_with(before), sealed_with(after)) == ("k1", "k2")
    assert await rotating.decode([before, after]) == [PLAIN, PLAIN]


@pytest.mark.anyio
async def test_what_was_never_sealed_is_let_through() -> None:
    assert await cipher(f"k1:{OLD}").decode([PLAIN]) == [PLAIN]


@pytest.mark.anyio
async def test_open_keys_read_and_write_nothing_sealed() -> None:
    (sealed,) = await cipher(f"k1:{OLD}").encode([PLAIN])
    going = cipher(f"open k1:{OLD}")
    assert await going.encode([PLAIN]) == [PLAIN]
    assert await going.decode([sealed]) == [PLAIN]


@pytest.mark.anyio
async def test_an_unknown_key_is_named_and_nothing_else_is_said() -> None:
    (sealed,) = await cipher(f"k2:{NEW}").encode([PLAIN])
    with pytest.raises(PayloadKeyError, match=r"'k2' cannot be opened: .* OPORA_PAYLOAD_KEYS") as caught:
        await cipher(f"k1:{OLD}").decode([sealed])
    assert OLD not in str(caught.value)


@pytest.mark.anyio
@pytest.mark.parametrize("spoiled", ["namespace", "name", "bit", "short", "key"])
async def test_nothing_opens_that_was_changed_or_sealed_elsewhere(spoiled: str) -> None:
    (sealed,) = await cipher(f"k1:{OLD}").encode([PLAIN])
    reader = cipher(f"k1:{OLD} k2:{OLD}")
    if spoiled == "namespace":
        reader = cipher(f"k1:{OLD}", "another")
    elif spoiled == "name":
        sealed.metadata["encryption-key-id"] = b"k2"
    elif spoiled == "bit":
        sealed.data = sealed.data[:-1] + bytes([sealed.data[-1] ^ 1])
    elif spoiled == "short":
        sealed.data = sealed.data[:5]
    else:
        reader = cipher(f"k1:{NEW}")
    with pytest.raises(PayloadKeyError, match="it was changed, or sealed elsewhere"):
        await reader.decode([sealed])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("k1", "entry 1 is not name:base64"),
        (f"k1:{OLD} кв:{NEW}", "entry 2 is not name:base64"),
        ("k1:AAAA", "k1 is not base64 of 32 bytes"),
        ("k1:!!!!", "k1 is not base64 of 32 bytes"),
        (f"k1:{OLD} k1:{NEW}", "k1 stands twice"),
        (f"k1:{OLD} open", "entry 2 is not name:base64"),
    ],
)
def test_malformed_keys_name_the_place_and_the_cure_but_no_key(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        PayloadKeys.from_env({"OPORA_PAYLOAD_KEYS": text})
    assert "openssl" in str(caught.value) or "twice" in str(caught.value)
    assert OLD not in str(caught.value)


def test_keys_hide_in_what_is_printed() -> None:
    assert "01" not in repr(parse_keys(f"k1:{OLD}"))


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"k2:{NEW}\nk1:{OLD}\n")
    keys = PayloadKeys.from_env({"OPORA_PAYLOAD_KEYS_FILE": str(file)})
    assert (keys.writes, list(keys.known)) == ("k2", ["k2", "k1"])

    file.write_text("p@ss word\n")
    env = {"OPORA_DATABASE_URL": "postgresql://h/d", "OPORA_SMTP_PASSWORD_FILE": str(file)}
    assert Settings.from_env(env).smtp_password == "p@ss word"
    with pytest.raises(SettingsError, match="both set"):
        Settings.from_env(env | {"OPORA_SMTP_PASSWORD": "x"})
    with pytest.raises(SettingsError, match="FILE cannot be read"):
        Settings.from_env({"OPORA_DATABASE_URL_FILE": str(tmp_path / "none")})


def test_without_keys_nothing_changes_and_the_library_is_not_loaded() -> None:
    assert converter_with(PayloadKeys.from_env({}), "default") is data_converter
    probe = "import sys, worker, api.app, cli.app; assert 'cryptography' not in sys.modules"
    subprocess.run([sys.executable, "-c", probe], cwd=ROOT, check=True)


@pytest.mark.anyio
async def test_failures_are_sealed_with_their_traces() -> None:
    converter = converter_with(parse_keys(f"k1:{OLD}"), "default")
    failure = Failure()
    try:
        raise ValueError("звонили Пелагее")
    except ValueError as error:
        await converter.encode_failure(error, failure)
    assert "Пелаге".encode() not in failure.SerializeToString()
    assert b"test_payload_cipher" not in failure.SerializeToString()
    assert str((await converter.decode_failure(failure)).args[0]).endswith("звонили Пелагее")


@pytest.mark.anyio
async def test_messages_keep_their_types() -> None:
    converter = converter_with(parse_keys(f"k1:{OLD}"), "default")
    payloads = await converter.encode([StockSweep()])
    assert await converter.decode(payloads, [StockSweep]) == [StockSweep()]


@pytest.mark.parametrize("keys", ["", f"k1:{OLD}"], ids=["open", "sealed"])
def test_no_part_of_our_converter_wants_to_know_whose_message_it_reads(keys: str) -> None:
    """Else the runner of workflows would have to tell it."""
    converter = converter_with(parse_keys(keys) if keys else PayloadKeys(), "default")
    assert converter.with_context(WorkflowSerializationContext("default", "order/1")) is converter
