"""Every check, by the name of its line, in the order of the lines."""

from collections.abc import Sequence

from client.broker import is_redis
from workers.operating.doctor import api, database, mail, processes, rabbitmq, redis, surroundings
from workers.operating.doctor.circumstances import Circumstances
from workers.operating.doctor.examination import Area

SURROUNDINGS = Area(
    surroundings.reach,
    {
        "settings": surroundings.settings,
        "variables": surroundings.variables,
        "addresses": surroundings.addresses,
        "disk": surroundings.disk,
    },
)
DATABASE = Area(
    database.reach,
    {
        "database": database.answers,
        "schema": database.schema,
        "database durability": database.durability,
        "clock": database.clock,
        "relay": processes.relay,
        "outbox": processes.outbox,
        "housekeeping": processes.housekeeping,
        "notifier": processes.notifier,
        "dead letters": database.dead_letters,
        "API keys": database.keys,
    },
)
OUTCOMES = Area(redis.reach("redis_url"), {"outcomes": redis.answers})
REDIS_BROKER = Area(
    redis.reach("broker_url"),
    {
        "broker": redis.answers,
        "broker durability": redis.durability,
        "worker": redis.worker,
        "intake": redis.intake,
        "subscribers": redis.subscribers,
    },
)
RABBITMQ_BROKER = Area(
    rabbitmq.reach,
    {
        "broker": rabbitmq.answers,
        "broker durability": rabbitmq.durability,
        "worker": rabbitmq.worker,
        "intake": rabbitmq.intake,
    },
)
MAIL = Area(surroundings.reach, {"mail": mail.answers})
API = Area(api.reach, {"API": api.answers, "API version": api.version, "your key": api.key})


def areas_for(circumstances: Circumstances) -> Sequence[Area]:
    """Return what there is to examine."""
    redis_broker = is_redis(circumstances.settings.broker_url or "redis")
    return (SURROUNDINGS, DATABASE, REDIS_BROKER if redis_broker else RABBITMQ_BROKER, OUTCOMES, MAIL, API)
