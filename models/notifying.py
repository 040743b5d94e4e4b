"""Who is told of an event outside the broker. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from models import names
from models.errors import FieldError, ValidationFailed
from models.events import ROUTING_KEYS
from models.fields import EmailChannel, JobGroupFields, Notifications, WebhookChannel
from models.topics import fits

Channel = WebhookChannel | EmailChannel
ChannelType = Literal["webhook", "email"]

MAIL_ENDPOINT = ""
"""All mail goes through one server, whoever receives it."""

_NAMES = [*(key for key in ROUTING_KEYS if key != names.COMMAND_REJECTED), names.JOB_DISPATCHED]
"""What a channel may be told of. A rejected command happens to no group."""
_UNLESS_NAMED: dict[str, list[str]] = {"webhook": ["#"], "email": ["job_group.*"]}
"""What a channel that names no events is told of. People are not sent a message for each document."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a delivery goes: a web address, or one person's mail address."""

    type: ChannelType
    address: str

    @property
    def endpoint(self) -> str:
        """The host whose failures are the target's; in lower case."""
        return (urlsplit(self.address).hostname or "") if self.type == "webhook" else MAIL_ENDPOINT


def targets(notifications: Notifications, event_name: str) -> Iterable[Target]:
    """Return whom the group's channels tell of an event of this name, each once."""
    wanting = [channel for channel in notifications.channels if _wants(channel, event_name)]
    return dict.fromkeys(target for channel in wanting for target in _targets_of(channel))


def channel_to(notifications: Notifications, target: Target, event_name: str) -> Channel | None:
    """Return the first of the group's channels that tells `target` of an event of this name; None where there is none,
    or none any more."""
    for channel in notifications.channels:
        if _wants(channel, event_name) and target in _targets_of(channel):
            return channel
    return None


def refuse_what_nothing_fits(before: Notifications, after: Notifications, *prefix: str) -> None:
    """Raise ValidationFailed where `after` asks for events that there are not: a slip would be noticed when nobody was
    told. What `before` asked for already may stay, lest an old slip be in the way of every other change."""
    asked_before = {pattern for channel in before.channels for pattern in channel.events}
    wrong = [
        FieldError(
            field=".".join([*prefix, "notifications", "channels", str(number), "events", str(place)]),
            message=f"matches no event of a group; their names are {', '.join(_NAMES)}",
        )
        for number, channel in enumerate(after.channels)
        for place, pattern in enumerate(channel.events)
        if pattern not in asked_before and not any(fits(pattern, name) for name in _NAMES)
    ]
    if wrong:
        raise ValidationFailed(wrong)


def without_webhook(fields: JobGroupFields, url: str) -> JobGroupFields:
    """Return `fields` with every webhook to `url` disabled."""
    channels = [
        channel.model_copy(update={"enabled": False}) if Target("webhook", url) in _targets_of(channel) else channel
        for channel in fields.notifications.channels
    ]
    return fields.model_copy(update={"notifications": fields.notifications.model_copy(update={"channels": channels})})


def _wants(channel: Channel, event_name: str) -> bool:
    """A dispatch is meant by its name as well as with the priority that engines bind to."""
    if not channel.enabled:
        return False
    name = names.JOB_DISPATCHED if event_name.startswith(names.JOB_DISPATCHED) else event_name
    patterns = channel.events or _UNLESS_NAMED[channel.type]
    return any(fits(pattern, event_name) or fits(pattern, name) for pattern in patterns)


def _targets_of(channel: Channel) -> Iterator[Target]:
    match channel:
        case WebhookChannel():
            yield Target("webhook", channel.url)
        case EmailChannel():
            for address in channel.to:
                yield Target("email", address)
