"""An import that is told to end while its event loop has been woken more often than it has looked."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from workers.operating.importing.csv_file import CsvFile
from workers.operating.importing.identity import CommandIds
from workers.operating.importing.journal import Checkpoint
from workers.operating.importing.rejected_file import RejectedFile
from workers.operating.importing.run import Import
from workers.operating.importing.session import check_all

GROUPS_COUNT = 1_000
WAKE_UPS_COUNT = 5_000
"""As of confirmations: far more than the socket that wakes a loop takes in."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_loop_that_is_woken_often_still_hears_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    before = signal.getsignal(number)
    file = tmp_path / "year.csv"
    file.write_text("group,name,template\n" + "".join(f"{n},Batch {n},t\n" for n in range(GROUPS_COUNT)))
    source = CsvFile(file, CommandIds("0" * 64))
    settled: list[Checkpoint] = []

    def interrupt(done: Checkpoint, _: object) -> None:
        settled.append(done)
        if len(settled) == 1:
            for _ in range(WAKE_UPS_COUNT):
                asyncio.get_running_loop().call_soon_threadsafe(lambda: None)
            os.kill(os.getpid(), number)

    with RejectedFile(tmp_path / "rejected.csv", source) as rejected, pytest.raises(asyncio.CancelledError):
        check_all(Import(source, rejected, interrupt, lambda _: None))
    assert 1 <= len(settled) < GROUPS_COUNT
    assert signal.getsignal(number) is before
