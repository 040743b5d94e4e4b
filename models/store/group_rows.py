"""A job group as a row of its table, and back."""

from operator import attrgetter
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
_own = attrgetter(*_OWN_COLUMNS)
_COUNT_COLUMNS = [f"{bucket}_count" for bucket in Counts.__slots__]
_counts = attrgetter(*Counts.__slots__)


def row_of(group: JobGroup) -> dict[str, Any]:
    """Return the columns of `group`'s row, as JSON values, datetimes and UUIDs."""
    written = group.fields.model_dump(mode="json", context=REVEAL_SECRETS)
    return {
        **{name: written[alias] for name, alias in _FIELDS.items()},
        **dict(zip(_OWN_COLUMNS, _own(group), strict=True)),
        **dict(zip(_COUNT_COLUMNS, _counts(group.counts), strict=True)),
        "intent": group.intent,
        "status": group.status,
        "search": search_vector(group.fields),
    }


def group_of(row: RowMapping) -> JobGroup:
    """Return the group that `row` holds."""
    return JobGroup(
        fields=JobGroupFields.model_validate({alias: row[name] for name, alias in _FIELDS.items()}),
        intent=Intent(row["intent"]),
        counts=Counts(*(row[column] for column in _COUNT_COLUMNS)),
        **{name: row[name] for name in _OWN_COLUMNS},
    )
