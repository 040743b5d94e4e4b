"""schemathesis asks the running service what its own documentation promises, with every check there is."""

import subprocess
import sys
from os import environ
from pathlib import Path

import pytest

from tests.contract.http_api import Service, stub_of
from tests.contract.test_http_openapi import OPERATIONS

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = (sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run")
OPTIONS = ("--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--mode", "all", "--no-color")
TIMEOUT_SECONDS = 240


@pytest.mark.timeout(TIMEOUT_SECONDS + 30)
def test_the_service_does_what_its_documentation_says(service: Service, tmp_path: Path) -> None:
    # It tries more wrong keys than an address may.
    with stub_of(service, tmp_path, wrong_keys_per_minute=0) as url:
        asked = subprocess.run(
            [*SCHEMATHESIS, f"{url}/openapi.json", *OPTIONS],
            env=environ | {"JOBGROUPS_API_KEY": service.api_key},
            cwd=CONFIGURATION.parents[2],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert f"Tested: {len(OPERATIONS)}" in asked.stdout  # every operation, lest a document that lost them pass
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in asked.stdout, asked.stdout
