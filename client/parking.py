"""Where events go that a subscriber cannot handle: out of the way of the others, and not lost."""

from kombu.entity import Exchange, Queue
from kombu.messaging import Producer

from client.broker import SOCKET_TIMEOUT_SECONDS, connect, is_redis


def park(broker_url: str, name: str, body: bytes, error: Exception) -> None:
    """Send `body` to the durable queue NAME.parked, with what went wrong in the header `error`.

    Raises what the broker raises where it does not confirm.
    """
    parked = f"{name}.parked"
    queue = Queue(
        parked, Exchange(parked, type="direct"), routing_key=parked, queue_arguments={"x-queue-type": "quorum"}
    )
    with connect(broker_url) as connection, Producer(connection.channel()) as producer:
        if is_redis(broker_url):  # the default exchange reaches a queue that nobody has declared
            exchange: Exchange | str = ""
        else:
            exchange = queue.exchange
            queue(connection.default_channel).declare()
        producer.publish(
            body,
            exchange=exchange,
            routing_key=parked,
            headers={"error": repr(error)},
            content_type="application/cloudevents+json",
            content_encoding="binary",
            mandatory=True,
            confirm_timeout=SOCKET_TIMEOUT_SECONDS,
        )
