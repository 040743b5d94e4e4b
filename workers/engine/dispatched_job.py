"""A `job.dispatched` event as a subscriber reads it: what it needs, and nothing said about the rest."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class _Received(BaseModel):
    """An unknown key is another version's, and no concern of ours."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class Document(_Received):
    """Where the invoice is; `sha256` in hexadecimal."""

    uri: str
    filename: str | None = None
    mime_type: str | None = None
    sha256: str | None = None
    page_count: int | None = None


class ReadingSettings(_Received):
    """How the group wants its documents read; `languages` are language tags, most likely first."""

    languages: tuple[str, ...] = ()
    extract_line_items: bool = False


class DispatchedJob(_Received):
    """One attempt to read one document. Nobody waits for its report after `leaseExpiresAt`."""

    job_id: UUID
    group_id: UUID
    attempt: int
    document: Document
    template: str | None = None
    metadata: dict[str, Any] = {}
    settings: ReadingSettings = ReadingSettings()
    lease_expires_at: datetime | None = None


class DispatchEvent(BaseModel):
    """The CloudEvents envelope around a dispatched job."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    data: DispatchedJob
    correlationid: str | None = None
    traceparent: str | None = None
