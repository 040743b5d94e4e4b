"""Settings written as environment variables say the same when they are read again."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from settings import Settings
from workers.supervision import environment

CHANGED: dict[str, Any] = {
    "database_url": "postgresql+psycopg://u:p@db/jobs",
    "broker_url": "amqp://b//",
    "redis_url": "redis://r/0",
    "home": Path("/srv/home of mine"),
    "host": "0.0.0.0",
    "port": 9000,
    "api_keys": (SecretStr("one"), SecretStr("two:read")),
    "worker_concurrency": 7,
    "webhook_allowed_hosts": ("hooks.internal", "127.0.0.1:8099"),
    "webhook_allow_http": True,
    "smtp_url": "smtps://user:p%2Fw@mail.internal:465",
    "mail_from": "Job groups <jobgroups@example.com>",
    "metrics_port": 9464,
    "metrics_host": "0.0.0.0",
    "log_level": "DEBUG",
}


def test_a_child_process_reads_the_settings_of_its_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(**CHANGED)
    for name, value in environment.of_process(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings


def test_a_client_gets_an_address_that_psql_understands() -> None:
    variables = environment.of_client(Settings(**CHANGED), "http://127.0.0.1:9000", "key")
    assert variables == {
        "JOBGROUPS_URL": "http://127.0.0.1:9000",
        "JOBGROUPS_DATABASE_URL": "postgresql://u:p@db/jobs",
        "JOBGROUPS_BROKER_URL": "amqp://b//",
        "JOBGROUPS_REDIS_URL": "redis://r/0",
        "JOBGROUPS_API_KEY": "key",
    }
