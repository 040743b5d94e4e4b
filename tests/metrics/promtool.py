"""promtool, which comes with Prometheus and says what is wrong with rules and metrics."""

import shutil
import subprocess

import pytest

MISSING = "{} is not installed (apt-get install prometheus)"


def program(name: str) -> str:
    """Return where `prometheus` or `promtool` is; where it is not, the test skips and says why."""
    if found := shutil.which(name):
        return found
    pytest.skip(MISSING.format(name))


def promtool(*arguments: str, typed: str | None = None) -> str:
    """Run it, and return what it says; it fails where promtool finds something."""
    command = [program("promtool"), *arguments]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
