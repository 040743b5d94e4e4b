"""The log of deliveries over HTTP, from a whole service to a receiver that follows the documentation."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.commands import eventually, new_id
from tests.contract.http_api import address, client_of, free_port, new_group, problem_of, wrong_fields
from tests.webhook_receiver import SECRET, answer, in_turn, receiving
from workers.supervision.supervisor import Supervisor

PAGE = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text()


@pytest.fixture
def api(service: Supervisor) -> Iterator[httpx.Client]:
    """On one broker: a notifier talks to none."""
    with client_of(service.url, service.api_key) as client:
        yield client


def group_telling(api: httpx.Client, *channels: dict[str, Any]) -> str:
    """Create a group with these channels and return the address of its deliveries."""
    return f"{address(new_group(api, notifications={'channels': list(channels)}))}/deliveries"


def webhook(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": url, "secret": SECRET, **more}


def listed(api: httpx.Client, deliveries: str, **asked: Any) -> list[dict[str, Any]]:
    response = api.get(deliveries, params=asked)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["data"]
    return found


def test_a_delivery_is_shown_from_its_beginning_to_its_end(api: httpx.Client) -> None:
    with receiving(bad=in_turn(answer(500), answer(204))) as receiver:
        deliveries = group_telling(api, webhook(receiver.url("bad")))
        eventually(lambda: listed(api, deliveries)[0]["attempts"] == 1 and listed(api, deliveries)[0]["error"])
        (pending,) = listed(api, deliveries)
        assert pending["status"] == "pending"
        assert pending["responseStatus"] == 500
        assert (pending["type"], pending["target"]) == ("webhook", receiver.url("bad"))
        assert pending["event"] == "job_group.created"
        assert pending["nextAttemptAt"] > pending["attemptedAt"] > pending["createdAt"]
        one = f"{deliveries}/{pending['id']}"
        eventually(lambda: api.get(one).json()["data"]["status"] == "delivered")
    delivered = api.get(one).json()["data"]
    assert (delivered["attempts"], delivered["responseStatus"], delivered["error"]) == (2, 204, None)
    assert delivered["nextAttemptAt"] is None
    assert delivered["endedAt"]
    assert [event["id"] for event in receiver.taken] == [delivered["eventId"]] * 2
    assert SECRET not in api.get(deliveries).text + api.get(one).text


def test_a_delivery_can_be_asked_for_again(api: httpx.Client) -> None:
    with receiving(gone=in_turn(answer(410), answer(204))) as receiver:
        channel = webhook(receiver.url("gone"), events=["job_group.created"])
        deliveries = group_telling(api, channel)
        eventually(lambda: listed(api, deliveries, status="failed"))
        (failed,) = listed(api, deliveries)
        group = deliveries.removesuffix("/deliveries")

        def channels() -> list[dict[str, Any]]:
            shown: list[dict[str, Any]] = api.get(group).json()["data"]["notifications"]["channels"]
            return shown

        eventually(lambda: [each["enabled"] for each in channels()] == [False])
        assert api.patch(group, json={"notifications": {"channels": [channel]}}).status_code == 200
        again = api.post(f"{deliveries}/{failed['id']}/redeliver")
        assert again.status_code == 202, again.text
        assert again.headers["location"] == f"{deliveries}/{failed['id']}"
        assert (again.json()["data"]["status"], again.json()["data"]["attempts"]) == ("pending", 0)
        eventually(lambda: api.get(again.headers["location"]).json()["data"]["status"] == "delivered")
    assert receiver.ids("gone") == [failed["eventId"]] * 2


def test_the_log_is_paged_and_filtered(api: httpx.Client) -> None:
    with receiving(bad=answer(500)) as receiver:
        good, bad = webhook(receiver.url()), webhook(receiver.url("bad"), events=["job_group.created"])
        deliveries = group_telling(api, good, bad)
        for word in ("pause", "resume"):
            assert api.post(deliveries.replace("deliveries", word)).status_code == 200
        eventually(lambda: len(listed(api, deliveries, status="delivered")) == 3)
    page = api.get(deliveries, params={"limit": 3})
    assert page.json()["total"] == 4
    rest = api.get(page.links["next"]["url"]).json()["data"]
    everything = page.json()["data"] + rest
    assert [each["event"].split(".")[1] for each in everything] == ["resumed", "paused", "created", "created"]
    assert [each["target"] for each in listed(api, deliveries, status="pending")] == [receiver.url("bad")]
    assert wrong_fields(api.get(deliveries, params={"status": "lost"})) == {"status"}
    of_another_list = page.url.join(page.links["next"]["url"]).copy_merge_params({"status": "failed"})
    assert wrong_fields(api.get(of_another_list)) == {"cursor"}


def test_what_is_not_there_is_not_found(api: httpx.Client) -> None:
    group = address(new_group(api))
    problem_of(api.get(f"{group}/deliveries/{new_id()}"), 404, "not_found")
    problem_of(api.post(f"{group}/deliveries/{new_id()}/redeliver"), 404, "not_found")
    elsewhere = group.rpartition("/")[0] + f"/{new_id()}/deliveries"
    problem_of(api.get(elsewhere), 404, "not_found")
    problem_of(api.get(f"{elsewhere}/{new_id()}"), 404, "not_found")
    problem_of(api.post(f"{elsewhere}/{new_id()}/redeliver"), 404, "not_found")


@pytest.fixture
def documented_receiver(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The receiver of docs/notifications.md, as it stands there; its URL, and what it prints."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    port, printed = free_port(), tmp_path / "printed"
    assert code.count("8099") == 1
    with printed.open("w") as output:
        command = [sys.executable, "-u", "-c", code.replace("8099", str(port))]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield f"http://127.0.0.1:{port}/", printed
        finally:
            process.terminate()
            process.wait(10)


def test_the_documented_receiver_works(api: httpx.Client, documented_receiver: tuple[str, Path]) -> None:
    url, printed = documented_receiver
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]{20,}", PAGE))
    eventually(lambda: refuses_a_stranger(url))
    deliveries = group_telling(api, webhook(url, secret=secret), webhook(f"{url}wrong", secret="another secret"))
    eventually(lambda: "ocr_invoice.job_group.created.v1" in printed.read_text())
    eventually(lambda: listed(api, deliveries, status="delivered"))
    eventually(lambda: [each for each in listed(api, deliveries) if each["responseStatus"] == 400])
    assert "Traceback" not in printed.read_text()


def refuses_a_stranger(url: str) -> bool:
    try:
        return httpx.post(url, json={}, trust_env=False).status_code == 400
    except httpx.TransportError:
        return False
