"""Logging in and out, and what a session is good for: asked without a browser, which would hide most of it."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from redis import Redis

from api_stub.console.sessions import SESSION_SECONDS
from api_stub.console.visitors import COOKIE
from api_stub.known_keys import REVOCATION_SECONDS
from tests.command_line import jobgroups
from tests.commands import eventually, new_id
from tests.contract.http_api import Service, client_of, new_group, stub_of
from workers.supervision.supervisor import Supervisor

LOGIN = "/console/login"


@pytest.fixture
def visitor(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, None) as client:
        client.headers["Origin"] = service.url
        yield client


def log_in(visitor: httpx.Client, key: str, **more: str) -> httpx.Response:
    return visitor.post(LOGIN, data={"key": key, **more})


def is_in(visitor: httpx.Client) -> bool:
    return visitor.get("/console/").status_code == 200


@pytest.mark.parametrize("path", ["/console/", "/console/flow", "/console/dead-letters?reason=undecodable"])
def test_a_stranger_is_led_to_the_login_and_from_there_back(visitor: httpx.Client, service: Service, path: str) -> None:
    led = visitor.get(path)
    assert (led.status_code, led.headers["location"].partition("?")[0]) == (303, LOGIN)
    form = visitor.get(led.headers["location"])
    assert f'name="to" value="{path}"' in form.text
    assert log_in(visitor, service.api_key, to=path).headers["location"] == path
    assert visitor.get(path).status_code == 200


@pytest.mark.parametrize("to", ["https://example.com/", "//example.com/console/", "/docs", "/console"])
def test_a_login_leads_nowhere_else(visitor: httpx.Client, service: Service, to: str) -> None:
    assert log_in(visitor, service.api_key, to=to).headers["location"] == "/console/"


def test_the_cookie_is_for_the_console_alone_and_holds_no_key(visitor: httpx.Client, service: Supervisor) -> None:
    cookie = log_in(visitor, service.api_key).headers["set-cookie"]
    assert service.api_key not in cookie
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "path=/console", "samesite=strict"}
    with Redis.from_url(service.settings.require("redis_url")) as redis:
        kept = list(redis.scan_iter("ocr_invoice.sessions.*"))
        assert kept
        assert all(0 < redis.ttl(name) <= SESSION_SECONDS for name in kept)
        told = b"".join([*kept, *(redis.get(name) or b"" for name in kept)])
    assert service.api_key.encode() not in told
    assert visitor.cookies[COOKIE].encode() not in told


def test_behind_https_the_cookie_is_for_https_alone(service: Service, tmp_path: Path) -> None:
    with stub_of(service, tmp_path, trusted_proxies="127.0.0.1") as url, client_of(url, None) as visitor:
        visitor.headers.update({"Origin": url.replace("http", "https"), "X-Forwarded-Proto": "https"})
        assert "secure" in log_in(visitor, service.api_key).headers["set-cookie"].lower()


def test_a_session_ends_with_the_logout_for_everybody_who_has_its_token(
    visitor: httpx.Client, service: Service
) -> None:
    log_in(visitor, service.api_key)
    stolen = dict(visitor.cookies)
    assert is_in(visitor)
    assert visitor.post("/console/logout").headers["location"] == LOGIN
    with client_of(service.url, None) as thief:
        thief.cookies.update(stolen)
        assert not is_in(thief)


def test_a_session_ends_with_the_next_login(visitor: httpx.Client, service: Service) -> None:
    log_in(visitor, service.api_key)
    before = dict(visitor.cookies)
    log_in(visitor, service.api_key)
    assert dict(visitor.cookies) != before
    assert is_in(visitor)
    with client_of(service.url, None) as other:
        other.cookies.update(before)
        assert not is_in(other)


def test_a_session_ends_with_its_key(visitor: httpx.Client, service: Supervisor) -> None:
    name = f"console {new_id()}"
    key = jobgroups(service.settings, "keys", "create", name).stdout.split()[0]
    log_in(visitor, key)
    assert is_in(visitor)
    assert jobgroups(service.settings, "keys", "revoke", name).exit_code == 0
    assert eventually(lambda: not is_in(visitor), REVOCATION_SECONDS + 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": ""},
    ],
)
def test_another_site_can_neither_write_nor_log_in(
    visitor: httpx.Client, service: Service, headers: dict[str, str]
) -> None:
    with client_of(service.url, service.api_key) as api:
        group = new_group(api)
        log_in(visitor, service.api_key)
        pause = f"/console/groups/{group['id']}/pause"
        assert visitor.post(pause, headers=headers).status_code == 403
        assert visitor.post(LOGIN, data={"key": service.api_key}, headers=headers).status_code == 403
        assert visitor.post("/console/logout", headers=headers).status_code == 403
        assert api.get(f"/ocr-invoice-job-groups/{group['id']}").json()["data"]["status"] == "queued"
    assert visitor.post(pause).status_code == 303


def test_a_key_that_reads_does_not_write_here_either(service: Service, tmp_path: Path) -> None:
    with (
        client_of(service.url, service.api_key) as api,
        stub_of(service, tmp_path, api_keys="reader-of-this-test:read") as url,
        client_of(url, None) as visitor,
    ):
        group = new_group(api)
        visitor.headers["Origin"] = url
        log_in(visitor, "reader-of-this-test")
        here = f"/console/groups/{group['id']}"
        shown = visitor.get(here).text
        assert "Pause" not in shown
        assert "reads only" in shown
        assert re.findall(r'<form[^>]*method="post" action="([^"]+)"', shown) == ["/console/logout"]
        letter, delivery = f"/console/dead-letters/{new_id()}", f"{here}/deliveries/{new_id()}"
        for write in (f"{here}/pause", f"{letter}/replay", f"{letter}/discard", f"{delivery}/redeliver"):
            assert visitor.post(write).status_code == 403, write


def test_wrong_keys_are_held_against_their_address(service: Service, tmp_path: Path) -> None:
    with stub_of(service, tmp_path, wrong_keys_per_minute=3) as url, client_of(url, None) as visitor:
        visitor.headers["Origin"] = url
        statuses = [log_in(visitor, f"wrong {number}").status_code for number in range(5)]
        assert 401 in statuses
        assert statuses[-1] == 429
        assert log_in(visitor, service.api_key).status_code == 303


def test_a_link_from_elsewhere_finds_whoever_is_logged_in(visitor: httpx.Client) -> None:
    """A browser keeps the cookie back for such a request: the page that is answered makes it come again."""
    followed = visitor.get("/console/", headers={"Sec-Fetch-Site": "cross-site"})
    assert 'http-equiv="refresh"' in followed.text
    assert visitor.get("/console/", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_the_live_feed_takes_a_session(visitor: httpx.Client, service: Service) -> None:
    asked = {"Accept": "text/event-stream"}
    assert visitor.get("/console/events", headers=asked).status_code == 401
    log_in(visitor, service.api_key)
    with visitor.stream("GET", "/console/events", headers=asked) as stream:
        assert stream.status_code == 200
        assert next(stream.iter_lines()).startswith("retry:")


@pytest.mark.parametrize(
    "path",
    ["/console/nothing", "/console/groups/nothing", f"/console/groups/{UUID(int=0)}", "/console/?cursor=x"],
)
def test_what_goes_wrong_is_told_as_a_page(visitor: httpx.Client, service: Service, path: str) -> None:
    log_in(visitor, service.api_key)
    told = visitor.get(path)
    assert told.status_code in (404, 422)
    assert told.headers["content-type"].startswith("text/html")
    assert "<h1>" in told.text
    assert "script-src 'self'" in told.headers["content-security-policy"]
