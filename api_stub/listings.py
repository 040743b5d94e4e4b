"""The query parameters of lists; what is not among them is an error, never ignored."""

from collections import Counter
from collections.abc import Collection
from typing import Annotated, Any, ClassVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.json_schema import SkipJsonSchema

from api_stub import samples
from api_stub.problems import Problem
from models.dead_letter import DeadLetterReason
from models.delivery import DeliveryStatus
from models.lifecycle import JobStatus
from models.store.cursors import MAX_CURSOR_LENGTH
from models.store.filter_fields import FIELDS
from models.store.filters import MAX_CONDITIONS, MAX_DEPTH, OPERATORS
from models.store.paging import Count, Page, Paging
from models.store.queries import Listing
from models.store.sorting import GROUP_SORTS, JOB_SORTS, Direction

_FILTER = f"""Conditions in JSON, for instance
`{{"status": "processing", "createdAt": {{"$gte": "2023-01-01T00:00:00Z"}}, "$or": [{{"tags": "january"}}, …]}}`.

A field stands beside a value that it must equal, or beside an object of operators ({", ".join(OPERATORS)}).
`$and` and `$or` take a list of such objects, `$not` takes one. At most {MAX_CONDITIONS} conditions, {MAX_DEPTH} levels
deep. Fields: {", ".join(FIELDS)}, and metadata.KEY for any key."""
FILTER_FORMAT = "job-group-filter"
"""JSON within a string, which a schema can only name."""
_CURSOR = """Where the page begins, from the `Link` header of the page beside it: as cheap as the first page,
however deep, and nothing is skipped or shown twice when others come and go meanwhile. Opaque, and good for the list,
sort, order, filter and search it was given for; `limit` may change."""
CURSOR_FORMAT = "page-cursor"
_COUNT = """How `total` comes about: `exact` counts all rows, which takes the longer the more there are;
`estimated` asks PostgreSQL's statistics; `none` leaves it out."""
_SEARCH = "Words, each the beginning of a word in name, description, batchNumber or tags: 2023 finds BATCH-2023-001."


class Listed(BaseModel):
    """A page of any list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=100, description="Items on the page.")
    offset: int = Field(0, ge=0, le=2**63 - 1, description="Items before the page, which takes its time; see `cursor`.")
    cursor: str | SkipJsonSchema[None] = Field(
        None, max_length=MAX_CURSOR_LENGTH, description=_CURSOR, json_schema_extra={"format": CURSOR_FORMAT}
    )
    count: Count = Field("exact", description=_COUNT)

    @field_validator("cursor")
    @classmethod
    def _alone(cls, cursor: str | None, info: ValidationInfo) -> str | None:
        if cursor is not None and info.data.get("offset"):
            raise ValueError("must not stand beside an offset")
        return cursor

    def paging(self) -> Paging:
        """Return which page to ask the database for."""
        return Paging(self.limit, self.offset, self.cursor, self.count)


class HistoryListing(Listed):
    """A page of a group's events."""

    order: Direction = Field("asc", description="`asc`: as it happened; `desc`: the latest first.")


class DeadLetterListing(Listed):
    """A page of dead letters."""

    reason: DeadLetterReason | None = Field(None, description="Only those that died of this.")


class DeliveryListing(Listed):
    """A page of a group's deliveries."""

    status: DeliveryStatus | None = Field(None, description="Only those.")


class SortedListing(Listed):
    """A page of a list in an order that is asked for."""

    sorts: ClassVar[Collection[str]] = ()

    sort: str = "createdAt"
    order: Direction = Field("desc", description="Nulls come last in both.")

    @field_validator("sort")
    @classmethod
    def _known(cls, sort: str) -> str:
        if sort not in cls.sorts:
            raise ValueError(f"must be one of {', '.join(cls.sorts)}")
        return sort

    def listing(self) -> Listing:
        """Return what to ask the database for."""
        return Listing(**self.model_dump(exclude={"status"}))


class JobListing(SortedListing):
    """A page of jobs."""

    sorts = JOB_SORTS
    sort: str = Field("createdAt", json_schema_extra={"enum": list(JOB_SORTS)})
    status: JobStatus | None = Field(None, description="Only those.")


class GroupListing(SortedListing):
    """A page of groups."""

    sorts = GROUP_SORTS
    sort: str = Field("createdAt", json_schema_extra={"enum": list(GROUP_SORTS)})
    filter: str | SkipJsonSchema[None] = Field(
        None, description=_FILTER, examples=[samples.FILTER], json_schema_extra={"format": FILTER_FORMAT}
    )
    search: str | SkipJsonSchema[None] = Field(None, description=_SEARCH, examples=["2023"])


def page_links(request: Request, page: Page[Any]) -> dict[str, str]:
    """Return the `Link` header (RFC 8288) that leads from `page` to those beside it; none where there is none."""
    asked = {name: value for name, value in request.query_params.items() if name not in ("cursor", "offset")}
    beside = {"next": page.next, "prev": page.previous}
    links = [
        f'<{request.url.path}?{urlencode(asked | {"cursor": cursor})}>; rel="{relation}"'
        for relation, cursor in beside.items()
        if cursor
    ]
    return {"Link": ", ".join(links)} if links else {}


def repeated(request: Request) -> list[str]:
    """Return the parameters that are given more than once."""
    given = Counter(name for name, _ in request.query_params.multi_items())
    return [name for name, count in given.items() if count > 1]


async def _once_each(request: Request) -> None:
    if twice := repeated(request):
        raise Problem.wrong_fields("must not be given twice", *twice)


async def _none(request: Request) -> None:
    if request.query_params:
        raise Problem.wrong_fields("unknown parameter; there are none here", *request.query_params)


DeadLetterPage = Annotated[DeadLetterListing, Query()]
DeliveryPage = Annotated[DeliveryListing, Query()]
HistoryPage = Annotated[HistoryListing, Query()]
JobPage = Annotated[JobListing, Query()]
GroupPage = Annotated[GroupListing, Query()]

once_each = Depends(_once_each)
"""For a route that takes parameters: one that is repeated would be one that is ignored."""
no_parameters = Depends(_none)
"""For a route that takes none."""
