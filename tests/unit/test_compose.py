"""compose.yaml and Dockerfile promise what the code can keep."""

import os
import re
import subprocess
import sys
import time
import tomllib
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
PROFILES = {
    "rabbitmq": ["rabbitmq"],
    "prometheus": ["observability"],
    "grafana": ["observability"],
    "mailpit": ["mail"],
}
SERVERS = {name: service for name, service in SERVICES.items() if name not in OURS}
SETTINGS = {f"JOBGROUPS_{name.upper()}" for name in Settings.model_fields}
EXPORTED = ("DATABASE_URL", "BROKER_URL", "REDIS_URL", "API_KEYS", "SMTP_URL", "MAIL_FROM")
"""Settings that compose.yaml makes of what whoever starts it has exported."""
FIXED = ("HEARTBEAT_FILE", "TASK_TIME_LIMIT_SECONDS", "METRICS_HOST", "METRICS_PORT", "HOST", "PORT")
COMMANDS = {command.callback.__name__ for command in app.registered_commands if command.callback}


def seconds(duration: str) -> int:
    matched = re.fullmatch(r"(\d+)s", duration)
    assert matched, duration
    return int(matched[1])


def test_every_process_of_the_service_is_there() -> None:
    assert set(OURS) == {"migrate", "worker", "relay", "intake", "housekeeping", "notifier", "api"}
    assert set(SERVERS) == {"postgres", "redis", "rabbitmq", *PROFILES}


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    assert OURS[name]["command"] == [name]
    assert name in COMMANDS


def test_every_variable_is_a_setting() -> None:
    assert set(re.findall(r"JOBGROUPS_[A-Z_]+", TEXT)) <= SETTINGS


@pytest.mark.parametrize("name", OURS)
def test_every_setting_reaches_a_process(name: str) -> None:
    """From jobgroups.env, but for those that are named here, which would hide what stands there."""
    assert OURS[name]["env_file"] == [{"path": "jobgroups.env", "required": False}]
    named = {setting.removeprefix("JOBGROUPS_"): value for setting, value in OURS[name]["environment"].items()}
    assert named.keys() <= {*EXPORTED, *FIXED}
    assert {setting for setting, value in named.items() if "${" in value} <= {*EXPORTED}


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
@pytest.mark.parametrize("name", sorted(set(OURS) - {"migrate"}))
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


def test_what_not_everybody_needs_is_opt_in() -> None:
    assert {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service} == PROFILES


@pytest.mark.parametrize("name", sorted(set(PROFILES) - {"rabbitmq"}))
def test_what_is_not_ours_to_test_is_pinned(name: str) -> None:
    assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])


def test_every_mounted_file_and_folder_is_there() -> None:
    mounted = [volume for service in SERVICES.values() for volume in service.get("volumes", []) if volume[0] == "."]
    assert mounted
    for volume in mounted:
        here, _, mode = volume.split(":")
        assert (ROOT / here).exists(), here
        assert mode == "ro"


def test_every_other_volume_is_declared() -> None:
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {volume for volume in named if not volume.startswith(".")} == set(COMPOSE["volumes"])


def test_prometheus_asks_every_process_where_it_serves() -> None:
    (job,) = yaml.safe_load((ROOT / "ops/prometheus/prometheus.yml").read_text())["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert set(found["names"]) == set(OURS) - {"migrate"}
    for name in found["names"]:
        assert OURS[name]["environment"]["JOBGROUPS_METRICS_PORT"] == str(found["port"])
        assert OURS[name]["environment"]["JOBGROUPS_METRICS_HOST"] == "0.0.0.0"


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    provisioning = ROOT / "ops/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards/jobgroups.yml").read_text())["providers"]
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert f"./ops/grafana/dashboards:{home.parent}:ro" in SERVICES["grafana"]["volumes"]
    assert (ROOT / "ops/grafana/dashboards" / home.name).exists()


def test_mail_is_told_to_go_where_mailpit_listens() -> None:
    (address,) = re.findall(r"JOBGROUPS_SMTP_URL=(\S+)", TEXT)
    assert Settings(smtp_url=address, mail_from="jobgroups@example.com").smtp_url == "smtp://mailpit:1025"


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
    dockerfile = (ROOT / "Dockerfile").read_text()
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    copied = set(re.findall(r"^COPY (\w+) \1$", dockerfile, re.MULTILINE))
    assert {f"{package}*" for package in copied} == set(built["packages"]["find"]["include"])
    assert {f"{module}.py" for module in built["py-modules"]} <= set(dockerfile.split())


def test_what_the_image_is_built_from_is_not_kept_from_docker() -> None:
    let_in = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    stage = (ROOT / "Dockerfile").read_text().split("\nFROM ")[1]
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", stage, re.MULTILINE) for name in line.split()]
    assert sorted(let_in) == sorted(copied)
