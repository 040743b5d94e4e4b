"""The contracts of the commands on groups."""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StrictInt

from models import names
from models.command import Command
from models.contract import JsonObject, Whole
from models.fields import JobGroupFields, WebAddress
from models.job_commands import MAX_JOBS_COUNT


class GroupCommand(Command):
    """A command on the group `id`."""

    id: UUID

    @property
    def target(self) -> UUID:
        return self.id


class CreateJobGroup(JobGroupFields, GroupCommand):
    """Make a new group. A sender may leave `id` out: the group then takes one that follows from the command's."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema["required"].remove("id"))

    type = names.JOB_GROUP_CREATE


class ExistingGroupCommand(GroupCommand):
    """A command on a group that must exist, and, with `expectedVersion`, must not have changed since it was read."""

    expected_version: Annotated[StrictInt, Field(ge=1), Whole] | None = None


class UpdateJobGroup(JobGroupFields, ExistingGroupCommand):
    """Replace every writable field; an absent one goes back to its default."""

    type = names.JOB_GROUP_UPDATE


class PatchJobGroup(ExistingGroupCommand):
    """Change the fields named in `patch`, a JSON merge patch (RFC 7396): null puts a field back to its default."""

    type = names.JOB_GROUP_PATCH
    patch: JsonObject


class DeleteJobGroup(ExistingGroupCommand):
    """Remove a group for good; its id is never used again."""

    type = names.JOB_GROUP_DELETE


class StartJobGroup(ExistingGroupCommand):
    """Start dispatching the jobs of a draft."""

    type = names.JOB_GROUP_START


class PauseJobGroup(ExistingGroupCommand):
    """Dispatch nothing more; jobs under way may finish."""

    type = names.JOB_GROUP_PAUSE


class ResumeJobGroup(ExistingGroupCommand):
    """Go on dispatching."""

    type = names.JOB_GROUP_RESUME


class CancelJobGroup(ExistingGroupCommand):
    """Give up what has not been done; jobs under way end as cancelled when their engines report."""

    type = names.JOB_GROUP_CANCEL


class RetryJobGroup(ExistingGroupCommand):
    """Put failed, cancelled, expired and rejected jobs back into the queue: those in `jobIds`, or all."""

    type = names.JOB_GROUP_RETRY
    job_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_JOBS_COUNT)] | None = None


class SealJobGroup(ExistingGroupCommand):
    """Say that no more jobs will be added, so that the group can finish."""

    type = names.JOB_GROUP_SEAL


class WakeJobGroup(ExistingGroupCommand):
    """Do what is due: collect lapsed leases, start due retries, expire. Sent by housekeeping."""

    type = names.JOB_GROUP_WAKE


class DisableWebhook(ExistingGroupCommand):
    """Send nothing more to `url`, whose owner answers that it is gone. Sent by the notifier."""

    type = names.JOB_GROUP_DISABLE_WEBHOOK
    url: WebAddress
