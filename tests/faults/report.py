"""The figures of every scenario, gathered run by run, and the page that shows them."""

import inspect
import json
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / ".faults" / "figures.jsonl"
"""One line for each run of a scenario; of the same scenario, broker and seed the last one counts."""
PAGE = ROOT / "docs" / "faults.md"

Figures = dict[str, Any]

COLUMNS = ("commands", "rejected", "events", "repeats", "dead_letters", "recovery_seconds")
UNTOLD = {
    *COLUMNS,
    "file",
    "scenario",
    "broker",
    "seed",
    "broken",
    "seconds",
    "noticed",
    "groups",
    "messages_confirmed",
    "revision",
}

HEAD = """\
# What was broken, and what became of it

Written by `make faults` (`tests/faults/report.py`); do not edit. Each scenario ran with {seeds} seeds on each broker,
against real processes and servers, under a load of commands of every kind through all three ways in, some of them sent
twice, some stale. After each the invariants were judged from outside, by SQL and at a durable subscriber:

| | |
|---|---|
| I1 | every command that the broker confirmed has exactly one terminal outcome |
| I2 | one effect per command id |
| I3 | a group's version is the number of commands that changed it; no gaps in versions and sequences |
| I4 | the distinct event ids at the subscriber are those committed |
| I5 | a group's sequence never goes back at the subscriber, repeats aside |
| I6 | all of this within 60 s after the fault or the load ended, whichever was later |
| I7 | no HTTP 5xx but the documented 503 |

Beside these, each group's counts are those of its jobs, and nothing lies among the dead letters that the scenario does
not put there. Figures are those of all seeds, one after the other: `accepted` distinct commands, `events` committed,
`repeats` of events that the subscriber saw, `recovery` in seconds until every outcome and event was there. What ran was
revision {revisions}.
"""


@dataclass
class Report:
    """Takes the figures of one run after the other."""

    say: Callable[[str], object]
    kept: bool

    @contextmanager
    def entry(self, scenario: Callable[..., object], broker: str, seed: int, figures: Figures) -> Iterator[None]:
        """Take what the scenario puts into `figures` until it ends, well or not."""
        title = inspect.cleandoc(scenario.__doc__ or scenario.__name__).splitlines()[0]
        about = {"file": Path(inspect.getfile(scenario)).stem, "scenario": title, "broker": broker, "seed": seed}
        began_at = time.monotonic()
        broken = None
        try:
            yield
        except BaseException as error:
            broken = str(error)[:500] or repr(error)
            raise
        finally:
            taken = round(time.monotonic() - began_at, 1)
            self._take(about | figures | {"broken": broken, "seconds": taken, "revision": _revision()})
            self.say(f"{'BROKEN' if broken else 'held'}  {broker:8}  seed {seed}  {taken:6.1f} s  {title}  {figures}")

    def _take(self, entry: Figures) -> None:
        """Keep the figures run by run: a suite that is interrupted is taken up where it was."""
        if self.kept:
            FIGURES.parent.mkdir(exist_ok=True)
            with FIGURES.open("a") as file:
                file.write(json.dumps(entry) + "\n")


def _revision() -> str:
    return subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()


def write_page() -> None:
    """Write the page from the figures of this run and of earlier ones."""
    PAGE.write_text(render([json.loads(line) for line in FIGURES.read_text().splitlines()]))


def render(entries: Sequence[Figures]) -> str:
    """Return the page."""
    latest = {(each["file"], each["scenario"], each["broker"], each["seed"]): each for each in entries}
    files: defaultdict[str, defaultdict[tuple[str, str], list[Figures]]] = defaultdict(lambda: defaultdict(list))
    for (file, scenario, broker, _), each in sorted(latest.items()):
        files[file][scenario, broker].append(each)
    seeds = max(len(runs) for rows in files.values() for runs in rows.values())
    revisions = ", ".join(sorted({str(each["revision"]) for each in latest.values()}))
    parts = [HEAD.format(seeds=seeds, revisions=revisions)]
    parts += [_section(file, rows) for file, rows in files.items()]
    return "\n".join(parts).rstrip("\n") + "\n"


def _section(file: str, rows: dict[tuple[str, str], list[Figures]]) -> str:
    title = file.removeprefix("test_").replace("_", " ").capitalize()
    lines = [
        f"## {title}\n",
        "| scenario | broker | accepted | rejected | events | repeats | dead letters | recovery (s) | held |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(scenario, broker, runs) for (scenario, broker), runs in rows.items()]
    besides = [line for (scenario, broker), runs in rows.items() for line in _besides(scenario, broker, runs)]
    return "\n".join([*lines, *([""] if besides else []), *besides]) + "\n"


def _besides(scenario: str, broker: str, runs: Sequence[Figures]) -> list[str]:
    """Return a line with the figures that this scenario alone has."""
    names = sorted({name for run in runs for name, figure in run.items() if name not in UNTOLD and figure})
    told = [f"{name.replace('_', ' ')} {' / '.join(_spelled(run.get(name, '')) for run in runs)}" for name in names]
    return [f"- {scenario} ({broker}): {'; '.join(told)}"] if told else []


def _spelled(figure: Any) -> str:
    """The answers of the API are counted by their status."""
    return ", ".join(f"{count} x {key}" for key, count in figure.items()) if isinstance(figure, dict) else str(figure)


def _row(scenario: str, broker: str, runs: Sequence[Figures]) -> str:
    figures = [" / ".join(str(run.get(column, "")) for run in runs) for column in COLUMNS]
    return f"| {scenario} | {broker} | {' | '.join(figures)} | {_verdict(runs)} |"


def _verdict(runs: Sequence[Figures]) -> str:
    """Every seed's word: a scenario of `test_honesty` passes where an invariant is seen to be broken."""
    if broken := [str(run["broken"]) for run in runs if run["broken"]]:
        return f"**no**: {broken[0]}"
    noticed = [str(run["noticed"]) for run in runs if "noticed" in run]
    return f"no, as it must be: {noticed[0].partition(':')[0]} is broken" if noticed else "yes"
