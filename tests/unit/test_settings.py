"""The settings: what each environment variable does, and what is refused."""

import pytest
from pydantic import SecretStr, ValidationError

from settings import MissingSetting, Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"JOBGROUPS_{name.upper()}", raising=False)


def test_without_variables_every_server_is_embedded_and_http_stays_on_this_machine() -> None:
    settings = Settings()
    assert (settings.database_url, settings.broker_url, settings.redis_url) == (None, None, None)
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_of_a_postgresql_address_means_psycopg(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("JOBGROUPS_DATABASE_URL", f"{scheme}://user:pw@db:5432/jobs?sslmode=require")
    assert Settings().database_url == "postgresql+psycopg://user:pw@db:5432/jobs?sslmode=require"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "mysql://db/jobs"),
        ("DATABASE_URL", "postgresql"),
        ("BROKER_URL", "sqs://"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("WORKER_CONCURRENCY", "0"),
        ("TASK_TIME_LIMIT_SECONDS", "1"),
        ("OUTCOME_WAIT_SECONDS", "-1"),
        ("LOG_LEVEL", "LOUD"),
        ("SMTP_URL", "http://mail.internal"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp://user:pw/half@mail.internal"),
    ],
)
def test_a_value_that_cannot_work_is_refused_under_its_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"JOBGROUPS_{variable}", value)
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert refusal.value.errors()[0]["loc"] == (variable.lower(),)


def test_a_redis_broker_serves_outcomes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBGROUPS_BROKER_URL", "redis://broker/0")
    assert Settings().redis_url == "redis://broker/0"


def test_a_redis_of_its_own_for_outcomes_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBGROUPS_BROKER_URL", "redis://broker/0")
    monkeypatch.setenv("JOBGROUPS_REDIS_URL", "redis://outcomes/1")
    assert Settings().redis_url == "redis://outcomes/1"


def test_rabbitmq_does_not_serve_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBGROUPS_BROKER_URL", "amqp://broker//")
    with pytest.raises(MissingSetting, match="JOBGROUPS_REDIS_URL is not set"):
        Settings().require("redis_url")


def test_api_keys_are_a_comma_separated_list_that_never_shows_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBGROUPS_API_KEYS", " first , second:read,,")
    settings = Settings()
    assert settings.api_keys == (SecretStr("first"), SecretStr("second:read"))
    assert "first" not in repr(settings)


def test_mails_need_somebody_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBGROUPS_SMTP_URL", "smtp+starttls://user:pw@mail.internal")
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert refusal.value.errors()[0]["loc"] == ("mail_from",)
    monkeypatch.setenv("JOBGROUPS_MAIL_FROM", "jobgroups@example.com")
    assert Settings().smtp_url == "smtp+starttls://user:pw@mail.internal"


def test_what_compose_leaves_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMTP_URL", "MAIL_FROM", "WEBHOOK_ALLOWED_HOSTS"):
        monkeypatch.setenv(f"JOBGROUPS_{name}", "")
    settings = Settings()
    assert (settings.smtp_url, settings.mail_from, settings.webhook_allowed_hosts) == (None, None, ())


def test_hosts_are_a_comma_separated_list_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBGROUPS_WEBHOOK_ALLOWED_HOSTS", " Hooks.Internal:8443, 127.0.0.1 ,")
    assert Settings().webhook_allowed_hosts == ("hooks.internal:8443", "127.0.0.1")


def test_require_returns_an_address_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBGROUPS_BROKER_URL", "amqp://broker//")
    assert Settings().require("broker_url") == "amqp://broker//"
