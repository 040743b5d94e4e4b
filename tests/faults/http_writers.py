"""Clients of the HTTP stub that keep every answer, and hold the service to it at the end."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.commands import eventually, fields, new_id, select
from tests.contract.http_api import GROUPS, PROBLEM, client_of, free_port
from tests.faults.stage import API_KEY, Stage

CLIENT_COUNT = 4
OUTCOME_WAIT_SECONDS = 2
REPEAT_SECONDS = 0.2
LONGEST_ANSWER_SECONDS = 30.0
"""Handing over, the wait for the outcome, and a look at the group, each with its own bound."""


@dataclass
class HttpWriters:
    """Each client creates one group after the other, repeating what got a 503 as the answer advises, and reads."""

    url: str
    confirmed: list[str] = field(default_factory=list)
    """Names of groups that were created, says a 201."""
    promised: dict[str, str] = field(default_factory=dict)
    """Command ids by the group's name, of what may still be carried out, says a 202."""
    answers: list[httpx.Response] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _errors: list[BaseException] = field(default_factory=list)

    def write(self) -> None:
        """Write until told to stop, and until the last write has its answer."""
        try:
            with client_of(self.url, API_KEY) as client:
                while not self._stop.is_set():
                    self._create(client, new_id())
                    self._ask(client, "GET", GROUPS, params={"limit": 1})
        except BaseException as error:  # noqa: BLE001 - for the scenario that waits
            self._errors.append(error)

    def stop(self) -> None:
        """Let the clients end after the answer that each of them waits for."""
        self._stop.set()

    def _create(self, client: httpx.Client, name: str) -> None:
        headers = {"Idempotency-Key": name, "Prefer": f"wait={OUTCOME_WAIT_SECONDS}"}
        while True:
            answer = self._ask(client, "POST", GROUPS, json=fields(name=name), headers=headers)
            if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                time.sleep(REPEAT_SECONDS)
            elif answer.status_code == httpx.codes.CREATED:
                return self.confirmed.append(answer.json()["data"]["name"])
            else:
                assert answer.status_code == httpx.codes.ACCEPTED, answer.text
                self.promised[name] = answer.json()["data"]["commandId"]
                return None

    def _ask(self, client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
        answer = client.request(method, path, **more)
        self.answers.append(answer)
        if answer.is_error:
            assert answer.headers["content-type"] == PROBLEM, answer.text
        return answer

    def expect_truth(self, database_url: str) -> None:
        """Every 201 and every 202 came true, once; nobody waited for longer than the bounds allow."""
        if self._errors:
            raise self._errors[0]
        found = select(
            database_url,
            "SELECT name, count(*) FROM job_groups WHERE name = ANY(:names) GROUP BY name",
            names=[*self.confirmed, *self.promised],
        )
        made = {row["name"]: row["count"] for row in found}
        assert made == dict.fromkeys([*self.confirmed, *self.promised], 1)
        longest = max(answer.elapsed.total_seconds() for answer in self.answers)
        assert longest < LONGEST_ANSWER_SECONDS, f"an answer took {longest:.1f} s"


@contextmanager
def http_writers(s: Stage) -> Iterator[HttpWriters]:
    """Start the API and clients that write through it until the block ends; what they were told joins the figures."""
    port = free_port()
    s.actors.start("api", port=port)
    writers = HttpWriters(f"http://127.0.0.1:{port}")
    eventually(lambda: readiness(writers.url) == set())
    threads = [threading.Thread(target=writers.write, name="http-writer", daemon=True) for _ in range(CLIENT_COUNT)]
    for thread in threads:
        thread.start()
    try:
        yield writers
    finally:
        writers.stop()
        for thread in threads:
            thread.join(2 * LONGEST_ANSWER_SECONDS)
    s.http_statuses.update(answer.status_code for answer in writers.answers)
    s.accepted_elsewhere |= set(writers.promised.values())


def readiness(url: str) -> set[str] | None:
    """Return which servers /readyz says are missing; None where nobody listens yet."""
    try:
        answer = httpx.get(f"{url}/readyz", timeout=10, trust_env=False)
    except httpx.TransportError:
        return None
    if answer.status_code == httpx.codes.OK:
        return set()
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
    return {error["field"] for error in answer.json()["errors"]}
