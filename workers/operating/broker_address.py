"""Where the broker and the Redis of outcomes are: from the environment, else from what a running service wrote."""

from pydantic_settings import SettingsConfigDict

from settings import Settings
from workers.operating.api_address import environment_path


class _WrittenSettings(Settings):
    """Settings as a file has them that has more than settings in it."""

    model_config = SettingsConfigDict(extra="ignore", title="Settings")


def broker_address() -> tuple[str, str]:
    """Return the URLs of the broker and of the Redis that carries outcomes; raises MissingSetting."""
    settings = Settings()
    if not settings.broker_url:
        settings = _WrittenSettings(_env_file=environment_path(settings))
    return settings.require("broker_url"), settings.require("redis_url")
