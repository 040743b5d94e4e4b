"""An outage under load, with HTTP callers: what they are told meanwhile, and what is left of it in the end."""

import time
from collections.abc import Callable, Sequence

import httpx

from tests.commands import eventually
from tests.faults.http_writers import HttpWriters, http_writers, readiness
from tests.faults.invariants import RECOVERY_SECONDS
from tests.faults.stage import Stage

REFUSAL_MARGIN_SECONDS = 4.0
"""What a refusal takes beside the deadline of publishing: the tally of the caller's requests, on a busy machine."""


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
    """Hold the service to its invariants, to every answer that it gave over HTTP, and to the deadline of publishing."""
    writes = [answer for answer in writers.answers if answer.request.method == "POST"]
    refused = [answer for answer in writes if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE]
    s.figures |= {"longest_write_seconds": _longest(writes), "longest_refusal_seconds": _longest(refused)}
    # What it refused it may still hand over, for as long as it runs: no rest to judge.
    s.actors.rest("api")
    s.expect_all_invariants()
    writers.expect_truth(s.database_url)
    for answer in refused:
        assert answer.headers.get("Location", "").startswith("/commands/"), answer.text
    assert _longest(refused) < s.actors.settings.publish_timeout_seconds + REFUSAL_MARGIN_SECONDS


def _longest(answers: Sequence[httpx.Response]) -> float:
    return round(max((answer.elapsed.total_seconds() for answer in answers), default=0.0), 1)
