"""`jobgroups events`: the live feed, and what is kept of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn
from uuid import UUID

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy import RowMapping

from client.feed import Feed, FeedRefused, PositionGone
from logs import configure_logging
from models.events import ROUTING_KEYS
from models.interest import check_pattern, interest_in
from models.store.outbox import cloud_event_of
from settings import Settings
from workers.exit_codes import ExitCode
from workers.operating import event_queues
from workers.operating.api_address import api_address, is_loopback
from workers.operating.event_lines import json_line, line
from workers.operating.kept_events import NotKept, Span, kept_events
from workers.operations import AsJson
from workers.queue_publisher import QueuePublisher
from workers.subscriber_queues import NoSuchQueue

ANSWER_SECONDS = 5.0

app = typer.Typer(
    name="events",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Watch events as they come, read again what is kept of them, and see to the queues of subscribers.",
)
console = Console(soft_wrap=True)
remarks = Console(stderr=True, soft_wrap=True)


def _checked(patterns: list[str] | None) -> list[str]:
    try:
        return [check_pattern(pattern) for pattern in patterns or ()]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _matching(incomplete: str) -> list[str]:
    return [name for name in ROUTING_KEYS if name.startswith(incomplete)]


Groups = Annotated[list[UUID] | None, typer.Option("--group", metavar="ID", help="Only of this group; repeatable.")]
Types = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="PATTERN",
        callback=_checked,
        autocompletion=_matching,
        help="Only names like job_group.* or job.#; repeatable.",
    ),
]


Upto = Annotated[int | None, typer.Option(min=0, metavar="POSITION", help="To this one; absent: to the last.")]
UptoTime = Annotated[datetime | None, typer.Option(metavar="TIME", help="Only what happened before (UTC).")]
To = Annotated[
    str | None,
    typer.Option(metavar="QUEUE", callback=event_queues.not_our_own, help="Publish them to this queue alone."),
]


@app.command()
def tail(
    group: Groups = None,
    type_: Types = None,
    after: Annotated[
        int | None, typer.Option(min=0, metavar="POSITION", help="From behind this one; 0: from the oldest kept.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write each event as it comes, until Ctrl-C; cuts in the connection lose none and repeat none.

    It asks the HTTP API at JOBGROUPS_URL. With --json each line is a CloudEvent, with its `position` beside its other
    attributes: go on with --after the last one. Exit status 3: what came after that position is not kept any more. 7:
    the API does not answer at the start.

        jobgroups events tail --type 'job_group.*' --type job.failed
    """
    configure_logging("WARNING")
    url, key = api_address()
    _require_an_answer(url)
    position = after
    try:
        for event in Feed(url, key, groups=group or (), types=type_ or ()).follow(after):
            _write(event.position, event.name, event.document, as_json=as_json)
            position = event.position
    except KeyboardInterrupt:
        if position is not None:
            remarks.print(f"[dim]Go on with --after {position}.[/]")
    except PositionGone as gone:
        _gone(gone.earliest)
    except FeedRefused as refused:
        _complain(str(refused), ExitCode.USAGE)


@app.command()
def replay(
    after: Annotated[int, typer.Option(min=0, metavar="POSITION", help="From behind this one; 0: the oldest kept.")],
    until: Upto = None,
    until_time: UptoTime = None,
    group: Groups = None,
    type_: Types = None,
    to: To = None,
    as_json: AsJson = False,
) -> None:
    """Write the events that are kept between two positions, and end: for a subscriber that starts over.

    It reads the database at JOBGROUPS_DATABASE_URL. With --to it publishes them, under the ids that they had, to one
    queue at JOBGROUPS_BROKER_URL; nobody else gets them. Exit status 3: they are not kept any more, or there is no such
    queue. 7: the broker did not confirm; begin again behind the last position that was, that is safe.

        jobgroups events replay --after 0 --type 'job_group.#' --json > events.jsonl

        jobgroups events replay --after 1200 --until 1300 --to accounting.job_groups
    """
    settings, interest = Settings(), interest_in(group or (), type_ or ())
    span = Span(after, until, until_time and until_time.replace(tzinfo=until_time.tzinfo or UTC))
    pages = kept_events(settings.require("database_url"), span, interest)
    try:
        if to is None:
            asyncio.run(_write_all(pages, as_json=as_json))
        else:
            _publish_all(pages, QueuePublisher(settings.require("broker_url"), to), as_json=as_json)
    except NotKept as gone:
        _gone(gone.earliest)


app.command()(event_queues.queues)
app.command()(event_queues.unsubscribe)


async def _write_all(pages: AsyncIterator[Sequence[RowMapping]], *, as_json: bool) -> None:
    async for page in pages:
        for row in page:
            _write(row["position"], row["name"], cloud_event_of(row), as_json=as_json)


def _publish_all(pages: AsyncIterator[Sequence[RowMapping]], publisher: QueuePublisher, *, as_json: bool) -> None:
    async def publish() -> None:
        async for page in pages:
            publisher.publish(page)

    try:
        with publisher:
            asyncio.run(publish())
    except NoSuchQueue as error:
        _complain(f"{error}: let its subscriber declare it first", ExitCode.NOT_FOUND)
    except publisher.errors as error:
        again = "again" if publisher.position is None else f"again --after {publisher.position}"
        _complain(f"the broker did not confirm ({error!r}). Replay {again}; that is safe", ExitCode.UNREACHABLE)
    sent = {"publishedCount": publisher.published_count, "position": publisher.position}
    typer.echo(json.dumps(sent) if as_json else f"Published {publisher.published_count}.")


def _write(position: int, name: str, document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json_line(position, document))
    else:
        console.print(line(position, name, document))


def _require_an_answer(url: str) -> None:
    """The feed would go on trying for ever, as it must once it has begun."""
    try:
        httpx.get(f"{url}/healthz", timeout=ANSWER_SECONDS, trust_env=not is_loopback(url))
    except httpx.TransportError as error:
        _complain(f"the API does not answer at {url}: {error}", ExitCode.UNREACHABLE)


def _gone(earliest: int | None) -> NoReturn:
    begin = "" if earliest is None else f"; what is kept begins with --after {earliest - 1}"
    _complain(f"what came after that position is not kept any more{begin}", ExitCode.NOT_FOUND)


def _complain(problem: str, status: ExitCode) -> NoReturn:
    remarks.print(f"[bold red]jobgroups:[/] {escape(problem)}.", highlight=False)
    raise typer.Exit(status)
