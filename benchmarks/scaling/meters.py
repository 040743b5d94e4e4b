"""What processes have used, and what PostgreSQL has logged, so far."""

import psutil
import psycopg

from benchmarks.stage import Stage


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of `process`, in its own code and in the kernel's."""
    times = process.cpu_times()
    return times.user + times.system


def wal_bytes(servers: Stage) -> int:
    """Return the length of PostgreSQL's write-ahead log, whole pages after a checkpoint included."""
    with psycopg.connect(servers.postgres_url) as connection:
        ((position,),) = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
        return int(position)
