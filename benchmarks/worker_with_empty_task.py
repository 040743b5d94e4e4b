"""Our worker, with one task more, which does nothing: what Celery alone costs there."""

import sys
from typing import Any

from benchmarks.sending import EMPTY_TASK
from settings import Settings
from tasks.app import app
from workers.worker import run


@app.task(name=EMPTY_TASK)
def nothing(**_: Any) -> None:
    """Do nothing; Celery keeps the result, as it does for a command."""


if __name__ == "__main__":
    sys.exit(run(Settings()))
