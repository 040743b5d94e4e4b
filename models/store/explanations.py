"""Explanations of what is in the database now."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from models import explaining
from models.resources import Explanation
from models.store import queries


async def explain_group(connection: AsyncConnection, group_id: UUID) -> Explanation | None:
    """Return why the group is in its status, or None if there is none."""
    group = await queries.get_group(connection, group_id)
    if group is None:
        return None
    waiting = await queries.next_attempt_at(connection, group_id)
    reasons = explaining.explain_group(group, datetime.now(UTC), next_attempt_at=waiting)
    return Explanation(id=group.id, status=group.status, reasons=reasons)


async def explain_job(connection: AsyncConnection, group_id: UUID, job_id: UUID) -> Explanation | None:
    """Return why the job is in its status, or None if the group or the job is not there."""
    group = await queries.get_group(connection, group_id)
    job = await queries.get_job(connection, group_id, job_id)
    if group is None or job is None:
        return None
    ahead = await queries.count_ahead(connection, job)
    return Explanation(
        id=job.id, status=job.status, reasons=explaining.explain_job(job, group, datetime.now(UTC), ahead=ahead)
    )
