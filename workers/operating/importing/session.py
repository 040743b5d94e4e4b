"""One start of an import: where it begins, and how it ends when it ends early."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from client.command_client import AsyncCommandClient, OutcomeUnknown
from models.commands import CommandEnvelope, derived_group_id
from models.outcome import Outcome, succeeded
from workers.exit_codes import ExitCode
from workers.operating.failures import Failure
from workers.operating.importing.applying import CarryOut
from workers.operating.importing.identity import ChangedMeanwhile, Content
from workers.operating.importing.journal import ChangedFile, Checkpoint, InUse, Journal
from workers.operating.importing.run import Import

PATIENCE_SECONDS = 120.0
"""For the outcome of one command: longer than the service takes to recover from whatever befalls it."""
AGAIN = "Start it again with the same words: it goes on where it was, and nothing is done twice."


def check_all(importing: Import) -> Checkpoint:
    """Find what is wrong with each row, send nothing, and return what it would come to."""

    async def approve(envelope: CommandEnvelope) -> Outcome:
        return succeeded(envelope, derived_group_id(envelope.id), 1)

    return asyncio.run(_until_stopped(importing, approve))


def import_all(importing: Import, broker_url: str, redis_url: str) -> Checkpoint:
    """Carry out the rest of the file, and return what came of all of it.

    Raises what `early_ends_told` is for.
    """

    async def send() -> Checkpoint:
        async with AsyncCommandClient(broker_url, redis_url, patience_seconds=PATIENCE_SECONDS) as client:
            return await _until_stopped(importing, client.carry_out)

    return asyncio.run(send())


def journal_beside(file: Path, content: Content, broker_url: str, *, restart: bool) -> Journal:
    """Return the journal of `file`, as an import of it to this broker."""
    parts = urlsplit(broker_url)
    without_password = f"{parts.hostname}:{parts.port or ''}{parts.path}"
    return Journal(file.with_name(f"{file.name}.progress"), content.sha256, without_password, restart=restart)


@contextmanager
def early_ends_told(file: Path) -> Iterator[None]:
    """Turn whatever ends the import of `file` early into a Failure that says how to go on."""
    try:
        yield
    except asyncio.CancelledError:
        raise Failure(f"interrupted. {AGAIN}", ExitCode.UNEXPECTED) from None
    except OutcomeUnknown as error:
        raise Failure(f"the service does not answer: {error}. {AGAIN}", ExitCode.UNREACHABLE) from None
    except ChangedMeanwhile:
        raise Failure(
            f"{file} was written to while it was imported. Put it back, and start again.", ExitCode.CONFLICT
        ) from None
    except InUse:
        raise Failure(f"another process imports {file}", ExitCode.CONFLICT) from None
    except ChangedFile:
        raise Failure(
            f"{file} has changed since its import began, and rows that went through would go through once more. Put it "
            "back as it was and start again; or import what is new as a file of its own. --restart imports all of it.",
            ExitCode.CONFLICT,
        ) from None
    except OSError as error:
        raise Failure(f"{error}. {AGAIN}", ExitCode.UNEXPECTED) from None


async def _until_stopped(importing: Import, carry_out: CarryOut) -> Checkpoint:
    """To be told to end is one more reason to end early: how far it came is noted."""
    working = asyncio.create_task(importing.run(carry_out))
    with _told_to_end(working):
        return await working


@contextmanager
def _told_to_end(working: asyncio.Task[Checkpoint]) -> Iterator[None]:
    """Cancel `working` on SIGINT and SIGTERM.

    Not by the loop's `add_signal_handler`: a signal reaches that through the socket which wakes the loop, and is lost
    where some hundred confirmations at once have filled that.
    """
    loop = asyncio.get_running_loop()

    def end(*_: object) -> None:
        loop.call_soon_threadsafe(working.cancel)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
