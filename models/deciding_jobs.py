"""What the commands on a group's jobs make happen."""

from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from models.counts import CountsResource
from models.errors import AlreadyExists, FieldError, IllegalTransition, NotFound, ValidationFailed
from models.event import GroupEvent
from models.events import (
    JobGroupCancelling,
    JobGroupExpired,
    JobGroupJobsAdded,
    JobGroupReopened,
    JobGroupSealed,
)
from models.group_commands import RetryJobGroup
from models.job import Job, lapse, requeue, take_report
from models.job_commands import AddJobs, NewJob, ReportJobs, ReviewJob
from models.job_events import JobEvent, JobFailed, JobSkipped
from models.job_group import JobGroup, event_fields, reopened_intent
from models.lifecycle import RETRYABLE, TERMINAL, Intent, JobStatus
from models.loaded import Loaded


def cancelling(group: JobGroup, reason: str) -> JobGroupCancelling:
    return JobGroupCancelling(**event_fields(replace(group, intent=Intent.CANCELLED)), reason=reason)


def add_jobs(group: JobGroup, loaded: Loaded, command: AddJobs) -> list[GroupEvent]:
    for asked in command.jobs:
        if asked.id in loaded.jobs:
            raise AlreadyExists(f"job {asked.id} exists already in job group {group.id}")
    duplicates = _duplicates(group, loaded, command)
    events: list[GroupEvent] = []
    if group.status in TERMINAL:
        events.append(_reopened(group, sealed=False))
        group = replace(group, intent=reopened_intent(group), sealed=False)
    first_number = group.counts.total + 1
    group = replace(group, counts=replace(group.counts, queued=group.counts.queued + len(command.jobs)))
    ids = [asked.id for asked in command.jobs]
    events.append(JobGroupJobsAdded(**event_fields(group), first_number=first_number, job_ids=ids, jobs=command.jobs))
    events.extend(
        JobSkipped(
            group_id=group.id,
            version=group.version + 1,
            job_id=asked.id,
            external_id=asked.external_id,
            attempt=0,
            previous_status=JobStatus.QUEUED,
        )
        for asked in duplicates
    )
    if command.last and not group.sealed:
        counts = replace(
            group.counts, queued=group.counts.queued - len(duplicates), skipped=group.counts.skipped + len(duplicates)
        )
        events.append(JobGroupSealed(**event_fields(replace(group, sealed=True, counts=counts))))
    return events


def _duplicates(group: JobGroup, loaded: Loaded, command: AddJobs) -> list[NewJob]:
    """The jobs of `command` whose document the group has already, or that come twice in the command."""
    policy = group.fields.processing_settings.duplicate_policy
    if policy == "allow":
        return []
    seen = set(loaded.documents)
    found: list[tuple[int, NewJob]] = []
    for position, asked in enumerate(command.jobs):
        sha256 = asked.document.sha256
        if sha256 in seen:
            found.append((position, asked))
        elif sha256:
            seen.add(sha256)
    if found and policy == "reject":
        message = "the group has this document already, and its duplicatePolicy is reject"
        raise ValidationFailed(
            [FieldError(field=f"jobs.{position}.document.sha256", message=message) for position, _ in found]
        )
    return [asked for _, asked in found]


def take_reports(group: JobGroup, loaded: Loaded, command: ReportJobs, now: datetime) -> list[GroupEvent]:
    """A second report on one job in the same command is as stale as in a later one."""
    settings = group.fields.processing_settings
    events: list[GroupEvent] = []
    reported: set[UUID] = set()
    for report in command.reports:
        job = loaded.jobs.get(report.job_id)
        if job is None or report.job_id in reported:
            continue
        event = take_report(job, report, group.intent, settings, group.version + 1, now)
        if event is not None:
            events.append(event)
            reported.add(report.job_id)
    return events


def do_what_is_due(group: JobGroup, loaded: Loaded, now: datetime) -> list[GroupEvent]:
    events: list[GroupEvent] = []
    if group.expires_at is not None and group.expires_at <= now and _can_expire(group):
        group = replace(group, intent=Intent.EXPIRED)
        counts = CountsResource.of(group.counts)
        events.append(JobGroupExpired(**event_fields(group), generation=group.generation, counts=counts))
    settings = group.fields.processing_settings
    overdue = [job for job in loaded.jobs.values() if job.is_overdue(now)]
    events.extend(lapse(job, group.intent, settings, group.version + 1, now) for job in overdue)
    return events


def _can_expire(group: JobGroup) -> bool:
    return group.status not in TERMINAL and group.intent is not Intent.CANCELLED


def with_failure_limit(group: JobGroup, events: list[GroupEvent]) -> list[GroupEvent]:
    """Give the group up once as many of its jobs have failed as its owners allow."""
    limit = group.fields.processing_settings.max_failures
    failed = sum(isinstance(event, JobFailed) for event in events)
    if limit is None or not failed or group.intent not in (Intent.ACTIVE, Intent.PAUSED):
        return events
    if group.counts.failed + failed < limit:
        return events
    counts = group.counts
    for event in events:
        if isinstance(event, JobEvent):
            counts = counts.moved(event.previous_status, event.to)
    return [*events, cancelling(replace(group, counts=counts), f"{counts.failed} jobs failed, maxFailures is {limit}")]


def reviewable(loaded: Loaded, command: ReviewJob) -> Job:
    job = loaded.jobs.get(command.job_id)
    if job is None:
        raise NotFound(f"there is no job {command.job_id} in job group {command.group_id}")
    if job.status is not JobStatus.NEEDS_REVIEW:
        raise IllegalTransition(f"job {job.id} is {job.status}; only one that needs review can be reviewed")
    return job


def retry(group: JobGroup, loaded: Loaded, command: RetryJobGroup) -> list[GroupEvent]:
    chosen = _retryable(group, loaded, command)
    events: list[GroupEvent] = [_reopened(group, sealed=group.sealed)] if group.status in TERMINAL else []
    settings = group.fields.processing_settings
    events.extend(requeue(job, settings, group.version + 1) for job in chosen)
    return events


def _retryable(group: JobGroup, loaded: Loaded, command: RetryJobGroup) -> list[Job]:
    if command.job_ids is None:
        chosen = [job for job in loaded.jobs.values() if job.status in RETRYABLE]
        if not chosen:
            raise IllegalTransition(f"job group {group.id} has no job to retry")
        return sorted(chosen, key=attrgetter("number"))
    for job_id in command.job_ids:
        if job_id not in loaded.jobs:
            raise NotFound(f"there is no job {job_id} in job group {group.id}")
        if loaded.jobs[job_id].status not in RETRYABLE:
            raise IllegalTransition(f"job {job_id} is {loaded.jobs[job_id].status}; it cannot be retried")
    return [loaded.jobs[job_id] for job_id in dict.fromkeys(command.job_ids)]


def _reopened(group: JobGroup, *, sealed: bool) -> JobGroupReopened:
    reopened = replace(group, intent=reopened_intent(group), sealed=sealed, generation=group.generation + 1)
    return JobGroupReopened(**event_fields(reopened), generation=reopened.generation, sealed=sealed)
