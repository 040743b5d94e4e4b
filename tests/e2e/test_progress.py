"""The supervisor starts a process anew that hangs, and leaves alone what merely has nothing to do."""

import os
import signal
from collections.abc import Iterator

import httpx
import pytest

import heartbeat
from settings import Settings
from tests.commands import eventually
from tests.contract.http_api import GROUPS, client_of
from workers.supervision.supervisor import Supervisor

STALE_SECONDS = 8.0
"""A process that starts on a busy machine takes a moment before its loop goes round."""


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """A service whose supervisor waits for seconds only."""
    settings = Settings(home=tmp_path_factory.mktemp("impatient"), port=0)
    with pytest.MonkeyPatch.context() as patch, Supervisor(settings) as service:
        patch.setattr(heartbeat, "STALE_SECONDS", STALE_SECONDS)
        yield service


@pytest.mark.parametrize("hanging", [("worker", "relay"), ("intake", "housekeeping", "notifier", "api")], ids=" ".join)
def test_what_hangs_is_started_again_and_what_idles_is_not(impatient: Supervisor, hanging: tuple[str, ...]) -> None:
    before = impatient.pids
    for name in hanging:
        os.kill(before[name], signal.SIGSTOP)
    eventually(lambda: all(impatient.pids[name] != before[name] for name in hanging))
    with client_of(impatient.url, impatient.api_key) as api:
        assert eventually(lambda: _goes_all_the_way(api))
    after = impatient.pids
    assert {name for name in before if after[name] != before[name]} == {*hanging}


def _goes_all_the_way(api: httpx.Client) -> bool:
    """Whether the API is there again, a command is carried out, and its event published."""
    try:
        answer = api.post(GROUPS, json={"name": "n", "template": "t"})
    except httpx.TransportError:
        return False
    return answer.status_code == 201 and bool(
        eventually(lambda: api.get(f"{GROUPS}/{answer.json()['data']['id']}/events").json()["data"])
    )
