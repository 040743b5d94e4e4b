"""`/ocr-invoice-job-groups`: reads from PostgreSQL, writes by way of the command queue."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic.json_schema import SkipJsonSchema

from api_stub import headers, operations
from api_stub.auth import admitted
from api_stub.backends import Backends, OpenBackends
from api_stub.bodies import GroupFields, MergePatch
from api_stub.documents import Deleted, JobGroupAnswer, JobGroupList, ToldJobGroup, json_response
from api_stub.listings import GroupPage, no_parameters, once_each, page_links
from api_stub.problems import Problem
from api_stub.sender import Respond, Sender
from models import names
from models.job_group import JobGroup
from models.outcome import Outcome
from models.resources import JobGroupResource
from models.store import queries

GroupId = Annotated[UUID, Path(alias="id", description="The job group's id.")]
IfMatch = Annotated[
    str | SkipJsonSchema[None],
    Header(
        alias="If-Match",
        description='Only at this version, an `ETag` such as `"3"`; else 412.',
        json_schema_extra={"pattern": headers.IF_MATCH, "format": "entity-tag"},
    ),
]
IfNoneMatch = Annotated[
    str | SkipJsonSchema[None],
    Header(alias="If-None-Match", description="An `ETag`: 304 if the group is still at that version."),
]

PREFIX = "/ocr-invoice-job-groups"
router = APIRouter(
    prefix=PREFIX, tags=["job groups"], dependencies=[admitted], generate_unique_id_function=operations.name_of
)


@router.get("", dependencies=[once_each], **operations.LIST_GROUPS)
async def list_job_groups(asked: GroupPage, request: Request, backends: OpenBackends) -> Response:
    """List job groups."""
    async with backends.engine.connect() as connection:
        page = await queries.list_groups(connection, asked.listing())
    resources = [JobGroupResource.of(group) for group in page.items]
    return json_response(
        JobGroupList.model_construct(data=resources, total=page.total), headers=page_links(request, page)
    )


@router.post("", dependencies=[no_parameters], **operations.CREATE_GROUP)
async def create_job_group(fields: GroupFields, sender: Sender) -> Response:
    """Create a job group."""
    return await sender.send(names.JOB_GROUP_CREATE, fields, _created(sender.backends))


@router.get("/{id}", dependencies=[no_parameters], **operations.GET_GROUP)
async def get_job_group(id_: GroupId, backends: OpenBackends, if_none_match: IfNoneMatch = None) -> Response:
    """Read one job group."""
    group = await existing_group(backends, id_)
    tag = headers.entity_tag(group.version)
    return _show(group) if headers.none_match(if_none_match, tag) else Response(None, 304, {"ETag": tag})


@router.put("/{id}", dependencies=[no_parameters], **operations.REPLACE_GROUP)
async def replace_job_group(id_: GroupId, fields: GroupFields, sender: Sender, if_match: IfMatch = None) -> Response:
    """Replace every writable field; an absent one goes back to its default."""
    return await sender.send(names.JOB_GROUP_UPDATE, {**fields, **target(id_, if_match)}, changed(sender.backends))


@router.patch("/{id}", dependencies=[no_parameters], **operations.PATCH_GROUP)
async def patch_job_group(id_: GroupId, patch: MergePatch, sender: Sender, if_match: IfMatch = None) -> Response:
    """Change the fields that the body names."""
    return await sender.send(names.JOB_GROUP_PATCH, {"patch": patch, **target(id_, if_match)}, changed(sender.backends))


@router.delete("/{id}", dependencies=[no_parameters], **operations.DELETE_GROUP)
async def delete_job_group(id_: GroupId, sender: Sender, if_match: IfMatch = None) -> Response:
    """Delete a job group for good."""
    return await sender.send(names.JOB_GROUP_DELETE, target(id_, if_match), _deleted)


def target(id_: UUID, if_match: str | None) -> dict[str, Any]:
    """Return the data that name the group of a command, and the version at which its sender means it."""
    version = headers.parse_if_match(if_match)
    return {"id": str(id_)} if version is None else {"id": str(id_), "expectedVersion": version}


def changed(backends: Backends, status: int = 200, **more_headers: str) -> Respond:
    """Answer a successful command with the group: as it was told with the outcome, else as it is by now."""

    async def respond(outcome: Outcome) -> Response:
        if outcome.group is None:
            return _show(await _outlived(backends, outcome), status, **more_headers)
        told = ToldJobGroup.model_construct(data=outcome.group)
        return json_response(told, status=status, headers=_tagged(outcome.group["version"], more_headers))

    return respond


def _created(backends: Backends) -> Respond:
    async def respond(outcome: Outcome) -> Response:
        return await changed(backends, 201, Location=f"{PREFIX}/{outcome.group_id}")(outcome)

    return respond


async def _deleted(_: Outcome) -> Response:
    return json_response(Deleted())


async def existing_group(backends: Backends, id_: UUID) -> JobGroup:
    """Return the group; raises Problem (404) where there is none, or none any more."""
    group = await backends.groups.find(id_)
    if group is None:
        raise Problem("not_found", f"there is no job group {id_}")
    return group


async def _outlived(backends: Backends, outcome: Outcome) -> JobGroup:
    """The group that a command succeeded on, as it is by now."""
    group = await backends.groups.find(outcome.group_id) if outcome.group_id else None
    if group is None:
        raise Problem("not_found", f"the command succeeded, but job group {outcome.group_id} was deleted since")
    return group


def _show(group: JobGroup, status: int = 200, **more_headers: str) -> Response:
    document = JobGroupAnswer.model_construct(data=JobGroupResource.of(group))
    return json_response(document, status=status, headers=_tagged(group.version, more_headers))


def _tagged(version: int, more_headers: Mapping[str, str]) -> dict[str, str]:
    return {"ETag": headers.entity_tag(version), **more_headers}
