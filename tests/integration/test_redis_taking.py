"""Taking messages from a real Redis: between the list and the note there is no moment without either."""

import json
from collections.abc import Iterator

import pytest
from kombu import Connection, Queue
from redis import Redis

from workers.guarded_redis import GuardedRedis
from workers.redis_taking import MAX_TAKEN_BYTES, TAKE, Taken, taken_in, taking_command, waiting_command

QUEUE, UNACKED, INDEX = "tests.taking", "tests.unacked", "tests.unacked.index"
OPTIONS = {"unacked_key": UNACKED, "unacked_index_key": INDEX}


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        client.script_load(TAKE)
        yield client
        client.delete(QUEUE, UNACKED, INDEX)


def take(redis: Redis, queues: list[str], count: int) -> list[Taken]:
    return taken_in(redis.execute_command(*taking_command(UNACKED, INDEX, queues, count)))


def send(redis_url: str, body: str) -> None:
    with Connection(redis_url) as connection:
        queue = connection.SimpleQueue(QUEUE)
        queue.put(body)
        queue.close()


def test_what_is_taken_is_noted_as_kombu_notes_it(redis_url: str, redis: Redis) -> None:
    send(redis_url, "to nobody")
    (taken,) = take(redis, [QUEUE], 1)
    assert redis.llen(QUEUE) == 0
    assert redis.zrange(INDEX, 0, -1) == [str(taken.tag).encode()]
    noted = json.loads(redis.hget(UNACKED, str(taken.tag)))
    assert noted == [json.loads(taken.item), QUEUE, QUEUE]


def test_kombu_gives_back_what_a_killed_process_had_taken(redis_url: str, redis: Redis) -> None:
    send(redis_url, "once more")
    (taken,) = take(redis, [QUEUE], 1)
    with Connection(redis_url, transport=GuardedRedis, transport_options=OPTIONS) as connection:
        queue = connection.SimpleQueue(QUEUE)
        queue.channel.qos.restore_by_tag(taken.tag)
        again = queue.get(timeout=5)
        assert again.payload == "once more"
        again.ack()
        queue.close()
    assert redis.hlen(UNACKED) == redis.zcard(INDEX) == 0


@pytest.mark.parametrize("item", [b"5", b"\xff\xfe", b"null", b"[]", b'{"properties": {"delivery_tag": 5}}'])
def test_what_is_no_message_is_taken_without_a_note(redis: Redis, item: bytes) -> None:
    redis.lpush(QUEUE, item)
    (taken,) = take(redis, [QUEUE], 1)
    assert (taken.queue, taken.item, taken.tag) == (QUEUE.encode(), item, None)
    assert redis.hlen(UNACKED) == redis.llen(QUEUE) == 0


def test_the_first_queue_that_has_a_message_is_served(redis: Redis) -> None:
    assert take(redis, ["tests.empty", QUEUE], 1) == []
    redis.lpush(QUEUE, b"5")
    (taken,) = take(redis, ["tests.empty", QUEUE], 1)
    assert taken.queue == QUEUE.encode()


def test_waiting_takes_nothing_and_changes_no_order(redis: Redis) -> None:
    redis.lpush(QUEUE, b"first", b"second")
    assert redis.execute_command(*waiting_command(QUEUE, 1)) == b"first"
    assert redis.lrange(QUEUE, 0, -1) == [b"second", b"first"]


def test_no_more_is_taken_than_was_asked_for(redis: Redis) -> None:
    redis.lpush(QUEUE, *(str(number) for number in range(5)))
    taken = take(redis, [QUEUE], 3)
    assert [each.item for each in taken] == [b"0", b"1", b"2"]
    assert redis.llen(QUEUE) == 2


def test_taking_stops_at_a_size(redis: Redis) -> None:
    large = b"x" * (MAX_TAKEN_BYTES - 1)
    redis.lpush(QUEUE, large, b"5", b"6")
    assert [each.item for each in take(redis, [QUEUE], 10)] == [large, b"5"]


def test_a_message_that_comes_is_taken_when_the_wait_ends(redis_url: str, redis: Redis) -> None:
    """Without another exchange: both commands are under way before there is a message."""
    with Redis.from_url(redis_url, single_connection_client=True) as waiting:
        connection = waiting.connection
        assert connection
        commands = [waiting_command(QUEUE, 5), taking_command(UNACKED, INDEX, [QUEUE], 10)]
        connection.send_packed_command(connection.pack_commands(commands))
        redis.lpush(QUEUE, b"5")
        assert connection.read_response() == b"5"
        (taken,) = taken_in(connection.read_response())
    assert (taken.item, redis.llen(QUEUE)) == (b"5", 0)


def test_a_redis_that_was_started_anew_is_told_the_script(redis_url: str, redis: Redis) -> None:
    redis.script_flush()
    send(redis_url, "to nobody in particular")
    with Connection(redis_url, transport=GuardedRedis, transport_options=OPTIONS) as connection:
        bodies: list[str] = []
        with connection.Consumer(Queue(QUEUE), callbacks=[lambda body, message: (bodies.append(body), message.ack())]):
            while not bodies:
                connection.drain_events(timeout=5)
    assert bodies == ["to nobody in particular"]
