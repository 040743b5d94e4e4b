"""The writable fields of a job group, as every wire spells them."""

from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_serializer,
)

from models.contract import JsonObject, OpenRequest, Request, Whole, storable_text

REVEAL_SECRETS = {"reveal_secrets": True}
"""Serialization context of the one place that may write secrets: the group's own row."""


Storable = AfterValidator(storable_text)


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


# For readers of the schema; `_not_blank` is what checks it.
_VISIBLE = Field(json_schema_extra={"pattern": r"[^\s\u001c-\u001f\u0085]"})
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), Storable, AfterValidator(_not_blank), _VISIBLE]
ShortText = Annotated[str, StringConstraints(max_length=200), Storable]
LongText = Annotated[str, StringConstraints(max_length=10_000), Storable]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=100), Storable, AfterValidator(_not_blank), _VISIBLE]
Language = Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$")]
"""A language tag (RFC 5646)."""
# U+0085 and U+FEFF are white space in some dialects of regular expressions: by name, they are in all.
_ADDRESS = r"^[^@\s\x85\uFEFF]+@[^@\s\x85\uFEFF]+$"
Email = Annotated[str, StringConstraints(max_length=320, pattern=_ADDRESS), Storable]
Seconds = Annotated[float, Field(strict=True, ge=0, le=366 * 86_400)]


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https address")
    if "@" in parts.netloc:
        # An address is given back and published; a password has its own field, which is not.
        raise ValueError("must name neither user nor password")
    return url


WebAddress = Annotated[
    str,
    StringConstraints(max_length=2048),
    Storable,
    AfterValidator(_web_address),
    Field(json_schema_extra={"pattern": r"^https?://[A-Za-z0-9.-]+(:[0-9]+)?([/?#].*)?$"}),
]


class Priority(StrEnum):
    """How soon a group's jobs are dispatched, against other groups; in ascending order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


class RetryBackoff(OpenRequest):
    """Wait before attempt n+1: `initialSeconds * factor ** (n - 1)`, at most `maxSeconds`."""

    initial_seconds: Seconds = 5.0
    factor: Annotated[float, Field(strict=True, ge=1, le=100)] = 2.0
    max_seconds: Seconds = 300.0


class ProcessingSettings(OpenRequest):
    """How the group's jobs are worked; keys unknown here are kept and passed on to the OCR engine."""

    auto_start: StrictBool = Field(True, description="whether the group starts as soon as it is created")
    max_concurrency: Annotated[StrictInt, Field(ge=1, le=10_000), Whole] | None = Field(
        None, description="jobs dispatched at once"
    )
    max_attempts: Annotated[StrictInt, Field(ge=1, le=100), Whole] = 3
    retry_backoff: RetryBackoff = RetryBackoff()
    job_timeout_seconds: Annotated[float, Field(strict=True, gt=0, le=86_400)] = Field(300.0, description="the lease")
    automation: Literal["always", "confident", "never"] = Field(
        "confident", description="which results are accepted without a person: all, those at the threshold, none"
    )
    confidence_threshold: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.8
    max_failures: Annotated[StrictInt, Field(ge=1, le=1_000_000), Whole] | None = Field(
        None, description="failed jobs that stop the group"
    )
    duplicate_policy: Literal["allow", "skip", "reject"] = Field("skip", description="by a document's sha256")
    expires_after_seconds: Annotated[float, Field(strict=True, gt=0, le=366 * 86_400)] | None = None
    languages: Annotated[list[Language], Field(max_length=20)] = []
    extract_line_items: StrictBool = False


def _storable_secret(secret: SecretStr) -> SecretStr:
    storable_text(secret.get_secret_value())
    return secret


class _Channel(OpenRequest):
    """`secret` is never given back. Channels that use none have it too: as an unknown key it would be shown."""

    events: Annotated[list[ShortText], Field(max_length=50)] = Field(
        [],
        description="event names, or patterns such as job.#; empty: all, but by mail only those of the group itself",
    )
    enabled: StrictBool = True
    secret: Annotated[SecretStr, Field(max_length=200), AfterValidator(_storable_secret)] | None = Field(
        None, exclude=True
    )

    @model_serializer(mode="wrap")
    def _reveal_the_secret(  # type: ignore[no-untyped-def] # a return type would replace the schema of answers
        self, serialize: SerializerFunctionWrapHandler, info: SerializationInfo
    ):
        written: dict[str, Any] = serialize(self)
        if self.secret is not None and (info.context or {}).get("reveal_secrets"):
            written["secret"] = self.secret.get_secret_value()
        return written


class WebhookChannel(_Channel):
    """An address that receives events, by Standard Webhooks; signed with `secret` if there is one: the bytes in base64
    after `whsec_`, or those of any other text."""

    type: Literal["webhook"]
    url: WebAddress


class EmailChannel(_Channel):
    """People who receive events by mail, each a mail of their own."""

    type: Literal["email"]
    to: Annotated[list[Email], Field(min_length=1, max_length=50)]


class Notifications(OpenRequest):
    """Who is told of the group's events outside the broker."""

    channels: Annotated[
        list[Annotated[WebhookChannel | EmailChannel, Field(discriminator="type")]], Field(max_length=20)
    ] = []


class JobGroupFields(Request):
    """What senders may write of a job group. Absent fields take their defaults."""

    name: Name
    description: LongText | None = None
    batch_number: ShortText | None = None
    template: Name = Field(description="the OCR template that fits the batch's documents")
    priority: Priority = Priority.MEDIUM
    processing_settings: ProcessingSettings = ProcessingSettings()
    notifications: Notifications = Notifications()
    created_by: ShortText | None = None
    assigned_to: ShortText | None = None
    tags: Annotated[list[Tag], Field(max_length=50)] = []
    metadata: JsonObject = {}
