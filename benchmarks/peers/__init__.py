"""What others do with the same commands: a module for each peer, with the worker's command line and a way to send.

    python -m benchmarks.peers fill NAME BACKLOG COUNT     queue COUNT commands
    python -m benchmarks.peers work NAME                   start its workers

Both read BENCH_BROKER_URL and BENCH_DATABASE_URL. What a peer does for a command is in work.py.
"""

import os

BROKER_URL = os.environ.get("BENCH_BROKER_URL", "")
DATABASE_URL = os.environ.get("BENCH_DATABASE_URL", "")
PROCESS_COUNT = 4
"""Worker processes of each contestant: one for each of the four cores, as Celery has by itself."""
CONCURRENCY = 8
"""Commands that an asynchronous peer has in hand at once in each process, with a connection for each."""
