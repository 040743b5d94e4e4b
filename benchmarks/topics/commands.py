"""Commands in a producer's batches, against one task and one transaction for each, in Celery and in its peers."""

from collections.abc import Callable
from functools import partial

from benchmarks.alternation import Contestants, alternate
from benchmarks.contestants import OUR_INBOX, Run
from benchmarks.peers import CONCURRENCY, PROCESS_COUNT
from benchmarks.sending import BATCH_COUNT, send_batches, send_singly
from benchmarks.stage import BROKERS, Stage, stage
from benchmarks.table import Table

TOPIC = "commands"
OURS = f"ours, {BATCH_COUNT} in a message"
CELERY, SAME = "Celery", "Celery, with our handling"
OURS_COUNT, PEERS_COUNT, SINGLES_COUNT = 30_000, 4_000, 4_000

PEERS = {"redis": ["dramatiq", "taskiq", "huey", "faststream", "procrastinate"]}
PEERS["rabbitmq"] = [peer for peer in PEERS["redis"] if peer not in ("huey", "procrastinate")]

CELERY_RATIO, PEER_RATIO, SINGLE_RATIO = 12.0, 5.0, 1.0

TITLES = {
    "creates": "`job_group.create`",
    "mixed": "creates, updates and deletes on shared groups",
}
SAID = f"""\
A backlog is worked off by {PROCESS_COUNT} worker processes ({OURS_COUNT:,} commands for ours, {PEERS_COUNT:,} for \
each of the others); the rows in PostgreSQL are counted from outside, from the first tenth of them to the last. The \
others take one message and one transaction for each command, and do less in it: group, event and inbox row in three \
prepared statements straight through psycopg, on copies of our tables; nothing is validated, looked up or announced. \
Celery runs once more with our own handling in its task: the same contracts, decisions and tables, one command at a \
time. All acknowledge when the work is done, as ours does, huey excepted, which acknowledges nothing. Each has more in \
hand than it has processes, so that none waits for the broker: dramatiq 4 threads in each process, taskiq, FastStream \
and procrastinate {CONCURRENCY} commands at once in each, Celery 16 prefetched for each child."""
MIX = " 30 % create, 60 % update one of 500 groups, 10 % delete; every command succeeds."
ONE = f"""\
The same `job_group.create`, {SINGLES_COUNT:,} times: as the one command of a batch message, and as a Celery task of \
its own, whose result Celery keeps as well."""


def measure(rounds: int, keep: Callable[[Table], None]) -> None:
    """Measure both backlogs, and a batch of one, on each broker."""
    with stage() as servers:
        for broker in BROKERS:
            for backlog in TITLES:
                keep(_against_peers(servers, broker, backlog, rounds))
            keep(_batch_of_one(servers, broker, rounds))


def _against_peers(servers: Stage, broker: str, backlog: str, rounds: int) -> Table:
    ours, theirs = Run(servers, broker, backlog, OURS_COUNT), Run(servers, broker, backlog, PEERS_COUNT)
    peers = {_label(peer): partial(theirs.peer, peer) for peer in PEERS[broker]}
    contestants: Contestants = {
        OURS: partial(ours.ours, send_batches),
        CELERY: partial(theirs.peer, "celery"),
        SAME: partial(theirs.peer, "celery_same_handling", inbox=OUR_INBOX),
        **peers,
    }
    return Table(
        topic=TOPIC,
        title=f"{TITLES[backlog]}, {broker}",
        unit="commands/s",
        ours=OURS,
        figures=alternate(contestants, rounds, "commands/s"),
        required={CELERY: CELERY_RATIO, SAME: CELERY_RATIO} | dict.fromkeys(peers, PEER_RATIO),
        said=SAID + (MIX if backlog == "mixed" else ""),
    )


def _batch_of_one(servers: Stage, broker: str, rounds: int) -> Table:
    ours, single = "ours, a batch of one", "ours, a task of its own"
    run = Run(servers, broker, "creates", SINGLES_COUNT)
    contestants: Contestants = {
        ours: partial(run.ours, partial(send_batches, count=1)),
        single: partial(run.ours, send_singly),
    }
    return Table(
        topic=TOPIC,
        title=f"A batch of one command, {broker}",
        unit="commands/s",
        ours=ours,
        figures=alternate(contestants, rounds, "commands/s"),
        required={single: SINGLE_RATIO},
        said=ONE,
    )


def _label(peer: str) -> str:
    return {"faststream": "FastStream", "procrastinate": "procrastinate (PostgreSQL)"}.get(peer, peer)
