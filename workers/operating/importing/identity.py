"""The ids of an import's commands. They follow from the file's content alone: whoever imports the same content again
sends the same commands, which take effect once."""

import hashlib
from pathlib import Path
from uuid import NAMESPACE_URL, UUID, uuid5

from models import names

_IMPORTS = uuid5(NAMESPACE_URL, f"{names.EVENT_SOURCE}/imports")


class ChangedMeanwhile(Exception):  # noqa: N818 - it names what happened
    """The file was written to while it was read."""


class Content:
    """What is in the file at `path`, by the SHA-256 of it in hex."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = self._look()
        self.size_bytes = self._stamp[0]
        with path.open("rb") as file:
            self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()

    def require_unchanged(self) -> None:
        """Raises ChangedMeanwhile where the file was written to since: then its lines are not those that ids are of."""
        if self._look() != self._stamp:
            raise ChangedMeanwhile

    def _look(self) -> tuple[int, int]:
        status = self.path.stat()
        return status.st_size, status.st_mtime_ns


class CommandIds:
    """The ids of the commands in the file with this SHA-256, which stands for the content of every line as well."""

    def __init__(self, sha256: str) -> None:
        self._file = uuid5(_IMPORTS, sha256)

    def of_group(self, key: str) -> UUID:
        """Return the id of the command that makes the group which is `key` in the file, and of the group."""
        return uuid5(self._file, f"group {key}")

    def of_jobs(self, line: int, attempt: int) -> UUID:
        """Return the id of the command that adds the jobs from `line` on.

        Where the service will not have some of them, the others are another command, and `attempt` one more.
        """
        return uuid5(self._file, f"jobs {line} {attempt}")
