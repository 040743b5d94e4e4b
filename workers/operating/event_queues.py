"""`jobgroups events queues` and `unsubscribe`: which subscribers have queues, and how one is taken away."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from amqp.exceptions import AccessRefused
from redis.exceptions import NoPermissionError

from client.broker import broker_errors, is_redis
from settings import Settings
from workers.exit_codes import ExitCode
from workers.operating.failures import Failure, failures_told
from workers.operations import AsJson
from workers.subscriber_queues import OWN_QUEUES, NoSuchQueue, QueueInUse, redis_of, remove, subscriber_queues


def not_our_own(queue: str | None) -> str | None:
    """Return `queue`; raises BadParameter where it is the service's."""
    if queue in OWN_QUEUES:
        raise typer.BadParameter("it is the service's own, and no subscriber's")
    return queue


def queues(as_json: AsJson = False) -> None:
    """List the queues of subscribers on Redis, the longest first: what waits in them is in Redis' memory.

    It asks the broker at JOBGROUPS_BROKER_URL. RabbitMQ lists its queues by itself: rabbitmqctl list_queues name
    messages consumers. Exit status 7: the broker does not answer.

        jobgroups events queues
    """
    with _asking() as broker_url:
        if not is_redis(broker_url):
            raise Failure(
                "RabbitMQ lists its queues by itself: rabbitmqctl list_queues name messages consumers.", ExitCode.USAGE
            )
        with redis_of(broker_url) as redis:
            found = subscriber_queues(redis)
    if as_json:
        typer.echo(
            json.dumps([{"queue": q.name, "patterns": q.patterns, "waitingCount": q.waiting_count} for q in found])
        )
        return
    typer.echo("waiting  queue and patterns" if found else "There is none.")
    for queue in found:  # in no table that would break a name: it is for copying
        typer.echo(f"{queue.waiting_count:>7}  {queue.name}  {' '.join(queue.patterns)}")


def unsubscribe(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", callback=not_our_own, help="Its name.")],
    as_json: AsJson = False,
) -> None:
    """Delete the queue of a subscriber that will not come back, with the events in it and those that it parked.

    The database keeps the events themselves. Exit status 3: there is no such queue. 5: a subscriber reads it; on Redis
    that is known only of those that are made with the client library. 7: the broker does not answer.

        jobgroups events unsubscribe accounting.job_groups
    """
    with _asking() as broker_url:
        try:
            count = remove(broker_url, queue)
        except NoSuchQueue as error:
            raise Failure(f"{error}.", ExitCode.NOT_FOUND) from None
        except QueueInUse as error:
            raise Failure(f"{error}.", ExitCode.CONFLICT) from None
    typer.echo(json.dumps({"queue": queue, "deletedCount": count}) if as_json else f"Deleted, with {count} events.")


@contextmanager
def _asking() -> Iterator[str]:
    """Give the broker's address, and say so where it does not answer, or not this user."""
    with failures_told():
        broker_url = Settings().require("broker_url")
        try:
            yield broker_url
        except (NoPermissionError, AccessRefused) as error:
            raise Failure(f"JOBGROUPS_BROKER_URL names a user who may not do this: {error}", ExitCode.USAGE) from None
        except broker_errors(broker_url) as error:
            raise Failure(f"the broker does not answer: {error}.", ExitCode.UNREACHABLE) from None
