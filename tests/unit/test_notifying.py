"""Who is told of which event."""

from typing import Any

import pytest

from models.fields import JobGroupFields, Notifications
from models.notifying import Target, channel_to, targets, without_webhook

URL = "https://Hooks.Example.com:8443/ocr"
HOOK = {"type": "webhook", "url": URL}
MAIL = {"type": "email", "to": ["a@example.com", "b@example.com"]}


def notifications(*channels: dict[str, Any]) -> Notifications:
    return Notifications.model_validate({"channels": list(channels)})


def told(event: str, *channels: dict[str, Any]) -> list[str]:
    return [target.address for target in targets(notifications(*channels), event)]


def test_a_webhook_that_names_no_events_is_told_of_all() -> None:
    for event in ("job_group.created", "job.dispatched.high", "job.failed"):
        assert told(event, HOOK) == [URL]


def test_people_who_name_no_events_are_told_of_the_batch_and_not_of_each_document() -> None:
    assert told("job_group.completed", MAIL) == ["a@example.com", "b@example.com"]
    assert told("job.succeeded", MAIL) == []
    assert told("job.succeeded", MAIL | {"events": ["job.*"]}) == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize("asked", ["job.dispatched", "job.dispatched.high", "job.*", "job.dispatched.*", "job.#"])
def test_a_dispatch_is_meant_with_its_priority_and_without(asked: str) -> None:
    assert told("job.dispatched.high", HOOK | {"events": [asked]}) == [URL]


def test_a_disabled_channel_is_told_nothing() -> None:
    assert told("job_group.created", HOOK | {"enabled": False}) == []


def test_a_target_of_several_channels_is_told_once() -> None:
    assert told("job_group.created", HOOK, MAIL, HOOK | {"events": ["job_group.*"]}, MAIL) == [
        URL,
        "a@example.com",
        "b@example.com",
    ]


def test_the_channel_is_the_first_that_asks_for_the_event() -> None:
    other, wanted = HOOK | {"events": ["job.*"], "secret": "one"}, HOOK | {"events": ["job_group.*"], "secret": "two"}
    channel = channel_to(notifications(other, wanted), Target("webhook", URL), "job_group.created")
    assert channel is not None
    assert channel.secret is not None
    assert channel.secret.get_secret_value() == "two"
    assert channel_to(notifications(other), Target("webhook", URL), "job_group.created") is None
    assert channel_to(notifications(HOOK), Target("webhook", URL + "/"), "job_group.created") is None


def test_an_endpoint_is_a_host_or_the_mail_server() -> None:
    assert [target.endpoint for target in targets(notifications(HOOK, MAIL), "job_group.created")] == [
        "hooks.example.com",
        "",
        "",
    ]


def test_every_webhook_to_an_address_is_disabled_and_nothing_else_is_changed() -> None:
    channels = [HOOK | {"secret": "kept", "own": 1}, MAIL, HOOK | {"url": "https://example.com/other"}]
    fields = JobGroupFields.model_validate({"name": "n", "template": "t", "notifications": {"channels": channels}})
    left = without_webhook(fields, URL).notifications.channels
    assert [channel.enabled for channel in left] == [False, True, True]
    assert left[0].model_copy(update={"enabled": True}) == fields.notifications.channels[0]
    assert left[1:] == fields.notifications.channels[1:]
    assert without_webhook(without_webhook(fields, URL), URL) == without_webhook(fields, URL)
