"""A reader that opens no document: it makes results up, the same for the same seed, job and attempt."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from workers.engine.dispatched_job import DispatchedJob
from workers.engine.reader import Reading, Unreadable

LONGEST_LATENCY = 5
"""In means: a reading that takes longer than this is cut to it, so that a simulation ends when it is expected to."""
CONFIDENT, DOUBTFUL = (0.85, 1.0), (0.3, 0.75)


@dataclass(frozen=True, slots=True)
class SimulatedReader:
    """What happens to a document follows from (`seed`, job id, attempt) alone, whatever the order of arrival.

    `failure_rate` of all attempts fail, `retryable_share` of these so that another attempt may help;
    `low_confidence_rate` of the successes are doubtful. A reading takes `mean_latency_seconds`, exponentially spread.
    """

    seed: int = 0
    failure_rate: float = 0.0
    retryable_share: float = 1.0
    low_confidence_rate: float = 0.1
    mean_latency_seconds: float = 0.2
    sleep: Callable[[float], None] = time.sleep

    def read(self, job: DispatchedJob) -> Reading:
        """Return an invented invoice after a while; raises Unreadable at the failure rate."""
        dice = Random(f"{self.seed}/{job.job_id}/{job.attempt}")  # noqa: S311 - a simulation wants to be repeatable
        self.sleep(self._latency_seconds(dice))
        if dice.random() < self.failure_rate:
            retryable = dice.random() < self.retryable_share
            raise Unreadable("simulated_failure", "made up by the simulation", retryable=retryable)
        spread = DOUBTFUL if dice.random() < self.low_confidence_rate else CONFIDENT
        return _reading(round(dice.uniform(*spread), 4), Random(f"{self.seed}/{job.job_id}"))  # noqa: S311 - as above

    def _latency_seconds(self, dice: Random) -> float:
        return self.mean_latency_seconds * min(dice.expovariate(1), LONGEST_LATENCY)


def _reading(confidence: float, dice: Random) -> Reading:
    """The document is the same at every attempt, and so is what it says."""
    invoice: dict[str, Any] = {
        "invoiceNumber": f"SIM-{dice.randrange(10**6):06}",
        "invoiceDate": str(date(2023, 1, 1) + timedelta(days=dice.randrange(365))),
        "total": f"{dice.randrange(1_000, 1_000_000) / 100:.2f}",
        "currency": dice.choice(("EUR", "USD", "GBP", "CHF")),
    }
    return Reading(confidence, invoice | {"confidence": dict.fromkeys(invoice, confidence)})
