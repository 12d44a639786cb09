"""`fuzz`: the API of a stack of its own, driven by its description: what it promises is held against what it does.

Schemathesis makes requests out of the description, valid ones and broken ones, and follows what answers name. It sends
them as the first manager, and as the next of the company where that one may not. Before it, what one of two managers is
shown and the other is not is asked for as the other, who may not have it (`cli.peers`): schemathesis asks that only of
what it made itself, which is next to nothing.
"""

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from cli.demo.door import Door
from cli.local.data import DataDirectory
from cli.local.problems import StackError, missing_package
from cli.peers import OWN, PEERS, ask_as_other
from cli.up import run_down, start_detached

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "object_level_authorization",
)
"""All but those that no rule book can promise: valid data may well be refused, nothing is ever deleted, and what one
role has made another need not be shown."""
PHASES = ("examples", "coverage", "fuzzing", "stateful")
LISTS = OWN | {"grant_id": "/limit-changes", "sku": "/products"}
"""Where what a path names is listed; requests name things that are there, and others."""
IN_BODIES = {"customer_id": "body.customer_id", "sku": "body.lines[*].sku"}
THERE = 0.6
"""How often a request names something that is there."""


def run_fuzz(data: Path | None, *, seconds: int, seed: int) -> int:
    """Fuzz a running stack, or one made for it with the demonstration company; the exit code.

    Raises:
        StackError: the stack in `data` does not run, or the package is missing that does it.
    """
    if importlib.util.find_spec("schemathesis") is None:
        raise StackError(missing_package("schemathesis"))
    if data is not None:
        return _fuzz(DataDirectory(data), seconds, seed)
    with tempfile.TemporaryDirectory(prefix="opora-fuzz-") as home:
        own = DataDirectory(Path(home) / "data")
        if start_detached(["--data", str(own.path), "--port", "0", "--demo"]) != 0:
            raise StackError("Стенд для проверки не запустился: смотрите сообщения выше.")
        try:
            return _fuzz(own, seconds, seed)
        finally:
            run_down(own)


def _fuzz(data: DataDirectory, seconds: int, seed: int) -> int:
    known = data.running()
    if known is None:
        raise StackError(f"В каталоге {data.path} ничего не работает: сначала ./opora up --data {data.path}")
    begun = time.monotonic()
    print(f"Проверка {known['api']} · зерно {seed} · {seconds} с", flush=True)
    with tempfile.TemporaryDirectory(prefix="opora-fuzz-") as home:
        world = _world(Door(known))
        told_other = ask_as_other(known["api"], known["keys"])
        for leak in told_other.leaks:
            print(f"✗ {leak}", flush=True)
        print(f"Чужое спрошено: {sum(told_other.asked.values())}, адресов: {len(told_other.asked)}", flush=True)
        configuration = _configuration(Path(home), known["keys"], world)
        # One at a time: the same seed asks the same again, and two threads of it in Python's parser can break it.
        command = [sys.executable, "-P", "-m", "schemathesis.cli", f"--config-file={configuration}", "run"]
        command += [f"{known['api']}/openapi.json", f"--seed={seed}", f"--max-time={seconds}", "--workers=1"]
        command += [f"--phases={','.join(PHASES)}", f"--checks={','.join(CHECKS)}", "--warnings=off", "--no-color"]
        command += ["--generation-database=none", "--request-timeout=20", "--continue-on-failure"]
        told = Path(home) / "told.ndjson"
        command += ["--report=ndjson", f"--report-ndjson-path={told}"]
        code = subprocess.run(command, cwd=home, check=False, stdin=subprocess.DEVNULL).returncode
        print(_what_was_asked(told), flush=True)
    code = code or int(bool(told_other.leaks))
    verdict = "ничего не найдено" if code == 0 else "есть что исправить; повторить: " + _again(seconds, seed)
    print(f"{'✓' if code == 0 else '✗'} {verdict} · {time.monotonic() - begun:.0f} с", flush=True)
    return code


def _what_was_asked(told: Path) -> str:
    """How many requests went out as whom, and how many of them followed what an answer named."""
    callers: Counter[str] = Counter()
    followed = 0
    for line in told.read_text().splitlines() if told.exists() else ():
        scenario = json.loads(line).get("ScenarioFinished", {})
        for case in scenario.get("recorder", {}).get("cases", {}).values():
            callers[case["value"].get("auth_identity") or "никто"] += 1
            followed += case.get("is_transition_applied", False)
    asked = ", ".join(f"{caller} {count}" for caller, count in callers.most_common())
    return f"Запросов: {asked or 0} · переходов по ответам: {followed}"


def _again(seconds: int, seed: int) -> str:
    return f"./opora fuzz --seconds {seconds} --seed {seed}"


def _world(door: Door) -> dict[str, list[str]]:
    """Ids of what is there, after each peer has placed an order for a customer of their own."""
    goods = door.get("manager", "/products?limit=1")["items"][0]
    lines = [{"sku": goods["sku"], "quantity": "1"}]
    for peer in PEERS:
        theirs = door.get(peer, "/customers?limit=50")["items"]
        for customer in [each for each in theirs if each["currency"] == goods["currency"]][:2]:
            order = door.post(peer, "/orders", {"customer_id": customer["id"], "lines": lines})
            door.post(peer, f"/orders/{order['id']}/place")
    listed = {name: door.get("head", f"{path}?limit=50")["items"] for name, path in LISTS.items()}
    return {name: [str(item.get("id") or item["sku"]) for item in items] for name, items in listed.items() if items}


def _configuration(home: Path, keys: Mapping[str, str], world: Mapping[str, Sequence[str]]) -> Path:
    """Who calls, with which keys, and what there is; all of it goes away with its directory, which nobody else may
    read."""
    users = [
        {"name": login, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}]}
        for login, key in sorted(keys.items(), key=lambda entry: (entry[0] not in PEERS, entry[0]))
    ]
    people = home / "people.json"
    people.write_text(json.dumps({"auth": users}))
    lines = ["[auth.wfc]", f"path = {json.dumps(str(people))}", f"peers = {json.dumps(PEERS)}"]
    for name, values in world.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    for name in world:
        for place in filter(None, (f"path.{name}", IN_BODIES.get(name))):
            lines.append(f"{json.dumps(place)} = {{ dictionary = {json.dumps(name)}, probability = {THERE} }}")
    configuration = home / "schemathesis.toml"
    configuration.write_text("\n".join(lines))
    return configuration
