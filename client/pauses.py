"""How long to wait before trying again what has failed: longer each time, up to a bound, and never all at once."""

import random

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0


def growing_pause(failures: int, *, longest_seconds: float = LONGEST_PAUSE_SECONDS) -> float:
    """Return the seconds to wait after the last of `failures` in a row, the first of which is 1."""
    doubled = FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 30)
    return min(longest_seconds, doubled) * random.uniform(0.5, 1)  # noqa: S311 - it need not be unpredictable
