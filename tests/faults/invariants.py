"""What must hold whatever was broken, judged from outside: by SQL, and by what a subscriber received."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from models import names
from models.errors import ErrorCode
from models.store.reconciling import find_drift
from tests.commands import select
from tests.faults.sink import Arrival

RECOVERY_SECONDS = 60.0
SHOWN_COUNT = 5

Row = dict[str, Any]


class InvariantBroken(AssertionError):  # noqa: N818 - it says what is the matter
    """A promise of the service was not kept; the message names the invariant and shows examples."""


@dataclass(frozen=True)
class Evidence:
    """Everything that is judged, gathered once the service has come to rest."""

    accepted: Collection[str]
    commands: Sequence[Row]
    events: Sequence[Row]
    """In the order of their groups' sequences."""
    groups: Sequence[Row]
    dead_letters: Sequence[Row]
    drift: Sequence[Any]
    arrivals: Mapping[str, Sequence[Arrival]]
    http_statuses: Counter[int] = field(default_factory=Counter)


def gather(
    database_url: str,
    accepted: Collection[str],
    arrivals: Mapping[str, Sequence[Arrival]],
    http_statuses: Counter[int],
) -> Evidence:
    """Read what the database holds."""
    engine = create_engine(database_url, poolclass=NullPool)
    with engine.connect() as connection:
        drift = find_drift(connection)
    return Evidence(
        accepted=accepted,
        commands=select(database_url, "SELECT id, outcome FROM commands"),
        events=select(
            database_url,
            "SELECT id, CAST(group_id AS text), sequence, position, name, causation_id, "
            "CAST(data->>'version' AS int) AS version, data->'error'->>'code' AS refusal "
            "FROM events ORDER BY group_id, sequence NULLS LAST, ordinal",
        ),
        groups=select(database_url, "SELECT CAST(id AS text), version, sequence FROM job_groups"),
        dead_letters=select(database_url, "SELECT reason, detail, command_id FROM dead_letters"),
        drift=drift,
        arrivals=arrivals,
        http_statuses=http_statuses,
    )


def check_all(evidence: Evidence, *, dead: Collection[str] = (), unknown_dead_count: int = 0) -> None:
    """Raise InvariantBroken for the first promise that was not kept.

    `dead` are the ids of commands that may end as dead letters; `unknown_dead_count` is how many more dead letters
    there are whose command nobody can know.
    """
    check_outcomes(evidence, dead)
    check_effects(evidence)
    check_versions(evidence)
    check_deliveries(evidence)
    check_order(evidence)
    check_http(evidence)
    check_dead_letters(evidence, dead, unknown_dead_count)
    _none("counts: job groups whose counts are not those of their jobs", evidence.drift)


def check_outcomes(evidence: Evidence, dead: Collection[str] = ()) -> None:
    """I1: every accepted command has one terminal outcome: a row in the inbox, or a dead letter where one is due."""
    endings = Counter(row["id"] for row in evidence.commands)
    buried = {row["command_id"] for row in evidence.dead_letters}
    lost = [id_ for id_ in evidence.accepted if not endings[id_] and not (id_ in dead and id_ in buried)]
    _none("I1: accepted commands without an outcome", lost)
    _none("I1: commands with more than one outcome", [id_ for id_, count in endings.items() if count > 1])


def check_effects(evidence: Evidence) -> None:
    """I2: one effect per command id: what a command caused belongs to one version of its group, or is its refusal.

    Another command that comes under an id in use is refused too, and that is no effect of the one that has the id.
    """
    caused: defaultdict[str, list[Row]] = defaultdict(list)
    for event in evidence.events:
        if event["refusal"] != ErrorCode.COMMAND_ID_REUSED:
            caused[event["causation_id"]].append(event)
    for id_, events in caused.items():
        refusals = [event for event in events if event["name"] == names.COMMAND_REJECTED]
        versions = {event["version"] for event in events if event["name"] != names.COMMAND_REJECTED}
        if len(versions) + len(refusals) > 1:
            raise InvariantBroken(f"I2: command {id_} took effect more than once: {_told(events)}")
    for command in evidence.commands:
        refused = any(event["name"] == names.COMMAND_REJECTED for event in caused[command["id"]])
        if refused != (command["outcome"]["status"] == "rejected"):
            raise InvariantBroken(f"I2: {command['outcome']} does not fit {_told(caused[command['id']])}")


def check_versions(evidence: Evidence) -> None:
    """I3: a group's version is the number of commands that had an effect on it; neither versions nor sequences have
    gaps. The event that first bears a version names the command that made it."""
    of_group: defaultdict[str, list[Row]] = defaultdict(list)
    for event in evidence.events:
        if event["sequence"] is not None:
            of_group[event["group_id"]].append(event)
    for group in evidence.groups:
        events = of_group.pop(group["id"], [])
        _equal(f"I3: sequences of {group['id']}", [each["sequence"] for each in events], _from_one(group["sequence"]))
        makers: dict[int, str] = {}
        for event in events:
            makers.setdefault(event["version"], event["causation_id"])
        _equal(f"I3: versions of {group['id']}", list(makers), _from_one(group["version"]))
        _equal(f"I3: commands that changed {group['id']}", len(set(makers.values())), group["version"])
    _none("I3: events of groups that do not exist", of_group)


def check_deliveries(evidence: Evidence) -> None:
    """I4: the distinct event ids at the subscriber are those that were committed, whichever way they came."""
    committed = {str(event["id"]) for event in evidence.events}
    _none("I4: committed events that are not marked as published", _unpublished(evidence))
    for way, arrivals in evidence.arrivals.items():
        arrived = {arrival.id for arrival in arrivals}
        _none(f"I4: committed events that never came by the {way}", committed - arrived)
        _none(f"I4: events by the {way} that were never committed", arrived - committed)


def check_order(evidence: Evidence) -> None:
    """I5: without the repeats, a group's sequence never goes back."""
    for way, arrivals in evidence.arrivals.items():
        last: dict[str | None, int] = {}
        known: set[str] = set()
        for arrival in arrivals:
            if arrival.sequence is None or arrival.id in known:
                continue
            known.add(arrival.id)
            if arrival.sequence <= last.get(arrival.subject, 0):
                raise InvariantBroken(f"I5: by the {way}, {arrival} came after sequence {last[arrival.subject]}")
            last[arrival.subject] = arrival.sequence


def check_http(evidence: Evidence) -> None:
    """I7: no server error but the documented 503."""
    wrong = [status for status in evidence.http_statuses if status >= 500 and status != 503]
    _none("I7: statuses of HTTP answers", wrong)


def check_dead_letters(evidence: Evidence, dead: Collection[str], unknown_count: int) -> None:
    """Nothing lies among the dead letters that a scenario does not put there."""
    unexpected = [row for row in evidence.dead_letters if row["command_id"] not in dead]
    if len(unexpected) != unknown_count:
        raise InvariantBroken(f"dead letters: {len(unexpected)} instead of {unknown_count}: {unexpected[:SHOWN_COUNT]}")


def _unpublished(evidence: Evidence) -> list[Row]:
    return [event for event in evidence.events if event["position"] is None]


def _from_one(last: int) -> list[int]:
    return list(range(1, last + 1))


def _none(what: str, found: Iterable[Any]) -> None:
    if listed := list(found):
        raise InvariantBroken(f"{what}: {len(listed)}, for instance {listed[:SHOWN_COUNT]}")


def _equal(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise InvariantBroken(f"{what}: {found} instead of {expected}")


def _told(events: Iterable[Row]) -> list[str]:
    return [f"{event['name']} v{event['version']}" for event in events]
