"""What is counted of commands, wherever they are carried out."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import Counter, Histogram

from models.commands import COMMANDS
from models.dead_letter import DeadLetterReason
from models.outcome import Outcome

Mark = tuple[str, Sequence[str], float]
"""A key of METRICS, the values of its labels, and by how much it rises, or what is observed."""

METRICS: dict[str, Counter | Histogram] = {
    "commands": Counter(
        "jobgroups_commands",
        "Outcomes given to commands, by the command's type: `succeeded`, or the code of the error.",
        ["type", "outcome"],
    ),
    "repeated": Counter(
        "jobgroups_commands_repeated", "Those of them that were repeats: their outcome was in the inbox already."
    ),
    "seconds": Histogram(
        "jobgroups_handling_duration_seconds",
        "Seconds that a transaction over one or more commands took, its commit included.",
        buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    ),
    "size": Histogram(
        "jobgroups_handling_commands",
        "Commands in one transaction.",
        buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
    ),
    "buried": Counter("jobgroups_dead_letters", "Messages that became dead letters, by reason.", ["reason"]),
}

# So that the first one is a rise, and not the beginning of a series.
for _reason in DeadLetterReason:
    METRICS["buried"].labels(_reason)


def add(marks: Iterable[Mark]) -> None:
    """Count `marks` in this process."""
    for key, labels, amount in marks:
        metric = METRICS[key].labels(*labels) if labels else METRICS[key]
        if isinstance(metric, Histogram):
            metric.observe(amount)
        else:
            metric.inc(amount)


_record: Callable[[Sequence[Mark]], None] = add


def record_with(record: Callable[[Sequence[Mark]], None]) -> None:
    """Let `record` have what is to be counted from now on: in a pool child, which nobody can ask."""
    global _record
    _record = record


def count_handled(outcomes: Sequence[Outcome], repeats_count: int, seconds: float) -> None:
    """Count one transaction that has committed."""
    _record(
        [*_by_outcome(outcomes), ("repeated", (), repeats_count), ("seconds", (), seconds), ("size", (), len(outcomes))]
    )


def count_buried(reasons: Iterable[DeadLetterReason], outcomes: Iterable[Outcome]) -> None:
    """Count dead letters, and the outcomes of the commands in them."""
    _record([*(("buried", (reason,), 1) for reason in reasons), *_by_outcome(outcomes)])


def _by_outcome(outcomes: Iterable[Outcome]) -> Iterable[Mark]:
    tally = Tally((outcome.type, outcome.error.code if outcome.error else outcome.status) for outcome in outcomes)
    for (type_, result), amount in tally.items():
        # A sender may write anything for a type, and each would be a series for ever.
        yield "commands", (type_ if type_ in COMMANDS else "unknown", result), amount
