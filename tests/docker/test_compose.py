"""The container set-up, as far as it can be judged without a container engine."""

import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from temporalio.envconfig import ClientConfig

from activities.settings import Settings
from workflows.ids import SEARCH_ATTRIBUTES, TASK_QUEUE

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::?[-?][^}]*)?\}")

DURATION = {"type": "string", "pattern": r"^\d+(s|m|h)$"}
WORDS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
SERVICE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["image", "restart", "logging"],
    "properties": {
        "image": {"type": "string", "pattern": r"^[a-z/-]+:[\w.]+$"},
        "build": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"context": {"type": "string"}, "dockerfile": {"type": "string"}},
        },
        "restart": {"pattern": r"^(unless-stopped|always|no|on-failure(:\d+)?)$"},
        "command": WORDS,
        "entrypoint": WORDS,
        "environment": TEXTS,
        "read_only": {"type": "boolean"},
        "init": {"type": "boolean"},
        "tmpfs": WORDS,
        "cap_drop": WORDS,
        "security_opt": WORDS,
        "shm_size": {"type": "string"},
        "stop_grace_period": DURATION,
        "volumes": WORDS,
        "ports": WORDS,
        "depends_on": {
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["condition"],
                "properties": {
                    "condition": {"enum": ["service_started", "service_healthy", "service_completed_successfully"]}
                },
            }
        },
        "deploy": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"replicas": {"type": "integer", "minimum": 1}},
        },
        "healthcheck": {
            "type": "object",
            "additionalProperties": False,
            "required": ["test", "interval", "timeout", "retries"],
            "properties": {
                "test": WORDS,
                "interval": DURATION,
                "timeout": DURATION,
                "start_period": DURATION,
                "retries": {"type": "integer"},
            },
        },
        "logging": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"driver": {"type": "string"}, "options": TEXTS},
        },
    },
}
COMPOSE = {
    "type": "object",
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "required": ["name", "services"],
    "properties": {
        "name": {"type": "string"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "volumes": {"type": "object"},
    },
}
OURS = ("migrate", "worker", "api")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def test_the_file_is_made_of_known_keys(compose: dict[str, Any]) -> None:
    jsonschema.validate(compose, COMPOSE)


def test_every_dependency_exists_and_can_meet_its_condition(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for name, wanted in service.get("depends_on", {}).items():
            target = services[name]
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in target, name
            if wanted["condition"] == "service_completed_successfully":
                assert target["restart"].startswith("on-failure"), name


def test_images_are_pinned_and_none_is_auto_setup(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        tag = service["image"].partition(":")[2]
        assert tag == "local" or re.fullmatch(r"\d+(\.\d+)+", tag), service["image"]
        assert "auto-setup" not in service["image"]
    versions = {service["image"] for service in services.values() if service["image"].startswith("temporalio/")}
    assert len({image.partition(":")[2] for image in versions if not image.startswith("temporalio/ui")}) == 1


def test_nothing_is_reachable_from_outside(services: dict[str, dict[str, Any]]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_our_processes_run_without_rights(services: dict[str, dict[str, Any]]) -> None:
    for name in OURS:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert services["worker"]["deploy"]["replicas"] == 2
    assert re.search(r"^USER 10001:10001$", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)


def test_mounted_files_exist(services: dict[str, dict[str, Any]], compose: dict[str, Any]) -> None:
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DOCKER / source).is_file(), source
            else:
                assert source in compose["volumes"]


def _example() -> dict[str, str]:
    lines = (DOCKER / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_example_names_every_variable_and_no_other() -> None:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    assert set(VARIABLE.findall(text)) == set(_example())


def test_our_processes_get_settings_that_they_read(services: dict[str, dict[str, Any]]) -> None:
    readers = [ROOT / "activities" / name for name in ("settings.py", "payload_keys.py")]
    known = set(re.findall(r'"(OPORA_[A-Z_]+)"', "".join(path.read_text(encoding="utf-8") for path in readers)))
    filled = {**_example(), "OPORA_DB_PASSWORD": "secret", "OPORA_SMTP_HOST": "mail.example"}
    for name in OURS:
        environment = {
            key: VARIABLE.sub(lambda found: filled[found[1]], value)
            for key, value in services[name]["environment"].items()
        }
        assert {key for key in environment if key.startswith("OPORA_")} <= known
        settings = Settings.from_env(environment)
        assert settings.database_url == "postgresql://opora:secret@postgres:5432/opora"
        assert settings.task_queue == TASK_QUEUE
        assert settings.smtp_tls
        assert not settings.local
        temporal = {key: value for key, value in environment.items() if key.startswith("TEMPORAL_")}
        config = ClientConfig.load_client_connect_config(override_env_vars=temporal, disable_file=True)
        assert config == {"target_host": "temporal:7233", "namespace": "default"}


def test_connections_fit_the_database(services: dict[str, dict[str, Any]]) -> None:
    allowed = next(int(word.partition("=")[2]) for word in services["postgres"]["command"] if "max_connections" in word)
    pool = int(_example()["OPORA_POOL_SIZE"])
    processes = services["worker"]["deploy"]["replicas"] + 1
    # A pool may double for a moment; each of Temporal's four services opens at most 20 + 10.
    assert processes * pool * 2 + 4 * 30 + 10 <= allowed


def test_the_cluster_is_made_to_grow(services: dict[str, dict[str, Any]]) -> None:
    assert services["temporal"]["environment"]["NUM_HISTORY_SHARDS"] == "512"
    path = services["temporal"]["environment"]["DYNAMIC_CONFIG_FILE_PATH"]
    assert f"./temporal-dynamic.yaml:{path}:ro" in services["temporal"]["volumes"]


def test_dynamic_settings_are_lists_of_values_each_with_its_reason() -> None:
    text = (DOCKER / "temporal-dynamic.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    for name, values in settings.items():
        assert re.fullmatch(r"(system|frontend|history|matching|worker|limit)\.\w+(\.\w+)*", name)
        assert all(set(value) <= {"value", "constraints"} and "value" in value for value in values)
        for value in values:
            assert value.get("constraints", {}).get("taskQueueName", TASK_QUEUE) == TASK_QUEUE


def test_every_search_attribute_is_created_with_its_type() -> None:
    script = (DOCKER / "temporal-setup.sh").read_text(encoding="utf-8")
    assert dict(re.findall(r"^    search_attribute (Opora\w+) (\w+)$", script, re.MULTILINE)) == SEARCH_ATTRIBUTES


@pytest.mark.parametrize("script", sorted(DOCKER.glob("*.sh")), ids=lambda path: path.name)
def test_shell_scripts_are_sound(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/bin/sh\n")
    assert "set -eu" in text


def test_copied_files_exist_and_are_let_into_the_build() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    let_in = [
        line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")
    ]
    sources = [
        word.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in let_in, source
    assert sorted(let_in) == sorted(set(sources))


def test_the_image_holds_every_package_of_ours() -> None:
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    for package in ("domain", "activities", "workflows", "api", "cli", "locale"):
        assert f"COPY {package}/ {package}/" in text


def test_commands_of_the_services_are_known_to_the_entry_point(services: dict[str, dict[str, Any]]) -> None:
    known = set(re.findall(r"^    (\w+)\) exec ", (DOCKER / "entrypoint.sh").read_text(encoding="utf-8"), re.MULTILINE))
    assert {services[name]["command"][0] for name in OURS} <= known
    refused = subprocess.run(["sh", DOCKER / "entrypoint.sh", "nonsense"], capture_output=True, text=True, check=False)
    assert refused.returncode == 64
    assert "Unknown command" in refused.stderr


def test_shutdown_is_waited_for(services: dict[str, dict[str, Any]]) -> None:
    import worker  # noqa: TID251 - its grace is what the container's must exceed

    assert int(services["worker"]["stop_grace_period"][:-1]) > worker.GRACE.total_seconds()
