"""What is not there leaves a test out for whoever develops, and fails where everything must be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.skips import LEGITIMATE

ROOT = Path(__file__).parents[2]
HOOKS = "from tests.skips import pytest_make_collect_report, pytest_runtest_makereport\n"
IN_A_FIXTURE = """
import pytest

@pytest.fixture
def browser():
    pytest.skip("no Chromium on the PATH")

def test_the_console(browser): ...
"""
BY_A_MARK = """
import pytest

@pytest.mark.skipif(True, reason="no Chromium on the PATH")
def test_the_console(): ...
"""
AS_A_WHOLE = """
import pytest

pytest.importorskip("nobody_has_this", reason="no Chromium on the PATH")

def test_the_console(): ...
"""
OF_THE_MACHINE = f"""
import pytest

def test_a_full_disk():
    pytest.skip("{LEGITIMATE[0]}: not permitted")
"""
EXPECTED_TO_FAIL = """
import pytest

@pytest.mark.xfail
def test_what_is_wrong():
    assert False

def test_what_is_right(): ...
"""


def run(tests: str, folder: Path, skips_fail: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(HOOKS)
    (folder / "test_it.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SKIPS_FAIL": skips_fail,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "tests", [IN_A_FIXTURE, BY_A_MARK, AS_A_WHOLE], ids=["in a fixture", "by a mark", "as a whole"]
)
def test_a_skip_fails_where_everything_must_be_there(tests: str, tmp_path: Path) -> None:
    assert run(tests, tmp_path, skips_fail="").returncode in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    done = run(tests, tmp_path, skips_fail="true")
    assert done.returncode in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    assert "It must not skip here, and would: no Chromium on the PATH" in done.stdout


@pytest.mark.parametrize("tests", [OF_THE_MACHINE, EXPECTED_TO_FAIL], ids=["of the machine", "expected to fail"])
def test_what_no_installation_can_mend_does_not(tests: str, tmp_path: Path) -> None:
    assert run(tests, tmp_path, skips_fail="true").returncode == pytest.ExitCode.OK


def test_everything_must_be_there_in_every_run_of_the_ci() -> None:
    assert "\nSKIPS_FAIL=true make test\n" in f"{(ROOT / '.ci/run').read_text()}\n"
