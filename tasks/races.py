"""Losing a race to another transaction."""

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from models.store.unit_of_work import ConcurrentWrite

# It is lost to a transaction that has committed, so the next look sees what it did.
try_again_after_a_race = retry(
    retry=retry_if_exception_type(ConcurrentWrite),
    wait=wait_random_exponential(multiplier=0.01, max=0.5),
    stop=stop_after_attempt(10),
    reraise=True,
)
"""Decorates one transaction: it runs again, up to ten times, where another was faster, and then raises
ConcurrentWrite."""
