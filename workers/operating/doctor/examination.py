"""The areas examined side by side, each check in turn within its area, and all of it within a bound."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Thread
from typing import Any

from workers.operating.doctor.circumstances import Circumstances
from workers.operating.doctor.finding import Away, Finding, Verdict, fault, not_checked

EXAMINATION_SECONDS = 12
"""Beyond what a client of any area waits for a connection and an answer."""

Check = Callable[[Any], Finding]


@dataclass(frozen=True)
class Area:
    """Checks that look at the same thing.

    `reach` gives them what they look at, or raises Away: that is then the finding of the first, and why the others were
    not made.
    """

    reach: Callable[[Circumstances], AbstractContextManager[Any]]
    checks: Mapping[str, Check]


@dataclass(frozen=True, slots=True)
class Result:
    """The finding of one check."""

    check: str
    finding: Finding


def examine(areas: Sequence[Area], circumstances: Circumstances) -> list[Result]:
    """Make every check of every area; one that hangs keeps none of the others from being told."""
    found: list[list[Result]] = [[] for _ in areas]
    # Daemons: what still waits when the time is up must not keep the program from ending.
    threads = [
        Thread(target=_examine, args=(area, circumstances, results), daemon=True)
        for area, results in zip(areas, found, strict=True)
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + EXAMINATION_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [result for area, results in zip(areas, found, strict=True) for result in _completed(area, list(results))]


def _examine(area: Area, circumstances: Circumstances, results: list[Result]) -> None:
    first, *others = area.checks
    try:
        with area.reach(circumstances) as patient:
            for name, check in area.checks.items():
                results.append(Result(name, _made(check, patient)))
        return
    except Away as away:
        finding = away.finding
    except Exception as error:  # noqa: BLE001 - an area that cannot be reached must not hide the others
        finding = _not_made(error)
    if not results:
        results.append(Result(first, finding))
        results.extend(Result(name, not_checked(f"See the line `{first}`.")) for name in others)


def _made(check: Check, patient: object) -> Finding:
    try:
        return check(patient)
    except Exception as error:  # noqa: BLE001 - nor must one check
        return _not_made(error)


def _not_made(error: Exception) -> Finding:
    told = " ".join(str(error).split())
    return fault(f"It could not be checked: {type(error).__name__}: {told}.", "The other lines may say why.")


def _completed(area: Area, results: list[Result]) -> list[Result]:
    unanswered = list(area.checks)[len(results) :]
    silent = fault(
        f"No answer within {EXAMINATION_SECONDS} s: something between here and there swallows what is sent.",
        "See that the server is not frozen, and that no firewall forgets connections.",
    )
    late = [Result(name, silent) for name in unanswered[:1]]
    return results + late + [Result(name, not_checked("The check before it did not end.")) for name in unanswered[1:]]


def is_healthy(results: Sequence[Result]) -> bool:
    """Return whether nothing must be mended; a warning leaves a service healthy."""
    return all(result.finding.verdict is not Verdict.FAULT for result in results)
