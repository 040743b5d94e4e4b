"""An outage under load, with HTTP callers: what they are told meanwhile, and what is left of it in the end."""

import time
from collections.abc import Callable

import httpx

from tests.commands import eventually
from tests.faults.http_writers import OUTCOME_WAIT_SECONDS, HttpWriters, http_writers, readiness
from tests.faults.invariants import RECOVERY_SECONDS
from tests.faults.stage import Stage

ANSWER_MARGIN_SECONDS = 6.0
"""What an answer takes beside its two waits: a last look at the group, a note in Redis, on a machine that is busy."""


def ride_out(
    s: Stage, begin: Callable[[], object], end: Callable[[], object], *, seconds: float, missing: set[str]
) -> None:
    """Let an outage begin amid the load and end after `seconds`, then judge.

    All the while callers write over HTTP, and `/readyz` names exactly the servers that are `missing`.
    """
    with http_writers(s) as writers:
        s.load.start()
        s.wait_for_outcomes(0.2)
        began_at = time.monotonic()
        begin()
        eventually(lambda: readiness(writers.url) == missing)
        time.sleep(max(0.0, began_at + seconds - time.monotonic()))
        end()
        s.healed()
        eventually(lambda: readiness(writers.url) == set(), RECOVERY_SECONDS)
        s.figures["ready_seconds"] = round(time.monotonic() - began_at - seconds, 1)
    judge(s, writers)


def judge(s: Stage, writers: HttpWriters) -> None:
    """Hold the service to its invariants, to every answer that it gave over HTTP, and to the time that each took."""
    writes = [answer for answer in writers.answers if answer.request.method == "POST"]
    longest = max(answer.elapsed.total_seconds() for answer in writes)
    s.figures["longest_write_seconds"] = round(longest, 1)
    # What it answered with 503 it may still hand over, for as long as it runs: no rest to judge.
    s.actors.rest("api")
    s.expect_all_invariants()
    writers.expect_truth(s.database_url)
    untold = [
        answer for answer in writes if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and not _told(answer)
    ]
    assert not untold, f"{len(untold)} answers do not tell where to look, for instance {untold[0].text}"
    allowed = s.actors.settings.publish_timeout_seconds + OUTCOME_WAIT_SECONDS + ANSWER_MARGIN_SECONDS
    assert longest < allowed, f"an HTTP write took {longest:.1f} s"


def _told(answer: httpx.Response) -> bool:
    return answer.headers.get("Location", "").startswith("/commands/")
