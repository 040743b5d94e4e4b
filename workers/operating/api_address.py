"""Where the HTTP API listens and the key for it: from the environment, else from what a running service wrote."""

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings import MissingSetting, Settings


class ApiSettings(BaseSettings):
    """What a caller of the API is told of it. `api_address` reads them."""

    model_config = SettingsConfigDict(env_prefix="JOBGROUPS_", extra="ignore", frozen=True)

    url: str | None = Field(None, description="http://… or https://…, where the HTTP API listens")
    api_key: SecretStr | None = Field(None, description="sent as the header X-API-Key")
    metrics_url: str | None = Field(None, description="where `jobgroups run` serves metrics, told for shells")

    @field_validator("url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url and url.rstrip("/")


def environment_path(settings: Settings) -> Path:
    """Return where a service that runs in JOBGROUPS_HOME writes its addresses."""
    return settings.home.expanduser() / "env"


def api_settings(settings: Settings) -> ApiSettings:
    """Return what the environment says of the API, and JOBGROUPS_HOME/env where it names no URL.

    The key in that file goes to the URL beside it and to no other: it would be told to a stranger.
    """
    told = ApiSettings()
    return told if told.url else ApiSettings(_env_file=environment_path(settings))


def api_address() -> tuple[str, str]:
    """Return the API's URL, without a slash at its end, and the key for it; raises MissingSetting."""
    found = api_settings(Settings())
    if not found.url:
        raise MissingSetting("url")
    if not found.api_key:
        raise MissingSetting("api_key")
    return found.url, found.api_key.get_secret_value()


def is_loopback(url: str) -> bool:
    """Return whether `url` is on this machine, which a proxy named in the environment has no way back to."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
