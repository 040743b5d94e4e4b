"""Whoever follows docs/how-to/add-a-command.md has added a command: its changes fit, and the command is carried out."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from settings import Settings
from tests.docs.pages import ROOT, blocks
from tests.docs.terminal import MAKE, Terminal, connect
from tests.docs.test_code_blocks import ON_A_COPY
from workers.supervision.supervisor import Supervisor

NOT_COPIED = (".*", "__pycache__", "node_modules", "site", "*.egg-info", "build")


@pytest.mark.timeout(400)
def test_the_command_is_there_after_the_last_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*NOT_COPIED))
    # The processes of a service find the code in the folder where they are started, or on this path.
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    steps = [block for block in blocks(ON_A_COPY) if block.runs]
    trial = [block for block in steps if "JOBGROUPS_URL" in block.code]
    assert trial
    with Terminal(checkout, checkout) as terminal:
        for block in steps[: -len(trial)]:
            terminal.type(replace(block, code=block.code.replace("make ", f"{MAKE} ")))
        with Supervisor(Settings(home=tmp_path / "home", port=0)) as service:
            connect(checkout, service)
            terminal.run("set -a; . .jobgroups/env; set +a")
            for block in trial:
                terminal.type(block)
