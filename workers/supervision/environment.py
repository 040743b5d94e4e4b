"""Settings written back as environment variables: for the processes of a service, and for its clients."""

from pydantic import SecretStr

from settings import Settings

ADDRESSES = ("JOBGROUPS_DATABASE_URL", "JOBGROUPS_BROKER_URL", "JOBGROUPS_REDIS_URL")


def of_process(settings: Settings) -> dict[str, str]:
    """Return the variables from which a child process reads the same `settings`; what is None is left out."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    return {f"JOBGROUPS_{name.upper()}": _text(value) for name, value in values.items() if value is not None}


def of_metrics(host: str, port: int) -> dict[str, str]:
    """Return the variables that tell a process where to serve its metrics."""
    return {"JOBGROUPS_METRICS_HOST": host, "JOBGROUPS_METRICS_PORT": str(port)}


def of_client(settings: Settings, url: str, api_key: str, metrics_url: str | None = None) -> dict[str, str]:
    """Return what a client needs to reach a service: where HTTP listens, the three addresses, a key, and where metrics
    are, if anywhere."""
    every = of_process(settings)
    addresses = {name: every[name] for name in ADDRESSES}
    metrics = {"JOBGROUPS_METRICS_URL": metrics_url} if metrics_url else {}
    return {"JOBGROUPS_URL": url, **addresses, "JOBGROUPS_API_KEY": api_key, **metrics}


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(each.get_secret_value() if isinstance(each, SecretStr) else each for each in value)
    # A shell hands the address to psql as well, which knows no drivers.
    return str(value).replace("postgresql+psycopg://", "postgresql://", 1)
