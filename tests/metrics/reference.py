"""docs/reference/metrics.md, made from the code: `python -m tests.metrics.reference` writes it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from prometheus_client.metrics import MetricWrapperBase

from api_stub import http_metrics
from models import names
from models.commands import COMMANDS
from models.dead_letter import DeadLetterReason
from models.delivery import DeliveryStatus, Verdict
from models.errors import ErrorCode
from models.notifying import ChannelType
from tasks import command_metrics
from workers.metrics import housekeeping, intake, pool, relay
from workers.metrics.database import database_facts
from workers.metrics.facts import Facts
from workers.metrics.queues import queue_facts, subscriber_facts
from workers.notifying import metrics as notifying_metrics

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"

HEAD = """<!-- Written by `python -m tests.metrics.reference` from the code; do not edit. -->

# Metrics

What each process tells Prometheus, where it has a `JOBGROUPS_METRICS_PORT`; how to collect it, alerts and the dashboard
are in [how to keep it running](../how-to/operate.md). Beside these there are what the client library tells of any
process: `process_resident_memory_bytes`, `process_cpu_seconds_total`, `process_start_time_seconds`, `process_open_fds`,
`process_max_fds` and `python_…`.

Counters begin at 0 with their process; a pool child that dies takes no count along. What is asked of a server (how much
waits, how long) is asked when somebody reads; a server that does not answer leaves its metrics out, and
`jobgroups_database_up` or `jobgroups_broker_up` is 0.
"""
OF_ALL = """
## `jobgroups run`

It asks each of its processes, gives every sample the label `process`, and adds `jobgroups_process_answers`, a gauge: 1
where the process tells its metrics, 0 where it does not.
"""

SECTIONS: dict[str, tuple[str, ModuleType | Facts[Any]]] = {
    "Commands": (
        "Told by the worker, for its pool children too; and by housekeeping, intake and notifier, of what these carry "
        "out\nthemselves: wake-ups, dead letters, webhooks that are gone.",
        command_metrics,
    ),
    "The worker": ("Told by the worker.", pool),
    "Queues": (
        "Told by the worker of the queue of commands, by the intake of its own.",
        queue_facts("redis://127.0.0.1", names.COMMAND_QUEUE),
    ),
    "The intake": ("Told by the intake.", intake),
    "The relay": ("Told by the relay.", relay),
    "Subscribers": (
        "Told by the relay, where Redis is the broker. RabbitMQ tells of its queues itself.",
        subscriber_facts("redis://127.0.0.1"),
    ),
    "Housekeeping": ("Told by housekeeping.", housekeeping),
    "What PostgreSQL knows": (
        "Told by housekeeping. Where several of it run, all tell the same: take the `max`.",
        database_facts("postgresql+psycopg://127.0.0.1"),
    ),
    "Notifications": ("Told by the notifier.", notifying_metrics),
    "HTTP": ("Told by the API.", http_metrics),
}

VALUES: dict[str, Iterable[str]] = {
    "type": (*COMMANDS, "unknown"),
    "outcome": ("succeeded", *ErrorCode),
    "reason": tuple(DeadLetterReason),
    "queue": (names.COMMAND_QUEUE, names.INTAKE),
    "result": ("passed_on", "dead"),
    "rows": ("commands", "deliveries", "letters", "jobs", "groups", "events"),
    "channel": get_args(ChannelType),
    "verdict": tuple(Verdict),
    "status": (*sorted(set(DeliveryStatus) - {DeliveryStatus.PENDING}), "200", "…"),
    "method": (*sorted(http_metrics.METHODS), "unknown"),
    "route": ("/ocr-invoice-job-groups/{id}", "…", "unknown"),
}
"""Of each label; where there is an ellipsis, HTTP has the list."""

Row = tuple[str, str, tuple[str, ...], str]
"""Name, type, labels, meaning."""


def page() -> str:
    """Return the page as the code makes it."""
    sections = (f"\n## {title}\n\n{by}\n\n{table(metrics_of(where))}" for title, (by, where) in SECTIONS.items())
    return HEAD + "".join(sections) + OF_ALL + labels()


def metrics_of(where: ModuleType | Facts[Any]) -> Iterator[Row]:
    """Give the metrics that a module makes, or that are asked of a server."""
    if isinstance(where, Facts):
        for family in where.describe():
            yield family.name, family.type, family._labelnames, family.documentation
        return
    made = (each for value in vars(where).values() for each in (value.values() if isinstance(value, dict) else [value]))
    for metric in made:
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            suffix = "_total" if family.type == "counter" else ""
            yield family.name + suffix, family.type, metric._labelnames, family.documentation


def table(rows: Iterable[Row]) -> str:
    lines = ["| metric | type | labels | meaning |\n|---|---|---|---|\n"]
    for name, type_, labels_, meaning in rows:
        lines.append(f"| `{name}` | {type_} | {_listed(labels_)} | {meaning} |\n")
    return "".join(lines)


def labels() -> str:
    rows = "".join(f"| `{label}` | {_listed(values)} |\n" for label, values in VALUES.items())
    return f"""
## Labels

Every label has a closed set of values, whatever is sent to the service: `unknown` stands for all that is not in it.

| label | values |
|---|---|
{rows}"""


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" if value != "…" else value for value in values)


if __name__ == "__main__":
    PAGE.write_text(page())
