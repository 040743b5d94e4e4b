"""What the doctor goes by: the settings of the environment, else those that a running service wrote."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_settings import SettingsConfigDict

from settings import Settings
from workers.engine.engine_settings import EngineSettings
from workers.operating.api_address import ApiSettings, api_settings, environment_path
from workers.operating.doctor.finding import Away, fault

ADDRESSES = ("database_url", "broker_url", "redis_url")


class WrittenSettings(Settings):
    """Settings that may be read from a file which holds a client's variables too."""

    model_config = SettingsConfigDict(extra="ignore")


@dataclass(frozen=True)
class Circumstances:
    """The settings, what is known of the API, and the environment that they came from."""

    settings: Settings
    engine: EngineSettings
    api: ApiSettings
    environment: Mapping[str, str]

    @property
    def home(self) -> Path:
        """Where an embedded service keeps its data."""
        return self.settings.home.expanduser()

    def address(self, name: str) -> str:
        """Return the address called `name`; raises Away where there is none."""
        address: str | None = getattr(self.settings, name)
        if not address:
            raise Away(
                fault(
                    f"JOBGROUPS_{name.upper()} is not set, and no service runs in {self.home}.",
                    "Set it, or start a service that brings its own servers: `jobgroups run`.",
                )
            )
        return address


def look_around(environment: Mapping[str, str]) -> Circumstances:
    """Return what `environment`, that of this process, says. Raises pydantic's ValidationError.

    A service that runs in JOBGROUPS_HOME is looked at where the environment names no server at all: half of one service
    and half of another would make one that there is not.
    """
    settings = Settings()
    if not any(getattr(settings, name) for name in ADDRESSES):
        written: dict[str, Any] = {"_env_file": environment_path(settings)}
        settings = WrittenSettings(**written)
    return Circumstances(settings, EngineSettings(), api_settings(settings), environment)
