"""Settings written back as environment variables: for the processes of a service, and for its clients."""

from pydantic import SecretStr

from settings import Settings

ADDRESSES = ("JOBGROUPS_DATABASE_URL", "JOBGROUPS_BROKER_URL", "JOBGROUPS_REDIS_URL")


def of_process(settings: Settings) -> dict[str, str]:
    """Return the variables from which a child process reads the same `settings`; what is None is left out."""
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    return {f"JOBGROUPS_{name.upper()}": _text(value) for name, value in values.items() if value is not None}


def of_client(settings: Settings, url: str, api_key: str) -> dict[str, str]:
    """Return what a client needs to reach a service: where HTTP listens, the three addresses, a key."""
    every = of_process(settings)
    addresses = {name: every[name] for name in ADDRESSES}
    return {"JOBGROUPS_URL": url, **addresses, "JOBGROUPS_API_KEY": api_key}


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(each.get_secret_value() if isinstance(each, SecretStr) else each for each in value)
    # A shell hands the address to psql as well, which knows no drivers.
    return str(value).replace("postgresql+psycopg://", "postgresql://", 1)
