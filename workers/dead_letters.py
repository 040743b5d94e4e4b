"""`jobgroups dead-letters`: what could not be carried out, and what to do about it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, NoReturn, TypeVar
from uuid import UUID

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncConnection

from client.producer import BrokerUnavailable, CommandProducer
from client.replaying import NotReplayable, replay
from models.dead_letter import DeadLetter, DeadLetterReason
from models.dead_letter_resource import DeadLetterResource
from models.store import graveyard
from models.store.dead_letter_reads import get_dead_letter, list_dead_letters
from models.store.engine import make_async_engine, make_engine
from models.store.paging import Paging
from settings import Settings
from workers.exit_codes import ExitCode
from workers.operations import AsJson

T = TypeVar("T")

app = typer.Typer(
    name="dead-letters",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="List, read, replay and discard the messages that could not be carried out. docs/dead_letters.md says what "
    "each reason means and what to do.",
)
console = Console()

LetterId = Annotated[UUID, typer.Argument(metavar="ID", help="The dead letter's id.")]
LetterIds = Annotated[list[UUID], typer.Argument(metavar="ID", help="The dead letters' ids.")]
MaybeLetterIds = Annotated[list[UUID] | None, typer.Argument(metavar="ID", help="The dead letters' ids.")]
Reason = Annotated[DeadLetterReason | None, typer.Option(help="Only those that died of this.")]


@app.command("list")
def list_letters(
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    before: Annotated[UUID | None, typer.Option(metavar="ID", help="Only older ones than this: the next page.")] = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first.

    jobgroups dead-letters list --reason handling_failed --limit 5
    """
    page = _read(lambda c: list_dead_letters(c, Paging(limit), reason=reason, before=before))
    if as_json:
        typer.echo(TypeAdapter(list[DeadLetterResource]).dump_json(page.items, by_alias=True))
    else:
        _show(page.items, page.total)


@app.command()
def show(id_: LetterId, as_json: AsJson = False) -> None:
    """Write one dead letter, with its headers and body, as JSON. What may be a secret is masked.

    Exit status 3: there is no such letter. With --json it is one line.

        jobgroups dead-letters show 0186071a-5d40-7000-8000-000000000001
    """
    letter = _read(lambda connection: get_dead_letter(connection, id_))
    if letter is None:
        _not_found([id_])
    typer.echo(letter.model_dump_json(indent=None if as_json else 2))


@app.command("replay")
def replay_letters(
    ids: MaybeLetterIds = None,
    reason: Reason = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were never replayed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before many are sent.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send the commands in dead letters again, oldest letter first, once the cause is gone.

    Name the letters, or a --reason, or --all; the last two leave out what was replayed before. The commands keep their
    ids, so that none takes effect twice. The letters stay, marked, until they are discarded, or for a month.

    Exit status 3: there is no such letter; nothing was sent. 8: in some there is nothing to send, and it says in which;
    the others were sent. 7: the broker did not confirm; replay again, that is safe.

        jobgroups dead-letters replay --reason handling_failed
    """
    if [bool(ids), reason is not None, everything].count(True) != 1:
        raise typer.BadParameter("name the letters, or give --reason, or --all")
    with _engine() as engine:
        chosen = _existing(engine, ids) if ids else _waiting(engine, reason, yes=yes)
        _replay(engine, chosen, as_json=as_json)


@app.command()
def discard(ids: LetterIds, as_json: AsJson = False) -> None:
    """Delete dead letters for good. The outcome of their commands, `dead_lettered`, stays.

    Exit status 3: some did not exist; the others are gone.

        jobgroups dead-letters discard 0186071a-5d40-7000-8000-000000000001
    """
    with _engine() as engine, engine.begin() as connection:
        gone = graveyard.discard(connection, ids)
    if as_json:
        typer.echo(json.dumps({"discarded": [str(id_) for id_ in gone]}))
    else:
        console.print(f"Discarded {len(gone)}.")
    if missing := set(ids) - set(gone):
        _not_found(sorted(missing))


def _read(ask: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async def read() -> T:
        engine = make_async_engine(Settings().require("database_url"))
        try:
            async with engine.connect() as connection:
                return await ask(connection)
        finally:
            await engine.dispose()

    return asyncio.run(read())


@contextmanager
def _engine() -> Iterator[Engine]:
    engine = make_engine(Settings().require("database_url"))
    try:
        yield engine
    finally:
        engine.dispose()


def _existing(engine: Engine, ids: Sequence[UUID]) -> Sequence[UUID]:
    if missing := [id_ for id_ in ids if _dig_up(engine, id_) is None]:
        _not_found(missing)
    return sorted(ids)


def _waiting(engine: Engine, reason: DeadLetterReason | None, *, yes: bool) -> Sequence[UUID]:
    with engine.connect() as connection:
        ids = graveyard.not_replayed(connection, reason)
    if ids and not yes:
        typer.confirm(f"Replay {len(ids)} dead letters?", abort=True, err=True)
    return ids


def _replay(engine: Engine, ids: Sequence[UUID], *, as_json: bool) -> None:
    left = 0
    with CommandProducer(Settings().require("broker_url")) as producer:
        for id_ in ids:
            try:
                # Read one at a time: a body may have megabytes.
                if letter := _dig_up(engine, id_):
                    count = replay(engine, producer, id_, letter)
                    typer.echo(
                        json.dumps({"id": str(id_), "commandCount": count}) if as_json else f"{id_}: sent {count}"
                    )
            except NotReplayable as error:
                left += 1
                _complain(f"{id_}: {error}")
            except BrokerUnavailable as error:
                _complain(f"{id_}: {error}. Replay it again, that is safe.")
                raise typer.Exit(ExitCode.UNREACHABLE) from None
    if not as_json:
        console.print(f"Replayed {len(ids) - left} of {len(ids)}.")
    if left:
        raise typer.Exit(ExitCode.PARTLY_DONE)


def _dig_up(engine: Engine, id_: UUID) -> DeadLetter | None:
    with engine.connect() as connection:
        return graveyard.dig_up(connection, id_)


def _show(letters: Sequence[DeadLetterResource], total: int | None) -> None:
    table = Table("died", "reason", "command", "detail", "replayed", caption=f"{len(letters)} of {total}")
    table.columns.insert(0, Column("id", no_wrap=True))
    for letter in letters:
        command = f"{letter.command_type or ''}\n{letter.command_id or ''}".strip()
        replayed = f"{letter.replayed_at:%m-%d %H:%M}" if letter.replayed_at else ""
        died = f"{letter.died_at:%m-%d %H:%M:%S}"
        table.add_row(str(letter.id), died, letter.reason, escape(command), escape(letter.detail), replayed)
    console.print(table)


def _not_found(ids: Sequence[UUID]) -> NoReturn:
    _complain(f"There is no dead letter {', '.join(map(str, ids))}.")
    raise typer.Exit(ExitCode.NOT_FOUND)


def _complain(sentence: str) -> None:
    Console(stderr=True).print(sentence, soft_wrap=True, markup=False, highlight=False)
