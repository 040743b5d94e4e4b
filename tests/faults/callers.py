"""HTTP callers as an API's documentation asks them to be: what got no answer is repeated, under the same key."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any

import httpx

from tests.commands import eventually, fields, select
from tests.contract.http_api import GROUPS, client_of, free_port
from tests.faults.stage import API_KEY, Stage

GIVE_UP_SECONDS = 60.0
PAUSE_SECONDS = 0.05
PATCH_COUNT = 3
REPEATED = {429, 503}
OK, CREATED, ACCEPTED = 200, 201, 202


def start_api(s: Stage, name: str = "api") -> str:
    """Start a process of the API and return its URL once it answers."""
    port = free_port()
    s.actors.start("api", name, port=port)
    url = f"http://127.0.0.1:{port}"
    wait_until_answering(url)
    return url


def wait_until_answering(url: str) -> None:
    """Return when the API process at `url` accepts."""
    with client_of(url, None) as client:
        eventually(lambda: _answers(client), GIVE_UP_SECONDS)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == OK
    except httpx.TransportError:
        return False


class Caller:
    """One client of all API processes: it stays with one for as long as that answers."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.interrupted_count = 0
        """How often a process accepted a request and was gone before its answer."""
        self.waiting_since: float | None = None
        self.statuses: Counter[int] = Counter()
        self._clients = [client_of(url, API_KEY) for url in urls]
        self._turns = cycle(self._clients)
        self._client = next(self._turns)

    def close(self) -> None:
        """Close its connections."""
        for client in self._clients:
            client.close()

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer of whichever process gives one; what is no answer, or 503, is asked again."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            answer = self._try(method, path, **more)
            if answer is not None and answer.status_code not in REPEATED:
                return answer
            self._client = next(self._turns)
            time.sleep(PAUSE_SECONDS)
        raise AssertionError(f"no answer to {method} {path} within {GIVE_UP_SECONDS:g} s")

    def write(self, method: str, path: str, key: str, json: Any, **headers: str) -> dict[str, Any]:
        """Return the outcome of a write, wherever it is told: its status, and the group's id and version."""
        answer = self.ask(method, path, json=json, headers={"Idempotency-Key": key, **headers})
        if answer.status_code == ACCEPTED:
            return self.outcome(answer.headers["Location"])
        assert answer.status_code in (OK, CREATED), f"{method} {path}: {answer.status_code} {answer.text}"
        return {"groupId": answer.json()["data"]["id"], "version": int(answer.headers["ETag"].strip('"'))}

    def outcome(self, location: str) -> dict[str, Any]:
        """Return the outcome of a command that was answered with 202, once it is there."""
        outcome = eventually(lambda: self._outcome(location), GIVE_UP_SECONDS)
        assert outcome["status"] == "succeeded", outcome
        return outcome

    def _outcome(self, location: str) -> dict[str, Any] | None:
        answer = self.ask("GET", location)
        assert answer.status_code == OK, answer.text
        told: dict[str, Any] = answer.json()["data"]
        return None if told["status"] == "pending" else told

    def _try(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        self.waiting_since = time.monotonic()
        try:
            answer = self._client.request(method, path, **more)
        except httpx.ConnectError:
            return None
        except httpx.TransportError:
            self.interrupted_count += 1
            return None
        finally:
            self.waiting_since = None
        self.statuses.update([answer.status_code])
        return answer


@dataclass
class Written:
    """What a caller believes of a group that nobody else writes to."""

    name: str
    group_id: str
    version: int


@dataclass
class Writers:
    """Callers at once, each making group after group and changing each a few times at the version that it knows."""

    s: Stage
    callers: Sequence[Caller]
    written: list[Written] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _errors: list[BaseException] = field(default_factory=list)

    @property
    def interrupted_count(self) -> int:
        """How many requests broke off."""
        return sum(caller.interrupted_count for caller in self.callers)

    @property
    def answered_count(self) -> int:
        """How many requests were answered."""
        return sum(caller.statuses.total() for caller in self.callers)

    def all_wait(self, seconds: float = 0.5) -> bool:
        """Say whether every caller has waited for its answer so long."""
        began = [caller.waiting_since for caller in self.callers]
        return all(each is not None and time.monotonic() - each > seconds for each in began)

    def run(self, number: int) -> None:
        """Be one of the callers."""
        caller = self.callers[number]
        try:
            for turn in count():
                self.written.append(_write_group(caller, f"written-{number}-{turn}"))
                if self._stopping.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - for the thread that waits
            self._errors.append(error)

    def stop(self) -> None:
        """Let them end, and raise what one of them met."""
        self._stopping.set()

    def check(self) -> None:
        """Each group is there once, as its caller believes; raises AssertionError."""
        for caller in self.callers:
            self.s.http_statuses.update(caller.statuses)
        if self._errors:
            raise self._errors[0]
        sql = "SELECT name, CAST(id AS text), version FROM job_groups WHERE name LIKE 'written-%'"
        stored = sorted((row["name"], row["id"], row["version"]) for row in select(self.s.database_url, sql))
        assert stored == sorted((each.name, each.group_id, each.version) for each in self.written)
        self.s.figures |= {"http_groups": len(stored), "http_interrupted": self.interrupted_count}


def _write_group(caller: Caller, name: str) -> Written:
    """At the version that it expects a change can take effect once: repeated in vain, it would be told 412."""
    told = caller.write("POST", GROUPS, name, fields(name=name))
    written = Written(name, told["groupId"], told["version"])
    for number in range(PATCH_COUNT):
        patch = {"description": f"{name}, change {number}"}
        match = {"If-Match": f'"{written.version}"'}
        told = caller.write("PATCH", f"{GROUPS}/{written.group_id}", f"{name}-{number}", patch, **match)
        assert told["version"] == written.version + 1, told
        written.version += 1
    return written


@contextmanager
def writers(s: Stage, urls: Sequence[str], caller_count: int) -> Iterator[Writers]:
    """Give writers at work; at the end they finish what they began, and all of it is judged."""
    callers = [Caller([*urls[number % len(urls) :], *urls[: number % len(urls)]]) for number in range(caller_count)]
    working = Writers(s, callers)
    threads = [threading.Thread(target=working.run, args=(number,), daemon=True) for number in range(caller_count)]
    for thread in threads:
        thread.start()
    try:
        yield working
    finally:
        working.stop()
        for thread in threads:
            thread.join(GIVE_UP_SECONDS)
        for caller in callers:
            caller.close()
    working.check()


def at_once(calls: Sequence[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """Make all calls at the same moment, and return their answers in the same order."""
    ready = threading.Barrier(len(calls))
    answers: dict[int, httpx.Response] = {}

    def make(number: int) -> None:
        ready.wait(GIVE_UP_SECONDS)
        answers[number] = calls[number]()

    threads = [threading.Thread(target=make, args=(number,), daemon=True) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GIVE_UP_SECONDS)
    return [answers[number] for number in range(len(calls))]
