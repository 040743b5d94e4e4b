"""docs/scaling.md, from page.md beside this file and what was measured and simulated."""

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.scaling.outlook import COMMANDS_PER_SECOND, HotGroups, Shards, shard_of
from benchmarks.scaling.simulation import SIMULATED_SECONDS

TEMPLATE = Path(__file__).with_name("page.md")
PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
DAY_SECONDS = 86_400


def write_page(costs: Mapping[str, Any], hot_groups: HotGroups, shards: Shards) -> None:
    """Write the page."""
    figures = _kinds(costs) | _reckoned(**_kinds(costs))
    simulated = {
        "cores_count": costs["cores_count"],
        "load_average": costs["load_average"],
        "message_ms": median(costs["commands"]["created group"]["message_ms"]),
        "simulated_seconds": SIMULATED_SECONDS,
        "capacity": shard_of(costs).capacity,
        "hot_table": _table("utilisation", {f"{name}": row for name, row in hot_groups.items()}, "{:.0%}"),
        "shard_table": _table("shards", {f"{each:g} events a command": row for each, row in shards.items()}, "{}"),
    }
    PAGE.write_text(TEMPLATE.read_text().format_map(figures | simulated))


def _kinds(costs: Mapping[str, Any]) -> dict[str, Any]:
    commands, events = costs["commands"], costs["events"]
    return {
        "created": commands["created group"],
        "added": commands["added job"],
        "reported": commands["reported job"],
        "redis": events["list queue on redis"],
        "classic": events["classic queue on rabbitmq"],
        "quorum": events["quorum queue on rabbitmq"],
    }


def _reckoned(*, created: Any, added: Any, reported: Any, redis: Any, quorum: Any, **_: Any) -> dict[str, Any]:
    inbox_bytes_per_second = created["bytes"]["commands"] * COMMANDS_PER_SECOND
    job_bytes = added["bytes"]["jobs"] + reported["bytes"]["jobs"]
    event_bytes = added["bytes"]["events"] + reported["bytes"]["events"]
    rate = quorum["events_per_second"]
    return {
        "cores": {
            "worker": _cores(created["worker_cpu_us"]),
            "postgres": _cores(created["postgres_cpu_us"] + quorum["postgres_cpu_us"]),
            "relay": _cores(quorum["relay_cpu_us"]),
            "broker": _cores(quorum["broker_cpu_us"]),
        },
        "wal_megabytes": (created["wal_bytes"] + quorum["wal_bytes"]) * COMMANDS_PER_SECOND / 1e6,
        "inbox_day_gigabytes": inbox_bytes_per_second * DAY_SECONDS / 1e9,
        "inbox_90_days_terabytes": inbox_bytes_per_second * DAY_SECONDS * 90 / 1e12,
        "job_bytes": job_bytes,
        "event_bytes": event_bytes,
        "jobs_terabytes": job_bytes * 1e9 / 1e12,
        "events_terabytes": event_bytes * 1e9 / 1e12,
        "redis_events": round(1e6 / redis["broker_cpu_us"] / 1000) * 1000,
        "relay_rate": rate,
        "shards_for_one": ceil(COMMANDS_PER_SECOND / rate),
        "shards_for_two": ceil(2 * COMMANDS_PER_SECOND / rate),
    }


def _cores(microseconds: float) -> float:
    return microseconds * COMMANDS_PER_SECOND / 1e6


def _table(first: str, columns: Mapping[str, Mapping[float, tuple[float, float]]], spelled: str) -> str:
    keys = next(iter(columns.values()))
    lines = [f"| {first} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for key in keys:
        cells = (f"{p50:,.0f} / {p99:,.0f}" for p50, p99 in (column[key] for column in columns.values()))
        lines.append(f"| {spelled.format(key)} | {' | '.join(cells)} |")
    return "\n".join(lines)
