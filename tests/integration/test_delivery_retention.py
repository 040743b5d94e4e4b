"""What is still to be delivered is kept, and what has ended is forgotten in time."""

from sqlalchemy import Engine

from models.store.retention import forget_deliveries, forget_events
from tests.commands import select
from tests.integration.notifying import deliveries, delivery, dispatcher_of, group_with, send_due, url_of, webhook
from tests.webhook_receiver import answer, receiving

OLD = "now() - interval '31 days'"


def sql(engine: Engine, statement: str) -> int:
    return len(select(url_of(engine), f"{statement} RETURNING 1"))


def test_a_delivery_is_forgotten_when_it_ended_long_ago(engine: Engine) -> None:
    with receiving(bad=answer(500)) as receiver:
        for path in ("old", "young", "bad"):
            group_with(engine, webhook(receiver.url(path)))
        send_due(dispatcher_of(engine))
    sql(engine, f"UPDATE deliveries SET created_at = {OLD}")
    assert sql(engine, f"UPDATE deliveries SET ended_at = {OLD} WHERE target LIKE '%/old'") == 1
    assert forget_deliveries(engine, older_than_days=30) == 1
    assert [each["status"] for each in deliveries(engine)] == ["delivered", "pending"]
    assert forget_deliveries(engine, older_than_days=30) == 0


def test_an_event_is_kept_until_it_is_delivered_and_what_follows_with_it(engine: Engine) -> None:
    with receiving() as receiver:
        for channels in ([], [webhook(receiver.url())], [], []):
            group_with(engine, *channels)
        sql(engine, f"UPDATE events SET position = ordinal, occurred_at = {OLD}")
        assert forget_events(engine, older_than_days=30) == 1
        send_due(dispatcher_of(engine))
        assert len(receiver.taken) == 1
    assert forget_events(engine, older_than_days=30) == 2


def test_what_is_asked_for_again_when_its_event_is_gone_says_so(engine: Engine) -> None:
    with receiving() as receiver:
        group_with(engine, webhook(receiver.url()))
        sql(engine, "DELETE FROM events")
        send_due(dispatcher_of(engine))
        assert receiver.headers == []
    assert (delivery(engine)["status"], delivery(engine)["error"]) == ("failed", "the event is no longer kept")
