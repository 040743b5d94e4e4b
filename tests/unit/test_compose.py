"""compose.yaml and Dockerfile promise what the code can keep."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import Settings
from workers.command_line import app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "ocr-invoice-job-groups"}
SERVERS = {name: service for name, service in SERVICES.items() if name not in OURS}
COMMANDS = {command.callback.__name__ for command in app.registered_commands if command.callback}


def seconds(duration: str) -> int:
    matched = re.fullmatch(r"(\d+)s", duration)
    assert matched, duration
    return int(matched[1])


def test_every_process_of_the_service_is_there() -> None:
    assert set(OURS) == {"migrate", "worker", "relay", "intake", "housekeeping", "notifier", "api"}
    assert set(SERVERS) == {"postgres", "redis", "rabbitmq"}


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    assert OURS[name]["command"] == [name]
    assert name in COMMANDS


def test_every_variable_is_a_setting() -> None:
    known = {f"JOBGROUPS_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"JOBGROUPS_[A-Z_]+", TEXT)) <= known


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].split(":")[0] not in ("", "0", "root")
    assert any(mount.split(":")[0] == "/tmp" for mount in service["tmpfs"])


@pytest.mark.parametrize("name", OURS)
def test_a_task_in_hand_is_finished_before_a_container_is_killed(name: str) -> None:
    limit = int(OURS[name]["environment"]["JOBGROUPS_TASK_TIME_LIMIT_SECONDS"])
    assert seconds(OURS[name]["stop_grace_period"]) > limit


@pytest.mark.parametrize("name", [*SERVERS, "api"])
def test_what_others_wait_for_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert seconds(check["timeout"]) <= seconds(check["interval"])


@pytest.mark.parametrize(("age_seconds", "healthy"), [(0, True), (50, True), (70, False), (None, False)])
@pytest.mark.parametrize("name", sorted(set(OURS) - {"migrate", "api"}))
def test_a_process_is_healthy_as_long_as_it_makes_progress(
    name: str, age_seconds: int | None, healthy: bool, tmp_path: Path
) -> None:
    assert OURS[name]["environment"]["JOBGROUPS_HEARTBEAT_FILE"] == "/tmp/heartbeat"
    mark, python, *arguments = OURS[name]["healthcheck"]["test"]
    assert (mark, python) == ("CMD", "python")
    file = tmp_path / "heartbeat"
    if age_seconds is not None:
        file.touch()
        os.utime(file, times=(time.time() - age_seconds,) * 2)
    environment = os.environ | {"JOBGROUPS_HEARTBEAT_FILE": str(file)}
    asked = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=5)
    assert (asked.returncode == 0) == healthy
    assert bool(asked.stderr) != healthy


@pytest.mark.parametrize("name", sorted(set(OURS) - {"migrate"}))
def test_a_process_starts_after_the_schema_and_the_servers(name: str) -> None:
    conditions = {of: each["condition"] for of, each in OURS[name]["depends_on"].items()}
    assert conditions == {
        "migrate": "service_completed_successfully",
        "postgres": "service_healthy",
        "redis": "service_healthy",
        "rabbitmq": "service_healthy",
    }
    assert OURS[name]["depends_on"]["rabbitmq"]["required"] is False


def test_the_migration_runs_once() -> None:
    assert OURS["migrate"]["restart"] == "no"
    assert OURS["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_rabbitmq_is_opt_in() -> None:
    assert {name for name, service in SERVICES.items() if service.get("profiles")} == {"rabbitmq"}


def test_redis_writes_every_command_to_disk() -> None:
    assert "--appendonly yes" in SERVICES["redis"]["command"][-1]


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_no_secret_has_a_default() -> None:
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|KEYS))(:[?-])([^}]*)\}", TEXT)
    assert {name for name, _, _ in secrets} == {
        "POSTGRES_PASSWORD",
        "REDIS_PASSWORD",
        "RABBITMQ_PASSWORD",
        "JOBGROUPS_API_KEYS",
    }
    assert all(value == "" for _, operator, value in secrets if operator == ":-")
    assert all(message for _, operator, message in secrets if operator == ":?")


def test_the_addresses_are_ones_the_settings_accept() -> None:
    environment: dict[str, Any] = {
        name.removeprefix("JOBGROUPS_").lower(): re.sub(r"\$\{.*\}(?=@)", "secret", value)
        for name, value in OURS["relay"]["environment"].items()
        if name in ("JOBGROUPS_DATABASE_URL", "JOBGROUPS_REDIS_URL")
    }
    settings = Settings(**environment)
    assert settings.database_url == "postgresql+psycopg://jobgroups:secret@postgres:5432/jobgroups"
    assert settings.redis_url == "redis://:secret@redis:6379/0"


def test_the_image_runs_without_root_and_without_embedded_servers() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    final = dockerfile.rsplit("\nFROM ", 1)[1]
    assert re.search(r"^USER 10001$", final, re.MULTILINE)
    assert 'ENTRYPOINT ["jobgroups"]' in final
    assert "embedded" not in dockerfile
    assert "-c constraints.txt" in dockerfile


def test_the_image_is_built_from_every_package() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    assert copied == {"models", "client", "tasks", "workers", "api_stub"}
