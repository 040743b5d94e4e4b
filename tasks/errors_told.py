"""What may be said of an error that a command has met: never its text, which can quote the command and the secrets in
it."""

import traceback
from pathlib import Path

from sqlalchemy.exc import DBAPIError


def told_of(error: Exception) -> str:
    """Return what kind of error it is, and where it was raised: the last line that is not a library's."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    said = f": {told_by_database(error)}" if isinstance(error, DBAPIError) else ""
    where = f" in {frames[-1].name}, {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{said}{where}"


def trace_of(error: Exception) -> str:
    """Return the lines of code that led to it."""
    return "".join(traceback.format_tb(error.__traceback__))


def told_by_database(error: DBAPIError) -> str:
    """Return the database's sentence alone: what comes with it can quote the row, and secrets with the row."""
    primary: str | None = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return primary or type(error.orig).__name__
