"""The headers that every answer has, whatever went wrong."""

import asyncio
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from api_stub.app import create_app
from api_stub.security_headers import EVERYWHERE
from models.commands import MAX_COMMAND_BYTES
from settings import Settings
from tests.contract.http_api import GROUPS, UNKNOWN_GROUP, Service, address, client_of, new_group, problem_of, stub_of

JSON = {"Content-Type": "application/json"}
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def api(service: Service) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", GROUPS, {}, 200),
        ("GET", "/healthz", {}, 200),
        ("GET", "/openapi.json", {}, 200),
        ("POST", GROUPS, {"headers": JSON, "content": b"{"}, 400),
        ("GET", GROUPS, {"headers": {"X-API-Key": ""}}, 401),
        ("GET", "/nothing", {}, 404),
        ("GET", UNKNOWN_GROUP, {}, 404),
        ("DELETE", GROUPS, {}, 405),
        ("POST", GROUPS, {"headers": JSON, "content": b" " * (MAX_COMMAND_BYTES + 1)}, 413),
        ("POST", GROUPS, {"content": b"{}"}, 415),
        ("GET", GROUPS, {"params": {"limit": "x"}}, 422),
    ],
)
def test_every_answer_has_them(api: httpx.Client, method: str, path: str, sent: dict[str, object], status: int) -> None:
    response = api.request(method, path, **sent)  # type: ignore[arg-type]
    assert response.status_code == status
    assert_guarded(response)
    assert response.headers["cache-control"] == "no-store"


def assert_guarded(response: httpx.Response) -> None:
    headers = response.headers
    assert EVERYWHERE.items() <= {name: headers.get(name) for name in EVERYWHERE}.items()
    assert "server" not in headers
    assert "strict-transport-security" not in headers


def test_an_unexpected_error_has_them_too_and_the_name_of_its_request() -> None:
    nowhere = {"database_url": "postgresql://nobody@127.0.0.1:1/none", "broker_url": "redis://127.0.0.1:1/0"}
    app = create_app(Settings(**nowhere))

    @app.get("/broken")
    async def broken() -> None:
        raise LookupError("a secret of the service")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get("/broken", headers={"X-Request-ID": "mine"})

    response = asyncio.run(ask())
    assert "secret" not in str(problem_of(response, 500, "internal_error"))
    assert_guarded(response)
    assert response.headers["x-request-id"] == "mine"


def test_what_has_an_etag_may_be_kept_but_not_believed(api: httpx.Client) -> None:
    group = new_group(api)
    read = api.get(address(group))
    unchanged = api.get(address(group), headers={"If-None-Match": read.headers["etag"]})
    assert (read.status_code, unchanged.status_code) == (200, 304)
    for response in (read, unchanged):
        assert response.headers["cache-control"] == "private, no-cache"


def test_only_over_https_is_a_browser_told_to_stay_there(service: Service, tmp_path: Path) -> None:
    with stub_of(service, tmp_path, trusted_proxies="127.0.0.1") as url:
        for scheme, told in (("https", "max-age=31536000"), ("http", None)):
            response = httpx.get(url + "/healthz", headers={"X-Forwarded-Proto": scheme}, trust_env=False)
            assert response.headers.get("strict-transport-security") == told


def test_the_documentation_lets_only_its_own_scripts_run(api: httpx.Client) -> None:
    page = api.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    (inline,) = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'" in policy


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH (apt-get install chromium)")
def test_a_browser_shows_the_documentation(service: Service, tmp_path: Path) -> None:
    assert CHROMIUM
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server", "--enable-logging=stderr"]
    command = [CHROMIUM, *options, f"--user-data-dir={tmp_path}", "--virtual-time-budget=10000", "--dump-dom"]
    shown = subprocess.run([*command, f"{service.url}/docs"], capture_output=True, text=True, timeout=60, check=False)
    assert shown.stdout.count('class="opblock opblock-') >= 20, shown.stderr
    assert "violates" not in shown.stderr
