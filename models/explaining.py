"""Why a group is in its status, and why a job waits: in words, for whoever asks at 3 a.m. Pure."""

from datetime import datetime

from models.job import Job
from models.job_group import JobGroup
from models.lifecycle import Intent, JobStatus, Status


def explain_group(group: JobGroup, now: datetime, *, next_attempt_at: datetime | None) -> list[str]:
    """Return the reasons for the status of `group`, the most telling first.

    `next_attempt_at` is when the first of its jobs that wait for another attempt may have it, None if none waits.
    """
    return [_status_reason(group), *_queue_reasons(group, now, next_attempt_at), *_open_ends(group)]


def explain_job(job: Job, group: JobGroup, now: datetime, *, ahead: int) -> list[str]:
    """Return why `job` is where it is; `ahead` is how many queued jobs of its group come before it."""
    match job.status:
        case JobStatus.QUEUED:
            return _why_queued(job, group, now, ahead)
        case JobStatus.PROCESSING:
            return [_why_processing(job, now)]
        case JobStatus.NEEDS_REVIEW:
            return [_why_review(job, group)]
        case JobStatus.FAILED:
            return [_why_failed(job)]
        case JobStatus.SKIPPED:
            return ["It was skipped: the group has a document with the same SHA-256 (duplicatePolicy skip)."]
        case JobStatus.CANCELLED | JobStatus.EXPIRED:
            return [f"It ended with its group, which was {job.status}. job_group.retry tries again."]
        case _:
            return [f"It is {job.status} since {_instant(job.finished_at)}."]


def _status_reason(group: JobGroup) -> str:  # noqa: C901 - flat: one sentence for each status
    match group.status:
        case Status.DRAFT:
            return "It is a draft: nothing is dispatched before job_group.start (autoStart is false)."
        case Status.QUEUED if not group.counts.total:
            return "It is started and has no jobs yet: job.add brings them."
        case Status.QUEUED:
            return "It is started, and no job is with an engine now."
        case Status.PROCESSING:
            return f"{_jobs(group.counts.processing)} of {group.counts.total} with engines now."
        case Status.PAUSED:
            return f"It is paused since {_instant(group.paused_at)}: nothing is dispatched before job_group.resume."
        case Status.AWAITING_REVIEW:
            return f"All that is left: {_jobs(group.counts.needs_review)} for a person to accept or reject."
        case Status.CANCELLING:
            return f"It was given up ({group.status_reason}); {_jobs(group.counts.processing)} still with engines."
        case Status.CANCELLED:
            return f"It was given up ({group.status_reason}), and no job is with an engine any more."
        case Status.EXPIRED:
            return f"It ran out of time at {_instant(group.expires_at)} (expiresAfterSeconds)."
        case _:
            return _how_it_ended(group)


def _how_it_ended(group: JobGroup) -> str:
    counts = group.counts
    through = f"{counts.succeeded} succeeded, {counts.skipped} skipped, {counts.rejected} rejected"
    failed = f"{counts.failed} failed, {counts.cancelled} cancelled, {counts.expired} expired"
    return f"Every job is through since {_instant(group.finished_at)}: {through}, {failed}."


def _queue_reasons(group: JobGroup, now: datetime, next_attempt_at: datetime | None) -> list[str]:
    if group.intent is not Intent.ACTIVE or not group.counts.queued:
        return []
    limit = group.fields.processing_settings.max_concurrency
    if not group.room and limit is not None:
        return [f"{_jobs(group.counts.queued)} waiting for room: maxConcurrency is {limit}."]
    if next_attempt_at is not None and next_attempt_at > now:
        return [f"{_jobs(group.counts.queued)} waiting to be retried, the first until {_instant(next_attempt_at)}."]
    return [f"{_jobs(group.counts.queued)} due; housekeeping dispatches within seconds."]


def _open_ends(group: JobGroup) -> list[str]:
    reasons = []
    if not group.sealed and group.finished_at is None and group.intent not in (Intent.CANCELLED, Intent.EXPIRED):
        reasons.append("It is not sealed: more jobs may come, and it cannot finish before job_group.seal.")
    if group.expires_at is not None and group.finished_at is None:
        reasons.append(f"It expires at {_instant(group.expires_at)}.")
    return reasons


def _why_queued(job: Job, group: JobGroup, now: datetime, ahead: int) -> list[str]:
    if group.intent is Intent.DRAFT:
        return ["Its group is a draft: nothing is dispatched before job_group.start."]
    if group.intent is Intent.PAUSED:
        return ["Its group is paused: nothing is dispatched before job_group.resume."]
    if job.next_attempt_at is not None and job.next_attempt_at > now:
        failure = f" after {job.error.code}" if job.error else ""
        attempt = f"attempt {job.attempts + 1} of {job.max_attempts}"
        return [f"It waits for {attempt} until {_instant(job.next_attempt_at)}{failure} (retryBackoff)."]
    limit = group.fields.processing_settings.max_concurrency
    if limit is not None and group.counts.processing >= limit:
        return [f"Its group has no room: {_jobs(limit)} with engines (maxConcurrency), {ahead} before it in the queue."]
    return [f"It is due, {ahead} before it in the queue; housekeeping dispatches within seconds."]


def _why_failed(job: Job) -> str:
    error = f": {job.error.code}, {job.error.message}" if job.error else ""
    return f"It failed after {job.attempts} of {job.max_attempts} attempts{error}. job_group.retry tries again."


def _why_processing(job: Job, now: datetime) -> str:
    attempt = f"An engine has it for attempt {job.attempts} of {job.max_attempts}"
    if job.is_overdue(now):
        return (
            f"{attempt}; its lease lapsed at {_instant(job.lease_expires_at)}, housekeeping collects it within seconds."
        )
    return f"{attempt} and must report before {_instant(job.lease_expires_at)} (jobTimeoutSeconds)."


def _why_review(job: Job, group: JobGroup) -> str:
    settings = group.fields.processing_settings
    if settings.automation == "never":
        return "A person must look at every result: automation is never."
    confidence = "without a confidence" if job.confidence is None else f"with confidence {job.confidence:g}"
    return (
        f"It was read {confidence}; below {settings.confidence_threshold:g} (confidenceThreshold) a person must look."
    )


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _instant(instant: datetime | None) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z") if instant else "an unknown time"
