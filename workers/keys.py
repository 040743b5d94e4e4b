"""`jobgroups keys`: who may call the HTTP API."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from sqlalchemy import Connection
from uuid_utils.compat import uuid7

from models.api_key import KEY_PREFIX, OWNER_DIGITS, ApiKey, digest_of, owner_of
from models.store.api_keys import add_key, list_keys, revoke_key
from models.store.engine import make_engine
from settings import Settings
from workers.exit_codes import ExitCode
from workers.operations import AsJson

KEY_BYTES = 32
MAX_NAME_LENGTH = 100
MAX_PER_MINUTE = 2**31 - 1

console = Console()
remarks = Console(stderr=True)

keys = typer.Typer(
    name="keys",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Make, list and revoke API keys, in the database at JOBGROUPS_DATABASE_URL.\n\n"
    "A new key works at once, a revoked one for five seconds at most. The keys in JOBGROUPS_API_KEYS are not among "
    "them: those come and go with the settings of the API's processes.",
)


def _name(name: str) -> str:
    if not (name.strip() and name.isprintable() and len(name) <= MAX_NAME_LENGTH):
        raise typer.BadParameter(f"a name has 1 to {MAX_NAME_LENGTH} printable characters")
    return name.strip()


@keys.command()
def create(
    name: Annotated[
        str, typer.Argument(metavar="NAME", callback=_name, help="What to call it, for instance who will hold it.")
    ],
    read_only: Annotated[bool, typer.Option("--read-only", help="It reads; writing takes another.")] = False,
    per_minute: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MAX_PER_MINUTE,
            help="Requests a minute; 0: no limit. Without it, what the service lets everybody.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once: only its hash is kept.

    The key alone goes to standard output. Exit status 5: a key of this name is there already.

        KEY=$(jobgroups keys create "accounting, read only" --read-only)
    """
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    digest = digest_of(key)
    made = ApiKey(
        id=uuid7(),
        name=name,
        owner=owner_of(digest),
        scopes=("read",) if read_only else ("read", "write"),
        per_minute=per_minute,
        created_at=datetime.now(UTC),
        revoked_at=None,
    )
    with _transaction() as connection:
        added = add_key(connection, made, digest)
    if not added:
        remarks.print(f"There is a key {escape(repr(name))} already; revoke it, or choose another name.")
        raise typer.Exit(ExitCode.CONFLICT)
    if as_json:
        typer.echo(json.dumps(made.model_dump(mode="json") | {"key": key}))
        return
    remarks.print(f"Key {escape(repr(name))}; it is not shown again. Send it as the header X-API-Key.", highlight=False)
    typer.echo(key)


@keys.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the keys, but never what one is. `owner` is what events and logs call it; --json has ids and times too.

    jobgroups keys list --json
    """
    with _transaction() as connection:
        found = list_keys(connection)
    if as_json:
        typer.echo(json.dumps([key.model_dump(mode="json") for key in found]))
        return
    name, owner = Column("name", overflow="fold"), Column("owner", min_width=OWNER_DIGITS)
    table = Table(name, "scopes", "a minute", owner, "created", "revoked", box=None, pad_edge=False)
    for key in found:
        limit = "default" if key.per_minute is None else str(key.per_minute or "no limit")
        days = (f"{instant:%Y-%m-%d}" if instant else "" for instant in (key.created_at, key.revoked_at))
        table.add_row(escape(key.name), ", ".join(key.scopes), limit, key.owner, *days)
    console.print(table)


@keys.command()
def revoke(
    id_or_name: Annotated[str, typer.Argument(metavar="ID-OR-NAME", help="As `keys list` has it.")],
    as_json: AsJson = False,
) -> None:
    """Revoke a key for good. Its name is free again.

    Exit status 3: there is no such key, or it is revoked already.

        jobgroups keys revoke scanner
    """
    with _transaction() as connection:
        revoked = revoke_key(connection, id_or_name, datetime.now(UTC))
    if revoked is None:
        remarks.print(f"There is no key {escape(repr(id_or_name))} to revoke.")
        raise typer.Exit(ExitCode.NOT_FOUND)
    if as_json:
        typer.echo(revoked.model_dump_json())
        return
    console.print(f"Key {escape(repr(revoked.name))} is revoked.")


@contextmanager
def _transaction() -> Iterator[Connection]:
    engine = make_engine(Settings().require("database_url"))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
