"""Webhooks reach real receivers, which verify them, through whatever goes wrong on the way."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event

from models.delivery import MAX_ATTEMPTS
from models.store import outbox
from models.store.tables import events
from tests.commands import eventually, select
from tests.document_server import resolving
from tests.integration.notifying import (
    ask,
    deliveries,
    delivery,
    dispatcher_of,
    group_with,
    let_time_pass,
    send_due,
    url_of,
    webhook,
)
from tests.webhook_receiver import SECRET, Answer, answer, drip, endless, hang, in_turn, receiving, reset
from workers.notifying import webhook as sending
from workers.notifying.dispatcher import ENDPOINT_SENDERS_COUNT

OTHER_SECRET = "whsec_" + "b3RoZXIgc2VjcmV0IG9mIHRoZSB0ZXN0"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "DEADLINE_SECONDS", 0.5)


def published(engine: Engine, group_id: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(events.select().where(events.c.group_id == group_id).order_by(events.c.sequence))
        return [outbox.cloud_event_of(row) for row in rows.mappings()]


def test_a_receiver_gets_every_event_as_it_is_published_signed_and_under_its_id(engine: Engine) -> None:
    with receiving() as receiver:
        group_id = group_with(engine, webhook(receiver.url()))
        ask(engine, "pause", group_id)
        ask(engine, "delete", group_id)
        send_due(dispatcher_of(engine))
    told = sorted(receiver.taken, key=lambda event: event["sequence"])
    assert told == published(engine, group_id)
    assert [event["type"].split(".")[2] for event in told] == ["created", "paused", "deleted"]
    assert sorted(receiver.ids()) == sorted(event["id"] for event in told)
    assert {headers["content-type"] for headers in receiver.headers} == {"application/cloudevents+json"}
    for each in deliveries(engine):
        assert (each["status"], each["attempts"], each["response_status"]) == ("delivered", 1, 204)
        assert each["error"] is each["next_attempt_at"] is None
        assert 0 < each["duration_seconds"] < 5
        assert each["created_at"] <= each["attempted_at"] <= each["ended_at"]


def test_a_channel_without_a_secret_is_sent_what_is_not_signed(engine: Engine) -> None:
    with receiving(secret=None) as receiver:
        group_with(engine, webhook(receiver.url(), secret=None))
        send_due(dispatcher_of(engine))
    (headers,) = receiver.headers
    assert "webhook-id" in headers
    assert "webhook-signature" not in headers


def test_a_group_that_tells_nobody_costs_no_statement(engine: Engine) -> None:
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _connection, _cursor, sql, *_: asked.append(sql))
    group_with(engine)
    assert [sql for sql in asked if "INSERT INTO events" in sql]
    assert [sql for sql in asked if "deliver" in sql] == []


def test_only_what_a_channel_asks_for_is_sent(engine: Engine) -> None:
    with receiving() as receiver:
        some, all_ = webhook(receiver.url("some"), events=["job_group.paused"]), webhook(receiver.url("all"))
        group_id = group_with(engine, some, all_, webhook(receiver.url("none"), enabled=False))
        ask(engine, "pause", group_id)
        send_due(dispatcher_of(engine))
        assert [len(receiver.ids(path)) for path in ("some", "all", "none")] == [1, 2, 0]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (answer(500), "the receiver answers 500"),
        (answer(404), "the receiver answers 404"),
        (hang, "deadline"),
        (drip, "deadline"),
        (reset, "RemoteProtocolError"),
        (answer(302, Location="/hook"), "redirects are not followed"),
        (answer(429), "the receiver answers 429"),
    ],
    ids=["500", "404", "hangs", "drips", "resets", "redirects", "429"],
)
def test_a_failure_is_told_and_tried_again(engine: Engine, impatient: None, failure: Answer, said: str) -> None:
    with receiving(bad=in_turn(failure, answer(204))) as receiver:
        group_with(engine, webhook(receiver.url("bad")))
        dispatcher = dispatcher_of(engine)
        send_due(dispatcher)
        failed = delivery(engine)
        assert (failed["status"], failed["attempts"]) == ("pending", 1)
        assert said in failed["error"] or "Timeout" in failed["error"]
        wait = failed["next_attempt_at"] - failed["attempted_at"]
        assert timedelta(seconds=5) <= wait < timedelta(seconds=8)
        send_due(dispatcher)
        assert len(receiver.ids("bad")) == 1, "it is not due yet"
        let_time_pass(engine)
        send_due(dispatcher)
    assert delivery(engine)["status"] == "delivered"
    assert delivery(engine)["error"] is None
    first, second = receiver.headers
    assert first["webhook-id"] == second["webhook-id"]
    assert receiver.ids("hook") == [], "the redirect was not followed"


def test_a_signature_is_fresh_each_time(engine: Engine) -> None:
    with receiving(bad=answer(500)) as receiver:
        group_with(engine, webhook(receiver.url("bad")))
        dispatcher = dispatcher_of(engine)
        send_due(dispatcher)
        time.sleep(1.1)  # the timestamp counts seconds
        let_time_pass(engine)
        send_due(dispatcher)
    first, second = receiver.headers
    assert int(first["webhook-timestamp"]) < int(second["webhook-timestamp"])
    assert first["webhook-signature"] != second["webhook-signature"]


def test_after_three_days_it_is_given_up(engine: Engine) -> None:
    with receiving(bad=answer(500)) as receiver:
        group_with(engine, webhook(receiver.url("bad")))
        dispatcher = dispatcher_of(engine)
        for _ in range(MAX_ATTEMPTS + 3):
            send_due(dispatcher)
            let_time_pass(engine)
    assert len(receiver.ids("bad")) == MAX_ATTEMPTS
    given_up = delivery(engine)
    assert (given_up["status"], given_up["attempts"]) == ("failed", MAX_ATTEMPTS)
    assert given_up["ended_at"]


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
def test_a_receiver_may_ask_for_patience(engine: Engine, as_date: bool) -> None:
    said = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True) if as_date else "3600"
    with receiving(busy=answer(503, Retry_After=said)) as receiver:
        group_with(engine, webhook(receiver.url("busy")))
        send_due(dispatcher_of(engine))
    busy = delivery(engine)
    assert timedelta(minutes=55) < busy["next_attempt_at"] - busy["attempted_at"] < timedelta(minutes=65)


@pytest.mark.parametrize("said", ["", "soon", "-5", "9" * 400, "Thu, 99 Jan 2023 00:00:00 GMT"])
def test_nonsense_about_patience_does_no_harm(engine: Engine, said: str) -> None:
    with receiving(busy=answer(503, Retry_After=said)) as receiver:
        group_with(engine, webhook(receiver.url("busy")))
        send_due(dispatcher_of(engine))
    busy = delivery(engine)
    assert timedelta(seconds=5) <= busy["next_attempt_at"] - busy["attempted_at"] < timedelta(days=2)


def test_an_endless_answer_is_not_read_to_its_end(engine: Engine) -> None:
    with receiving(much=endless) as receiver:
        group_with(engine, webhook(receiver.url("much")))
        send_due(dispatcher_of(engine))
        assert delivery(engine)["status"] == "delivered"
        assert delivery(engine)["duration_seconds"] < 5


def test_gone_disables_the_channel_until_its_owner_enables_it(engine: Engine) -> None:
    with receiving(gone=in_turn(answer(410), answer(204))) as receiver:
        gone, fine = webhook(receiver.url("gone")), webhook(receiver.url(), events=["job_group.updated"])
        group_id = group_with(engine, gone, fine)
        dispatcher = dispatcher_of(engine)
        send_due(dispatcher)
        (updated,) = receiver.taken[1:]
        assert updated["type"] == "ocr_invoice.job_group.updated.v1"
        assert updated["data"]["changed"] == ["notifications"]
        assert [each["enabled"] for each in updated["data"]["group"]["notifications"]["channels"]] == [False, True]
        ask(engine, "pause", group_id)
        send_due(dispatcher)
        assert len(receiver.ids("gone")) == 1
        ask(engine, "patch", group_id, patch={"notifications": {"channels": [gone]}})
        ask(engine, "resume", group_id)
        send_due(dispatcher)
        assert len(receiver.ids("gone")) == 3
    first = deliveries(engine)[0]
    assert (first["status"], first["response_status"]) == ("failed", 410)
    actors = select(url_of(engine), "SELECT actor FROM events WHERE name = 'job_group.updated' ORDER BY sequence")
    assert [each["actor"] for each in actors] == ["notifier", None]


def test_gone_after_the_group_was_deleted_changes_nothing(engine: Engine) -> None:
    with receiving(gone=answer(410)) as receiver:
        ask(engine, "delete", group_with(engine, webhook(receiver.url("gone"))))
        send_due(dispatcher_of(engine))
    assert [each["status"] for each in deliveries(engine)] == ["failed", "failed"]
    told = select(url_of(engine), "SELECT name FROM events ORDER BY ordinal")
    assert [event["name"] for event in told] == ["job_group.created", "job_group.deleted"]


def test_what_waits_uses_the_channel_as_it_is_by_then(engine: Engine) -> None:
    with receiving(OTHER_SECRET) as receiver:
        receiver.answers["/bad"] = in_turn(answer(204))
        group_id = group_with(engine, webhook(receiver.url(), secret=SECRET, events=["job_group.created"]))
        renewed = webhook(receiver.url(), secret=OTHER_SECRET, events=["job_group.created"])
        ask(engine, "patch", group_id, patch={"notifications": {"channels": [renewed]}})
        send_due(dispatcher_of(engine))
        assert len(receiver.taken) == 1
    assert delivery(engine)["status"] == "delivered"


@pytest.mark.parametrize("change", [{"enabled": False}, {"url": "https://example.com/other"}, {"events": ["job.*"]}])
def test_what_waits_for_a_channel_that_is_no_more_is_cancelled(engine: Engine, change: dict[str, Any]) -> None:
    with receiving() as receiver:
        wanted = webhook(receiver.url(), events=["job_group.created"])
        group_id = group_with(engine, wanted)
        ask(engine, "patch", group_id, patch={"notifications": {"channels": [wanted | change]}})
        send_due(dispatcher_of(engine))
        assert receiver.headers == []
    cancelled = delivery(engine)
    assert (cancelled["status"], cancelled["attempts"]) == ("cancelled", 0)
    assert "no enabled channel" in cancelled["error"]
    assert cancelled["ended_at"]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:{port}/hook",
        "http://2130706433:{port}/hook",
        "http://[::ffff:127.0.0.1]:{port}/hook",
        "http://inside.example.com:{port}/hook",
    ],
)
def test_an_address_that_is_not_public_is_refused_and_told(
    engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        group_with(engine, webhook(url.format(port=receiver.server_port)))
        resolving(monkeypatch, ["127.0.0.1"])
        send_due(dispatcher_of(engine, webhook_allowed_hosts=""))
        assert receiver.headers == []
    refused = delivery(engine)
    assert (refused["status"], refused["attempts"]) == ("failed", 1)
    assert "not a public address" in refused["error"]


def test_plain_http_takes_a_setting(engine: Engine) -> None:
    with receiving() as receiver:
        group_with(engine, webhook(receiver.url()))
        send_due(dispatcher_of(engine, webhook_allow_http=False))
        assert receiver.headers == []
    assert "JOBGROUPS_WEBHOOK_ALLOW_HTTP" in delivery(engine)["error"]


def test_one_hanging_endpoint_delays_nobody_else(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has hundreds of older deliveries; the other is told at once, and each event of it."""
    monkeypatch.setattr(sending, "DEADLINE_SECONDS", 20)
    with receiving(stuck=hang) as receiver:
        group_with(engine, webhook(receiver.url("stuck")))
        copy = "(jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid()))).*"
        many = f"INSERT INTO deliveries SELECT {copy} FROM deliveries AS d, generate_series(1, 500) RETURNING id"
        select(url_of(engine), many)
        dispatcher = dispatcher_of(engine, webhook_allowed_hosts="127.0.0.1,localhost")
        eventually(lambda: not dispatcher.work())
        quick = group_with(engine, webhook(receiver.url(host="localhost")))
        begun = time.monotonic()
        for word in ("pause", "resume") * 10:
            ask(engine, word, quick)
        eventually(lambda: dispatcher.work() or len(receiver.ids()) >= 21, seconds=10)
        eventually(lambda: dispatcher.work() or len(receiver.ids()) == 21, seconds=10)
        assert time.monotonic() - begun < 5
        assert len(receiver.ids("stuck")) == ENDPOINT_SENDERS_COUNT
        receiver.over.set()
        dispatcher.finish(10)


def test_two_notifiers_share_the_work_and_send_nothing_twice(engine: Engine) -> None:
    with receiving() as receiver:
        for _ in range(60):
            group_with(engine, webhook(receiver.url()))
        notifiers = [dispatcher_of(engine), dispatcher_of(engine)]
        eventually(lambda: [each.work() for each in notifiers] and len(receiver.ids()) >= 60)
        for each in notifiers:
            send_due(each)
    assert len(set(receiver.ids())) == len(receiver.ids()) == 60
    assert {each["status"] for each in deliveries(engine)} == {"delivered"}
