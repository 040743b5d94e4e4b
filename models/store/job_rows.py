"""Jobs as rows of their table, and back."""

from sqlalchemy import RowMapping

from models.job import Job
from models.job_commands import Document, JobError
from models.lifecycle import JobStatus
from models.store.bulk import Row
from models.store.tables import jobs

_PLAIN = [str(column.name) for column in jobs.c if column.name not in ("document", "status", "error")]


def job_row(job: Job) -> Row:
    """Return the columns of `job`'s row, as JSON values, datetimes and UUIDs."""
    return {
        **{name: getattr(job, name) for name in _PLAIN},
        "document": job.document.model_dump(mode="json", exclude_none=True),
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
