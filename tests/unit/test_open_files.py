"""The HTTP stub takes leave to have as many files open as it takes connections."""

import subprocess
import sys

import pytest

ALLOW = """
import resource
from api_stub.__main__ import _allow_files
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
_allow_files(2200)
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "allowed"), [(1024, 4096, 2200), (1024, 1500, 1500), (3000, 4096, 3000), (1024, 1024, 1024)]
)
def test_as_many_as_it_needs_or_may(soft: int, hard: int, allowed: int) -> None:
    program = ALLOW.format(soft=soft, hard=hard)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.split() == [str(allowed), str(hard)]
