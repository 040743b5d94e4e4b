"""`make demo` does what the README says of it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tests.docs.terminal import MAKE

SHOWN_ON = [*blocks("README.md"), *blocks("docs/tutorial.md")]


def shown_in_the_readme() -> list[str]:
    """Return what it shows of the output, but for how sure the engine is: processors may differ in that."""
    (shown,) = (block.code for block in blocks("README.md") if block.language == "text")
    return [line.rstrip("0123456789. ") for line in shown.splitlines()]


@pytest.mark.timeout(180)
def test_the_demo_ends_well_and_leaves_nothing_running(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JOBGROUPS_")}
    (typed,) = {block.code for block in SHOWN_ON if "run by" in block.notes}
    command = typed.replace("make", MAKE)
    done = subprocess.run(
        command, shell=True, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for line in shown_in_the_readme():
        assert line in done.stdout
    for promised in ("job_group.created.v1", "job_group.updated.v1", "command.rejected.v1", "job_group.deleted.v1"):
        assert promised in done.stdout
    for read in ("job.retry_scheduled", "8/8"):
        assert read in done.stdout
    assert list(tmp_path.iterdir()) == []
