"""Every setting of the service, read from the environment (prefix ``JOBGROUPS_``)."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SMTP_SCHEMES = ("smtp", "smtp+starttls", "smtps")


class MissingSetting(Exception):  # noqa: N818 - it names what is missing
    """A process was started without an address it needs."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"JOBGROUPS_{name.upper()} is not set. `jobgroups run` starts everything that is missing; "
            "for a single process set it, or load what a running service wrote: `set -a; . .jobgroups/env`."
        )


def explain(error: ValidationError, prefix: str = "JOBGROUPS_") -> str:
    """Return what is wrong with the settings as one sentence, without the values: one of them may hold a password."""
    return "; ".join(f"{prefix}{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors())


def _require_readable(url: str | None) -> str | None:
    """A driver that reads part of a password as the port would quote it in its error, and so in a log."""
    try:
        urlsplit(url or "").port  # noqa: B018 - reading it is what fails
    except ValueError:
        raise ValueError("cannot be read; in a password write %2F for /, %3F for ?, %23 for #, %40 for @") from None
    return url


class Settings(BaseSettings):
    """What one process needs to know.

    The three addresses are optional because ``jobgroups run`` starts a server for each that is absent;
    a single process reads them through :meth:`require`.
    """

    model_config = SettingsConfigDict(env_prefix="JOBGROUPS_", frozen=True)

    database_url: str | None = Field(None, description="postgresql://… ; absent: an embedded PostgreSQL")
    broker_url: str | None = Field(None, description="redis://… or amqp://… ; absent: an embedded Redis")
    redis_url: str | None = Field(None, description="outcomes and Celery results; absent: the broker, if a Redis")
    home: Path = Field(Path(".jobgroups"), description="where the embedded servers keep their data")
    host: str = Field("127.0.0.1", description="where the HTTP stub listens")
    port: int = Field(8080, ge=0, le=65535, description="0 takes any free port")
    port_shared: bool = Field(False, description="let several `jobgroups api` on this machine listen on the port")
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="comma-separated KEY (reads and writes) or KEY:read, beside those of `jobgroups keys`"
    )
    rate_limit_per_minute: int = Field(600_000, ge=0, description="requests with one API key; 0: as many as it likes")
    wrong_keys_per_minute: int = Field(20, ge=0, description="wrong API keys from one client address; 0: no limit")
    feed_readers_max_count: int = Field(1000, ge=0, description="open streams of GET /events in one API process")
    trusted_proxies: str = Field("", description="comma-separated addresses or networks whose X-Forwarded-For counts")

    worker_concurrency: int = Field(2, ge=1, le=256, description="pool children of one worker process")
    task_time_limit_seconds: int = Field(30, ge=30, le=500, description="a pool child that works longer is killed")
    task_events: bool = Field(
        False, description="whether workers tell Flower, and its like, of each task they carry out"
    )
    outcome_wait_seconds: float = Field(10.0, ge=0, le=60, description="how long an HTTP write waits for its outcome")
    publish_timeout_seconds: float = Field(5.0, gt=0, le=60, description="deadline for handing over to the broker")
    inbox_retention_days: int = Field(90, ge=1, description="how long a repeated command id is recognised")
    deleted_retention_days: int = Field(30, ge=0, description="how long the jobs of a deleted group are kept")
    finished_retention_days: int | None = Field(None, ge=1, description="when ended groups are deleted; absent: never")
    events_retention_days: int | None = Field(None, ge=1, description="when published events go; absent: never")
    events_stream_max_count: int = Field(100_000, ge=1000, description="events kept in the Redis stream, about")
    deliveries_retention_days: int = Field(30, ge=1, description="how long ended deliveries of notifications are kept")
    replayed_retention_days: int = Field(30, ge=1, description="how long a dead letter is kept after its replay")
    webhook_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="comma-separated HOST or HOST:PORT: webhooks go to these and no others, whatever their address; "
        "absent: to any host with a public address",
    )
    webhook_allow_http: bool = Field(False, description="whether webhooks may go out without TLS")
    smtp_url: str | None = Field(
        None,
        description="the mail server: smtp://, smtp+starttls:// or smtps://USER:PASSWORD@HOST:PORT; absent: no mail",
    )
    mail_from: str | None = Field(None, validate_default=True, description="the address that mails come from")
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="where this process serves Prometheus metrics; 0: any free port; absent: nowhere",
    )
    metrics_host: str = Field("127.0.0.1", description="where it listens for that; whoever reaches it may read")
    heartbeat_file: Path | None = Field(
        None, description="touched by a process, each second, as long as it makes progress; absent: none"
    )
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="what is logged, and worse")

    @field_validator("database_url")
    @classmethod
    def _use_psycopg(cls, url: str | None) -> str | None:
        if url is None:
            return None
        scheme, separator, rest = url.partition("://")
        if not separator or scheme.split("+")[0] not in ("postgresql", "postgres"):
            raise ValueError("must start with postgresql://")
        _require_readable(url)
        return f"postgresql+psycopg://{rest}"

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, url: str | None) -> str | None:
        if url is not None and url.partition("://")[0] not in ("redis", "rediss", "amqp", "amqps"):
            raise ValueError("must start with redis://, rediss://, amqp:// or amqps://")
        return _require_readable(url)

    @field_validator("redis_url")
    @classmethod
    def _readable_redis(cls, url: str | None) -> str | None:
        return _require_readable(url)

    @field_validator("smtp_url", mode="before")
    @classmethod
    def _known_mail_server(cls, url: str | None) -> str | None:
        if url and not (url.partition("://")[0] in SMTP_SCHEMES and urlsplit(_require_readable(url) or "").hostname):
            raise ValueError(f"must start with one of {', '.join(SMTP_SCHEMES)}, then :// and a host")
        return url or None

    @field_validator("api_keys", "webhook_allowed_hosts", mode="before")
    @classmethod
    def _split(cls, values: Any) -> Any:
        return tuple(each.strip() for each in values.split(",") if each.strip()) if isinstance(values, str) else values

    @field_validator("webhook_allowed_hosts")
    @classmethod
    def _in_lower_case(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host.lower() for host in hosts)

    @field_validator("mail_from")
    @classmethod
    def _mail_comes_from_somebody(cls, address: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("smtp_url") and not address:
            raise ValueError("must be set where JOBGROUPS_SMTP_URL is")
        return address or None

    @model_validator(mode="before")
    @classmethod
    def _redis_broker_serves_outcomes_too(cls, values: dict[str, Any]) -> dict[str, Any]:
        broker = values.get("broker_url") or ""
        if not values.get("redis_url") and broker.startswith("redis"):
            return {**values, "redis_url": broker}
        return values

    def require(self, name: str) -> str:
        """Return the address called `name`; raises MissingSetting where there is none."""
        value: str | None = getattr(self, name)
        if not value:
            raise MissingSetting(name)
        return value
