"""`./opora up` on real parts: ready when it says so, heals by itself, keeps its data, leaves nothing behind."""

import contextlib
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import psycopg
import pytest
from support.patience import wait_until
from support.stack import RunningStack, lives, opora, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LOGINS = {"manager", "manager2", "head", "director", "accountant", "warehouse", "buyer", "lawyer", "admin"}
PARTS = ("postgres", "temporal", "mail", "worker", "api")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("stack") / "data") as running:
        yield running


def test_run_json_says_where_everything_is(stack: RunningStack) -> None:
    known = stack.run_json()
    assert set(known) == {"api", "temporal", "temporal_ui", "database", "mail", "keys", "payload_keys"}
    assert known["payload_keys"] is None
    assert set(known["keys"]) == LOGINS
    assert known["mail"] == known["api"] + "/mail"
    assert stat.S_IMODE((stack.data / "run.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((stack.data / "keys.json").stat().st_mode) == 0o600
    assert stack.is_ready()


def test_each_key_opens_the_api_and_is_stored_as_a_hash_only(stack: RunningStack) -> None:
    for login in LOGINS:
        assert stack.get("/api/v1/orders", login).status_code == 200, login
    with psycopg.connect(stack.run_json()["database"]) as connection:
        hashes = connection.execute("SELECT key_hash FROM app_user WHERE key_hash IS NOT NULL").fetchall()
        (company,) = connection.execute("SELECT name, country, currency, timezone FROM legal_entity").fetchall()
    assert len(hashes) == len(LOGINS)
    assert not {value for (value,) in hashes} & set(stack.run_json()["keys"].values())
    assert company == ("ТОО «Опора Снаб»", "KZ", "KZT", "Asia/Almaty")


def test_only_the_loopback_listens(stack: RunningStack) -> None:
    for part in PARTS:
        for connection in psutil.Process(stack.pid(part)).net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip in {"127.0.0.1", "::1"}, part


def test_the_whole_stack_takes_less_than_a_gigabyte(stack: RunningStack) -> None:
    supervisor = psutil.Process(stack.pid("supervisor"))
    whole = 0
    for process in [supervisor, *supervisor.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # connections of PostgreSQL come and go
            whole += process.memory_full_info().pss
    assert whole < 1024**3


def test_a_second_up_on_the_same_data_is_refused(stack: RunningStack) -> None:
    for mode in ([], ["--detach"]):
        said = opora("up", "--data", stack.data, "--port", "0", *mode)
        assert said.returncode == 1
        assert one_sentence(said.stdout + said.stderr, "уже работает")
    assert stack.is_ready()


def test_fast_forward_of_an_unknown_workflow_is_a_sentence(stack: RunningStack) -> None:
    said = opora("fast-forward", "order/none", "7d", "--data", stack.data)
    assert said.returncode == 1
    assert one_sentence(said.stderr, "order/none нет"), said.stderr


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_comes_back_by_itself(stack: RunningStack, part: str) -> None:
    before = stack.pid(part)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: stack.pid(part) != before and lives(stack.pid(part)))
    wait_until(stack.is_ready)


def test_after_all_that_doctor_finds_everything_in_order(stack: RunningStack) -> None:
    wait_until(lambda: opora("doctor", "--data", stack.data).returncode == 0)
    said = opora("doctor", "--data", stack.data)
    assert said.returncode == 0, said.stdout
    assert "✗" not in said.stdout


def test_after_kill_9_of_the_group_the_next_start_recovers_by_itself(stack: RunningStack) -> None:
    keys, pids = stack.run_json()["keys"], [stack.pid(part) for part in PARTS]
    mark(stack, "before the crash")
    stack.kill_everything()
    wait_until(lambda: not any(lives(pid) for pid in pids))
    stack.start()
    assert stack.started_in < 10 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert stack.is_ready()
    assert stack.run_json()["keys"] == keys
    assert "before the crash" in marks(stack)


def test_a_clean_stop_leaves_nothing_running_and_the_next_start_keeps_the_data(stack: RunningStack) -> None:
    mark(stack, "before the stop")
    pids = [stack.pid(part) for part in PARTS]
    said = opora("down", "--data", stack.data)
    assert said.returncode == 0, said.stderr
    assert not (stack.data / "run.json").exists()
    assert not any(lives(pid) for pid in pids)
    assert "ничего не работает" in opora("down", "--data", stack.data).stdout
    assert opora("doctor", "--data", stack.data).returncode == 1
    said = opora("up", "--detach", "--data", stack.data, "--port", "0", "--encrypt")
    try:
        assert said.returncode == 0, said.stdout + said.stderr
        assert "Опора готова." in said.stdout
        assert os.getsid(stack.pid("supervisor")) != os.getsid(0)
        assert stack.is_ready()
        assert "before the stop" in marks(stack)
        seals_its_payloads(stack)
    finally:
        opora("down", "--data", stack.data)


def test_ctrl_c_stops_cleanly(stack: RunningStack) -> None:
    stack.start()
    pids = [stack.pid(part) for part in PARTS]
    assert stack.stop(signal.SIGINT) == 0
    assert not any(lives(pid) for pid in pids)
    assert not stack.data.joinpath("run.json").exists()
    assert "Traceback" not in stack.output.read_text()


def seals_its_payloads(stack: RunningStack) -> None:
    """From now on: the keys are the owner's alone, the admin reads by the codec, the UI knows where it is."""
    known = stack.run_json()
    assert stat.S_IMODE(Path(known["payload_keys"]).stat().st_mode) == 0o600
    assert stack.get("/codec", "admin").json() == {"writes": "local-1", "reads": ["local-1"]}
    assert stack.get("/codec", "manager").status_code == 403
    interface = httpx2.get(known["temporal_ui"] + "/api/v1/settings", trust_env=False).json()
    assert interface["Codec"]["Endpoint"] == known["api"] + "/codec"
    asked = {"Origin": known["temporal_ui"], "Access-Control-Request-Method": "POST"}
    allowed = httpx2.options(known["api"] + "/codec/decode", headers=asked, trust_env=False)
    assert allowed.headers["access-control-allow-origin"] == known["temporal_ui"]
    assert "шифруются ключом local-1" in opora("doctor", "--data", stack.data).stdout


def mark(stack: RunningStack, text: str) -> None:
    with psycopg.connect(stack.run_json()["database"]) as connection:
        connection.execute("INSERT INTO step (key, result, at) VALUES (%s, '{}', now())", [text])


def marks(stack: RunningStack) -> set[str]:
    with psycopg.connect(stack.run_json()["database"]) as connection:
        return {key for (key,) in connection.execute("SELECT key FROM step").fetchall()}


def one_sentence(text: str, part: str) -> bool:
    return part in text and len(text.strip().splitlines()) == 1 and "Traceback" not in text
