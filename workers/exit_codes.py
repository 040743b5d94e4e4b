"""How `jobgroups` ends: one meaning for each exit status, whatever the command."""

from enum import IntEnum


class ExitCode(IntEnum):
    """An exit status, and in `meaning` when a command ends with it."""

    meaning: str

    FINE = 0, "it did what was asked"
    UNEXPECTED = 1, "a fault of the program, or it was interrupted"
    USAGE = 2, "an argument or a setting is wrong or missing; nothing was done"
    NOT_FOUND = 3, "what was named does not exist"
    DRIFT = 4, "`reconcile` found counts that differ from the jobs"
    CONFLICT = 5, "a name is taken, or somebody else has changed it meanwhile"
    REJECTED = 6, "the service refused it and changed nothing"
    UNREACHABLE = 7, "the API, the broker or the database does not answer; the same again later is safe"
    PARTLY_DONE = 8, "some of it was done; it says what was not"
    UNHEALTHY = 9, "`doctor` found something that must be mended"

    def __new__(cls, status: int, meaning: str) -> "ExitCode":
        code = int.__new__(cls, status)
        code._value_ = status
        code.meaning = meaning
        return code
