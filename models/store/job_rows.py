"""Jobs as rows of their table, and back."""

from operator import attrgetter

from sqlalchemy import RowMapping

from models.job import Job
from models.job_commands import Document, JobError
from models.lifecycle import JobStatus
from models.store.bulk import Row
from models.store.tables import jobs

_PLAIN = [str(column.name) for column in jobs.c if column.name not in ("document", "status", "error")]
_FIXED = {"number", "external_id", "metadata", "created_at"}
_CHANGING = [name for name in _PLAIN if name not in _FIXED]
_changing = attrgetter(*_CHANGING)


def job_row(job: Job) -> Row:
    """Return the columns of `job`'s row, as JSON values, datetimes and UUIDs."""
    return {
        **{name: getattr(job, name) for name in _PLAIN},
        "document": job.document.model_dump(mode="json", exclude_none=True),
        "status": job.status,
        "error": job.error.model_dump(mode="json") if job.error else None,
    }


def changed_row(job: Job) -> Row:
    """Return the columns that may change of `job`'s row, and its key."""
    return {
        **dict(zip(_CHANGING, _changing(job), strict=True)),
        "status": job.status,
        "error": job.error.model_dump(mode="json") if job.error else None,
    }


def job_of(row: RowMapping) -> Job:
    """Return the job that `row` holds."""
    return Job(
        **{name: row[name] for name in _PLAIN},
        document=Document.model_validate(row["document"]),
        status=JobStatus(row["status"]),
        error=JobError.model_validate(row["error"]) if row["error"] else None,
    )
