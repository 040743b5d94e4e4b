"""The settings themselves, and the disk."""

import difflib
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from models.fields import ProcessingSettings
from settings import Settings
from workers.engine.engine_settings import EngineSettings
from workers.operating.api_address import ApiSettings, environment_path
from workers.operating.doctor.circumstances import ADDRESSES, Circumstances
from workers.operating.doctor.finding import Finding, fault, fine, warning

MIN_FREE_BYTES = 1024**3
"""What PostgreSQL lets its log grow to before it tidies up."""
PREFIX = "JOBGROUPS_"
KNOWN = (Settings, EngineSettings, ApiSettings)


@contextmanager
def reach(circumstances: Circumstances) -> Iterator[Circumstances]:
    """Give what is here already."""
    yield circumstances


def settings(circumstances: Circumstances) -> Finding:
    """Look for settings that are well each for itself, and contradict one another."""
    if circumstances.settings.broker_url and not circumstances.settings.redis_url:
        return fault(
            "JOBGROUPS_BROKER_URL is a RabbitMQ, and JOBGROUPS_REDIS_URL is not set: nobody could be told an outcome.",
            "Set JOBGROUPS_REDIS_URL to a Redis.",
        )
    fetching, lease = circumstances.engine.fetch_timeout_seconds, ProcessingSettings().job_timeout_seconds
    if fetching >= lease:
        return warning(
            f"JOBGROUPS_ENGINE_FETCH_TIMEOUT_SECONDS ({fetching:g}) is no shorter than the lease of a job whose group "
            f"names no jobTimeoutSeconds ({lease:g}): a slow document is given to another engine meanwhile.",
            "Set it to less.",
        )
    return fine("They can be read, and agree with one another.")


def variables(circumstances: Circumstances) -> Finding:
    """Look for variables that nothing reads: what is misspelt is ignored without a word."""
    known = {f"{model.model_config['env_prefix']}{name}".upper() for model in KNOWN for name in model.model_fields}
    unknown = sorted(
        name for name in circumstances.environment if name.upper().startswith(PREFIX) and name.upper() not in known
    )
    if not unknown:
        return fine("Every JOBGROUPS_ variable is a setting.")
    return fault(f"Nothing reads {', '.join(unknown)}.", " ".join(_meant(name, known) for name in unknown))


def addresses(circumstances: Circumstances) -> Finding:
    """Compare the environment with what a service that runs here wrote: its ports are others after each start."""
    path, here = environment_path(circumstances.settings), circumstances.environment
    written = _read(path)
    if stale := [name for name in written if here.get(name, written[name]) != written[name]]:
        return warning(
            f"{', '.join(stale)}: not what the service that runs in {circumstances.home} wrote.",
            f"If that one is meant, load its addresses again: `set -a; . {path}; set +a`.",
        )
    from_here = any(f"{PREFIX}{name}".upper() in here for name in ADDRESSES)
    return fine("As the environment says." if from_here or not written else f"As {path} says.")


def disk(circumstances: Circumstances) -> Finding:
    """Look for room where an embedded service keeps its data."""
    if not circumstances.home.exists():
        return fine(f"Nothing is kept in {circumstances.home}.")
    free = shutil.disk_usage(circumstances.home).free
    if free >= MIN_FREE_BYTES:
        return fine(f"{free / 1024**3:.0f} GiB are free in {circumstances.home}.")
    return fault(
        f"{free / 1024**2:.0f} MiB are free in {circumstances.home}: when it is full, PostgreSQL and Redis stop.",
        "Make room, or move JOBGROUPS_HOME to another disk.",
    )


def _meant(name: str, known: set[str]) -> str:
    own = {each.removeprefix(PREFIX) for each in known}  # with what all begin with, all would be alike
    near = difflib.get_close_matches(name.upper().removeprefix(PREFIX), sorted(own), n=1)
    return f"Did you mean {PREFIX}{near[0]}?" if near else f"Remove {name}."


def _read(path: Path) -> Mapping[str, str]:
    """Return the variables in `path`, which is written for a shell; none where no service runs."""
    pairs = (line.split("=", 1) for line in (path.read_text().splitlines() if path.exists() else ()))
    return {name: "".join(shlex.split(value)) for name, value in pairs}
