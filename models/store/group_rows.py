"""A job group as a row of its table, and back."""

from typing import Any

from sqlalchemy import RowMapping

from models.fields import REVEAL_SECRETS, JobGroupFields
from models.job_group import JobGroup
from models.lifecycle import Counts, Intent
from models.store.tables import job_groups
from models.store.words import search_vector

_FIELDS = {name: str(field.alias) for name, field in JobGroupFields.model_fields.items()}
_OWN_COLUMNS = [
    str(column.name) for column in job_groups.c if column.name in JobGroup.__slots__ and column.name != "intent"
]


def row_of(group: JobGroup) -> dict[str, Any]:
    """Return the columns of `group`'s row, as JSON values, datetimes and UUIDs."""
    written = group.fields.model_dump(mode="json", context=REVEAL_SECRETS)
    fields = {name: written[alias] for name, alias in _FIELDS.items()}
    own = {name: getattr(group, name) for name in _OWN_COLUMNS}
    counts = {f"{bucket}_count": getattr(group.counts, bucket) for bucket in Counts.__slots__}
    return {
        **fields,
        **own,
        **counts,
        "intent": group.intent,
        "status": group.status,
        "search": search_vector(group.fields),
    }


def group_of(row: RowMapping) -> JobGroup:
    """Return the group that `row` holds."""
    return JobGroup(
        fields=JobGroupFields.model_validate({alias: row[name] for name, alias in _FIELDS.items()}),
        intent=Intent(row["intent"]),
        counts=Counts(*(row[f"{bucket}_count"] for bucket in Counts.__slots__)),
        **{name: row[name] for name in _OWN_COLUMNS},
    )
