"""How much is broken: a short part of the suite in every run of the tests, all of it under `make faults`.

A scenario marked `quick` is in the short part, on the brokers that the mark names or on both. Quick are those that
recover in seconds and each stand for one promise, on one broker where the other would show the same; what waits for a
time limit to pass, or starts a broker again, is not.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.faults.report import Report, write_page
from tests.faults.servers import Servers
from tests.faults.stage import Stage, stage
from tests.servers import rabbitmq_reason_to_skip

FULL = os.environ.get("FAULTS") == "full"
SEEDS = [int(seed) for seed in os.environ.get("FAULTS_SEEDS", "1,2,3" if FULL else "1").split(",")]
COMMAND_COUNT, GROUP_COUNT = (5000, 500) if FULL else (300, 40)
TIMEOUT_SECONDS = 400.0
BROKERS = ("redis", "rabbitmq")

OpenStage = Callable[..., AbstractContextManager[Stage]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every scenario with each seed on each broker; in the short part, on the brokers of its mark."""
    if "broker" in metafunc.fixturenames:
        marks = (metafunc.definition.get_closest_marker(name) for name in (("only",) if FULL else ("only", "quick")))
        narrowed = [set(mark.args) for mark in marks if mark and mark.args]
        metafunc.parametrize("broker", sorted(set(BROKERS).intersection(*narrowed), key=BROKERS.index))
        metafunc.parametrize("seed", SEEDS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out of the short part what is not quick; give everything here the time that it may need."""
    here = [item for item in items if "broker" in getattr(item, "fixturenames", ()) and _is_ours(item)]
    for item in here:
        item.add_marker(pytest.mark.timeout(TIMEOUT_SECONDS))
    slow = [] if FULL else [item for item in here if not item.get_closest_marker("quick")]
    items[:] = [item for item in items if item not in slow]
    config.hook.pytest_deselected(items=slow)


def _is_ours(item: pytest.Item) -> bool:
    return Path(__file__).parent in item.path.parents


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Iterator[Report]:
    """The figures of this run; under `make faults` they become docs/faults.md."""
    yield Report(say=partial(_say, request.config.pluginmanager) if FULL else lambda line: None, kept=FULL)
    if FULL:
        write_page()


def _say(plugins: pytest.PytestPluginManager, line: str) -> None:
    terminal: Any = plugins.get_plugin("terminalreporter")
    capture: Any = plugins.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        terminal.write_line(line)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Servers of the suite's own: no other test loses its connection to one that is killed here."""
    started = Servers.start(tmp_path_factory.mktemp("faults"), with_rabbitmq=rabbitmq_reason_to_skip() is None)
    yield started
    started.stop()


@pytest.fixture
def open_stage(
    request: pytest.FixtureRequest, servers: Servers, report: Report, broker: str, seed: int, tmp_path: Path
) -> OpenStage:
    """Open a stage for this scenario: `with open_stage(sabotage=...) as s`. See tests.faults.stage.stage."""
    if broker == "rabbitmq" and servers.rabbitmq is None:
        pytest.skip(str(rabbitmq_reason_to_skip()))
    scenario = request.function

    @contextmanager
    def opened(**more: Any) -> Iterator[Stage]:
        size = {"commands": COMMAND_COUNT, "groups": GROUP_COUNT}
        with (
            stage(servers, broker, seed, tmp_path, **(size | more)) as running,
            report.entry(scenario, broker, seed, running.figures),
        ):
            yield running

    return opened
