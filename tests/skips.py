"""Skips that fail. Where SKIPS_FAIL is set, as in .ci/run, all that tests need must be there: a browser that could not
be installed would otherwise leave the console untested, and the run green.
"""

import os
from collections.abc import Generator
from typing import Any

import pytest

LEGITIMATE = ("nothing may be mounted here",)
"""How the reasons begin that no installation can mend."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a test, or a fixture of it."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Of a module that skips as a whole."""
    return _judged((yield))


def _judged(report: Any) -> Any:
    if report.skipped and os.environ.get("SKIPS_FAIL") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1].removeprefix("Skipped: ")
        if not reason.startswith(LEGITIMATE):
            report.outcome = "failed"
            report.longrepr = f"It must not skip here, and would: {reason}"
    return report
