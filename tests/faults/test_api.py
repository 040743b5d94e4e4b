"""The HTTP stub: killed while callers wait, asked the same many times at once, and without anybody to answer."""

from functools import partial
from typing import Any

import httpx

from tests.commands import eventually, fields, select
from tests.contract.http_api import GROUPS, client_of
from tests.faults.callers import at_once, start_api, wait_until_answering, writers
from tests.faults.conftest import OpenStage
from tests.faults.stage import API_KEY, Stage

CALLER_COUNT = 50
WAIT_SECONDS = 2
ANSWER_MARGIN_SECONDS = 1.5
CREATED, ACCEPTED, REUSED = 201, 202, 422


def test_api_dies_while_callers_wait(open_stage: OpenStage) -> None:
    """kill -9 of the API while fifty callers wait, three times; each repeats its request under the same key"""
    with open_stage(pause_seconds=0.02) as s:
        url = start_api(s)
        s.load.start()
        with writers(s, [url], CALLER_COUNT) as working:
            for _ in range(3):
                enough = working.answered_count + s.choice.randint(1, 3) * CALLER_COUNT
                eventually(lambda enough=enough: working.answered_count >= enough)
                s.actors.freeze("worker")
                eventually(working.all_wait)
                s.actors.kill("api")
                s.actors.thaw("worker")
                wait_until_answering(url)
            assert working.interrupted_count >= 3 * CALLER_COUNT, "not everybody was interrupted"
        s.healed()
        s.expect_all_invariants()


def test_same_key_fifty_times_at_once(open_stage: OpenStage) -> None:
    """the same Idempotency-Key fifty times at once, at two API processes, ten times over"""
    with open_stage(pause_seconds=0.02) as s:
        urls = [start_api(s, f"api-{number}") for number in range(2)]
        s.load.start()
        for number in range(10):
            key = f"same-{number}"
            answers = _create_at_once(s, urls, key, [fields(name=key)] * CALLER_COUNT)
            _expect_agreement(answers)
            assert _groups_of(s, key) == {answers[0].json()["data"]["id"]: ""}
        s.expect_all_invariants()


def test_same_key_with_another_body(open_stage: OpenStage) -> None:
    """the same Idempotency-Key fifty times at once, one of them with another body, at two API processes, ten times"""
    with open_stage(pause_seconds=0.02) as s:
        urls = [start_api(s, f"api-{number}") for number in range(2)]
        s.load.start()
        for number in range(10):
            key, odd = f"odd-{number}", s.choice.randrange(CALLER_COUNT)
            bodies = [fields(name=key, description="odd" if caller == odd else "") for caller in range(CALLER_COUNT)]
            answers = _create_at_once(s, urls, key, bodies)
            (winner,) = _groups_of(s, key).values()
            for body, answer in zip(bodies, answers, strict=True):
                assert answer.status_code == (CREATED if body["description"] == winner else REUSED), answer.text
            _expect_agreement([each for each in answers if each.status_code == CREATED])
        s.expect_all_invariants()


def test_no_worker(open_stage: OpenStage) -> None:
    """no worker: every write is answered with 202 within its wait, and where that leads tells the outcome later"""
    with open_stage(processes=("relay", "intake", "housekeeping")) as s:
        url = start_api(s)
        s.load.start()
        with client_of(url, API_KEY) as client:
            answers = at_once([partial(_create, s, client, f"late-{number}") for number in range(CALLER_COUNT)])
            assert {answer.status_code for answer in answers} == {ACCEPTED}
            slowest = max(answer.elapsed.total_seconds() for answer in answers)
            s.figures["slowest_answer_seconds"] = round(slowest, 2)
            assert slowest < WAIT_SECONDS + ANSWER_MARGIN_SECONDS
            assert {_outcome(client, answer)["status"] for answer in answers} == {"pending"}
            s.load.wait()
            s.actors.start("worker")
            s.healed()
            for number, answer in enumerate(answers):
                outcome = eventually(partial(_settled, client, answer), 60)
                assert outcome["status"] == "succeeded"
                assert _groups_of(s, f"late-{number}").keys() == {outcome["groupId"]}
        s.expect_all_invariants()


def _create_at_once(s: Stage, urls: list[str], key: str, bodies: list[dict[str, Any]]) -> list[httpx.Response]:
    """Callers take turns at the API processes; a wait is long enough for every outcome."""
    clients = [client_of(url, API_KEY) for url in urls]
    headers = {"Idempotency-Key": key, "Prefer": "wait=30"}
    calls = [
        partial(clients[number % len(clients)].post, GROUPS, json=body, headers=headers)
        for number, body in enumerate(bodies)
    ]
    answers = at_once(calls)
    for client in clients:
        client.close()
    s.http_statuses.update(answer.status_code for answer in answers)
    return answers


def _create(s: Stage, client: httpx.Client, name: str) -> httpx.Response:
    answer = client.post(GROUPS, json=fields(name=name), headers={"Prefer": f"wait={WAIT_SECONDS}"})
    s.http_statuses.update([answer.status_code])
    return answer


def _outcome(client: httpx.Client, accepted: httpx.Response) -> dict[str, Any]:
    told: dict[str, Any] = client.get(accepted.headers["Location"]).raise_for_status().json()["data"]
    return told


def _settled(client: httpx.Client, accepted: httpx.Response) -> dict[str, Any] | None:
    told = _outcome(client, accepted)
    return None if told["status"] == "pending" else told


def _expect_agreement(answers: list[httpx.Response]) -> None:
    assert {answer.status_code for answer in answers} == {CREATED}, [answer.text for answer in answers]
    assert len({answer.content for answer in answers}) == 1
    assert len({(answer.headers["ETag"], answer.headers["Location"]) for answer in answers}) == 1


def _groups_of(s: Stage, name: str) -> dict[str, str]:
    """The description of each group of that name, by the group's id."""
    sql = "SELECT CAST(id AS text), COALESCE(description, '') AS description FROM job_groups WHERE name = :name"
    return {row["id"]: row["description"] for row in select(s.database_url, sql, name=name)}
