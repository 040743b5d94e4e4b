"""How much waits on the broker to be read, told by the process that reads it: another user may not ask."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from amqp.exceptions import NotFound

from client.broker import broker_errors, connect, is_redis
from models import names
from workers.metrics.facts import Fact, Facts
from workers.subscriber_queues import SubscriberQueue, redis_of, subscriber_queues

TIMEOUT_SECONDS = 3
"""Less than Prometheus waits for an answer."""

Depth = Callable[[], int]

Subscribers = Sequence[SubscriberQueue]
"""Those of a Redis, the longest first."""


def queue_facts(broker_url: str, queue: str) -> Facts[Depth]:
    """Return what is asked of `queue`, which is the queue of commands or the intake."""

    def waiting(depth: Depth) -> Mapping[str, float]:
        return {queue: depth()}

    fact = Fact(
        "jobgroups_queue_messages", "Messages on the broker that no process has taken yet.", waiting, label="queue"
    )
    reach = _on_redis if is_redis(broker_url) else _on_rabbitmq
    return Facts("broker", lambda: reach(broker_url, queue), [fact], broker_errors(broker_url))


def subscriber_facts(redis_url: str) -> Facts[Subscribers]:
    """Return what is asked of the queues of subscribers on Redis. Their names are for whoever may ask Redis: they are
    as many as strangers make."""

    @contextmanager
    def reach() -> Iterator[Subscribers]:
        with redis_of(redis_url, timeout_seconds=TIMEOUT_SECONDS) as redis:
            yield subscriber_queues(redis)

    return Facts(
        "broker",
        reach,
        [
            Fact("jobgroups_subscriber_queues", "Queues on Redis that are bound to the events.", len),
            Fact("jobgroups_subscriber_queue_messages_max", "Events in the longest of them.", _longest),
        ],
        broker_errors(redis_url),
    )


def _longest(queues: Subscribers) -> int:
    return queues[0].waiting_count if queues else 0


@contextmanager
def _on_redis(broker_url: str, queue: str) -> Iterator[Depth]:
    with redis_of(broker_url, timeout_seconds=TIMEOUT_SECONDS) as redis:
        # An entry of the stream is deleted when it is acknowledged: what is there is not yet passed on.
        yield lambda: redis.xlen(queue) if queue == names.INTAKE else redis.llen(queue)


@contextmanager
def _on_rabbitmq(broker_url: str, queue: str) -> Iterator[Depth]:
    with connect(broker_url) as connection:
        # Left to itself, kombu would try twice, which together is longer than anybody waits.
        connection.ensure_connection(timeout=TIMEOUT_SECONDS)
        with connection.channel() as channel:

            def depth() -> int:
                try:
                    return int(channel.queue_declare(queue, passive=True).message_count)
                except NotFound:  # made by the first process that needs it
                    return 0

            yield depth
