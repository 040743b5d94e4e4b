"""`jobgroups create`, `get`, `list`, `update` and `delete`: job groups over the HTTP API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

from workers.operating.api_address import api_address
from workers.operating.api_calls import GROUPS, Api
from workers.operating.failures import failures_told
from workers.operating.group_options import Unset, with_fields
from workers.operating.group_tables import show_many, show_one
from workers.operations import AsJson, GroupArgument

MAX_PAGE_COUNT = 100

console = Console()

ExpectedVersion = Annotated[
    int | None, typer.Option(min=1, help="Only if the group is still at this version; else exit status 5.")
]


@with_fields
def create(fields: dict[str, Any], as_json: AsJson = False) -> None:
    """Create a job group. It takes a name and a template.

    An answer that is lost on the way is asked for again, without a second group.

        jobgroups create --name "March invoices" --template standard-invoice --tag 2023
    """
    with _api() as api:
        _show(api.write("POST", GROUPS, fields)["data"], as_json=as_json)


def get(group: GroupArgument, as_json: AsJson = False) -> None:
    """Show one job group. Exit status 3: there is no such group.

    jobgroups get 0186071a-5d40-7000-8000-000000000001
    """
    with _api() as api:
        _show(api.read(f"{GROUPS}/{group}")["data"], as_json=as_json)


def list_(
    filter_: Annotated[
        str | None, typer.Option("--filter", metavar="JSON", help='Conditions: {"status": "processing"}.')
    ] = None,
    search: Annotated[str | None, typer.Option(help="Words in name, description, batch number or tags.")] = None,
    sort: Annotated[str, typer.Option(metavar="FIELD", help="What to sort by.")] = "createdAt",
    order: Annotated[Literal["asc", "desc"], typer.Option(help="Which end first.")] = "desc",
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="All of them, whatever --limit says.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON document a line, one for each group.")
    ] = False,
) -> None:
    """List job groups, newest first.

    With --json each line is a group, so that a list of any length can be read as it comes.

        jobgroups list --filter '{"tags": "2023", "status": {"$in": ["failed", "completed_with_errors"]}}'
    """
    asked = {"filter": filter_, "search": search, "sort": sort, "order": order}
    size = MAX_PAGE_COUNT if everything else min(limit, MAX_PAGE_COUNT)
    with _api() as api:
        pages = api.pages(
            GROUPS,
            limit=size,
            count="none" if as_json else "exact",
            **{k: v for k, v in asked.items() if v is not None},
        )
        first = next(pages)
        groups = chain.from_iterable(page["data"] for page in chain([first], pages))
        chosen = groups if everything else islice(groups, limit)
        if as_json:
            for group in chosen:
                typer.echo(json.dumps(group))
        else:
            found = list(chosen)
            show_many(console, found, f"{len(found)} of {first['total']}")


@with_fields
def update(
    fields: dict[str, Any],
    group: GroupArgument,
    unset: Unset = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="All fields: what is not named goes to its default.")
    ] = False,
    expected_version: ExpectedVersion = None,
    as_json: AsJson = False,
) -> None:
    """Change what the options name of a group, and leave the rest as it is.

    --metadata, --settings and --notifications change the keys that they name (JSON merge patch, RFC 7396). Exit status
    3: there is no such group. 5: it is at another version than expected.

        jobgroups update 0186071a-5d40-7000-8000-000000000001 --priority urgent --unset description
    """
    fields |= dict.fromkeys(unset or ())
    if not (fields or replace):
        raise typer.BadParameter("name what to change, for instance --priority high")
    if replace and unset:
        raise typer.BadParameter("--replace puts back what is not named; leave --unset out")
    with _api() as api:
        method = "PUT" if replace else "PATCH"
        answer = api.write(method, f"{GROUPS}/{group}", fields, expected_version=expected_version)
        _show(answer["data"], as_json=as_json)


def delete(
    group: GroupArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    expected_version: ExpectedVersion = None,
    as_json: AsJson = False,
) -> None:
    """Delete a group for good, and its jobs with it.

    Exit status 3: there is no such group. 5: it is at another version than expected.

        jobgroups delete 0186071a-5d40-7000-8000-000000000001 --yes
    """
    if not yes:
        typer.confirm(f"Delete job group {group} for good?", abort=True, err=True)
    with _api() as api:
        api.write("DELETE", f"{GROUPS}/{group}", expected_version=expected_version)
    if as_json:
        typer.echo(json.dumps({"deleted": str(group)}))
    else:
        console.print(f"Job group {group} is deleted.")


@contextmanager
def _api() -> Iterator[Api]:
    with failures_told(), Api(*api_address()) as api:
        yield api


def _show(group: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(group))
    else:
        show_one(console, group)
