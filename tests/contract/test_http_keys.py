"""The keys of `jobgroups keys`: made, listed, revoked, and what the HTTP stub makes of that."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text
from typer.testing import CliRunner

from api_stub.known_keys import REVOCATION_SECONDS
from models.api_key import digest_of
from models.store.migrations import upgrade
from models.store.tables import metadata
from settings import Settings
from tests.commands import eventually
from tests.contract.http_api import GROUPS, Service, client_of, environment_of, new_group, problem_of, stub_of
from workers.keys import keys
from workers.supervision import embedded_postgres

KEY = re.compile(r"jg_[\w-]{43}")
BODY = {"name": "n", "template": "t"}


def run(service: Service, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workers.command_line", "keys", *arguments]
    environment = environment_of(service, **settings)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def create(service: Service, *arguments: str, **settings: Any) -> dict[str, Any]:
    """Make a key in this process: starting another for each would take most of the time of these tests."""
    environment = environment_of(service, **settings)
    made = CliRunner().invoke(keys, ["create", *arguments, "--json"], env=environment, catch_exceptions=False)
    assert made.exit_code == 0, made.stderr
    told: dict[str, Any] = json.loads(made.stdout)
    return told


def listed(service: Service) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(run(service, "list", "--json").stdout)
    return told


def status_of(url: str, key: str) -> int:
    with client_of(url, key) as api:
        return api.get(GROUPS, params={"limit": 1}).status_code


@pytest.fixture(scope="module")
def stub(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A stub that logs all it can and knows keys from the table only; its URL and its log."""
    directory = tmp_path_factory.mktemp("stub")
    settings = {"api_keys": "", "log_level": "DEBUG", "wrong_keys_per_minute": 0}
    with stub_of(service, directory, **settings) as url:
        yield url, directory / "api_stub.log"


@pytest.fixture
def url(stub: tuple[str, Path]) -> str:
    return stub[0]


@pytest.fixture
def database_without_keys(service: Service) -> Iterator[str]:
    """A database of its own beside that of the service."""
    url = service.settings.require("database_url")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE without_keys TEMPLATE template0"))
        empty = make_url(url).set(database="without_keys").render_as_string(hide_password=False)
        upgrade(empty)
        yield empty
        connection.execute(text("DROP DATABASE without_keys WITH (FORCE)"))
    admin.dispose()


def test_a_stub_without_a_key_lets_nobody_in_and_says_how_to_make_one(
    service: Service, database_without_keys: str, tmp_path: Path
) -> None:
    with stub_of(service, tmp_path, database_url=database_without_keys, api_keys="") as url:
        assert "jobgroups keys create" in (tmp_path / "api_stub.log").read_text()
        assert status_of(url, "") == status_of(url, "wrong") == 401
        key = create(service, "the first", database_url=database_without_keys)["key"]
        assert status_of(url, key) == 200


def test_a_new_key_is_the_one_line_of_output_and_works_at_once(service: Service, url: str) -> None:
    made = run(service, "create", f"scanner {uuid4()}")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert KEY.fullmatch(key)
    assert key not in made.stderr
    with client_of(url, key) as api:
        new_group(api)


def test_no_two_keys_are_alike(service: Service) -> None:
    first, second = (create(service, str(uuid4())) for _ in range(2))
    assert first["key"] != second["key"]
    assert first["owner"] != second["owner"]
    assert first["owner"] == digest_of(first["key"]).hex()[:16]


def test_a_key_that_only_reads_does_not_write(service: Service, url: str) -> None:
    made = create(service, str(uuid4()), "--read-only")
    assert made["scopes"] == ["read"]
    with client_of(url, made["key"]) as api:
        assert api.get(GROUPS).status_code == 200
        problem_of(api.post(GROUPS, json=BODY), 403, "forbidden")


def test_events_name_the_owner(service: Service, url: str) -> None:
    made = create(service, str(uuid4()))
    with client_of(url, made["key"]) as api:
        group = new_group(api)
    engine = create_engine(service.settings.require("database_url"))
    with engine.connect() as connection:
        actors = connection.execute(text("SELECT actor FROM events WHERE group_id = :id"), group).scalars().all()
    engine.dispose()
    assert set(actors) == {made["owner"]}


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_revoked_key_is_refused_within_its_bound(service: Service, url: str, by: str) -> None:
    made = create(service, str(uuid4()))
    other = create(service, str(uuid4()))
    assert status_of(url, made["key"]) == 200
    assert run(service, "revoke", made[by]).returncode == 0
    revoked_at = time.monotonic()
    eventually(lambda: status_of(url, made["key"]) == 401, REVOCATION_SECONDS)
    assert time.monotonic() - revoked_at < REVOCATION_SECONDS
    assert status_of(url, other["key"]) == 200
    again = run(service, "revoke", made[by])
    assert (again.returncode, again.stdout) == (3, "")
    assert made[by] in again.stderr


def test_a_name_has_one_key_at_a_time(service: Service) -> None:
    name = f"scanner {uuid4()}"
    create(service, name)
    refused = run(service, "create", name)
    assert (refused.returncode, refused.stdout) == (5, "")
    assert name in refused.stderr
    run(service, "revoke", name)
    create(service, name)
    assert [bool(key["revokedAt"]) for key in listed(service) if key["name"] == name] == [True, False]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101])
def test_a_name_can_be_read(service: Service, name: str) -> None:
    assert run(service, "create", name).returncode == 2


def test_the_list_tells_everything_but_the_key(service: Service) -> None:
    made = create(service, f"list [me] {uuid4()}"[:20], "--per-minute", "7")
    (told,) = [key for key in listed(service) if key["id"] == made["id"]]
    assert told == {name: value for name, value in made.items() if name != "key"}
    assert told["perMinute"] == 7
    shown = run(service, "list").stdout
    assert "list [me]" in shown
    assert made["owner"] in shown
    for output in (shown, json.dumps(listed(service))):
        assert not KEY.search(output)
        assert digest_of(made["key"]).hex() not in output


def test_a_key_is_nowhere_to_be_found(service: Service, stub: tuple[str, Path]) -> None:
    url, log = stub
    key = create(service, str(uuid4()))["key"]
    with client_of(url, key) as api:
        new_group(api)
        assert api.get("/commands/none").status_code == 404
        assert api.post(GROUPS, content=b"{").status_code == 415
    assert status_of(url, key + "x") == 401
    eventually(lambda: log.stat().st_size > 0)
    logs = [log, *(service.settings.home / "logs").iterdir()]
    assert len(logs) > 5
    assert not [path.name for path in logs if key in path.read_text(errors="replace")]
    assert not rows_with(service.settings.require("database_url"), key)


def rows_with(database_url: str, needle: str) -> list[str]:
    """Return the rows of all tables that have `needle` anywhere in them."""
    engine = create_engine(database_url)
    with engine.connect() as connection:
        found = [
            row
            for table in metadata.tables
            for row in connection.execute(
                text(f"SELECT t::text FROM {table} t WHERE strpos(t::text, :needle) > 0"), {"needle": needle}
            ).scalars()
        ]
    engine.dispose()
    return found


def test_the_search_for_a_key_would_find_one(service: Service) -> None:
    name = str(uuid4())
    create(service, name)
    assert len(rows_with(service.settings.require("database_url"), name)) == 1


def test_keys_outlive_the_database_and_nobody_is_wrongly_called_a_stranger(service: Service, tmp_path: Path) -> None:
    server = embedded_postgres.start(tmp_path)
    # Redis' own database, for a queue that no worker reads.
    queue = service.settings.require("redis_url").rpartition("/")[0] + "/8"
    try:
        database_url = Settings(database_url=server.url).require("database_url")
        upgrade(database_url)
        made = create(service, "survivor", database_url=server.url)
        settings = {"database_url": server.url, "broker_url": queue, "redis_url": queue}
        with stub_of(service, tmp_path, **settings) as url, client_of(url, made["key"]) as api:
            assert api.get(GROUPS).status_code == 200
            server.stop()
            eventually(lambda: "api_keys_not_read" in (tmp_path / "api_stub.log").read_text())
            problem_of(api.get(GROUPS), 503, "unavailable")
            assert api.post(GROUPS, json=BODY, headers={"Prefer": "respond-async"}).status_code == 202
            api.headers["X-API-Key"] = service.api_key
            assert api.post(GROUPS, json=BODY, headers={"Prefer": "respond-async"}).status_code == 202
            api.headers["X-API-Key"] = "unknown"
            told = problem_of(api.get(GROUPS), 503, "unavailable")
            assert "cannot be checked" in told["detail"]
            del api.headers["X-API-Key"]
            problem_of(api.get(GROUPS), 401, "unauthorized")
    finally:
        server.stop()


def test_without_the_database_the_command_says_so_in_a_sentence(service: Service) -> None:
    refused = run(service, "list", database_url="postgresql://u:hidden@127.0.0.1:1/d")
    assert refused.returncode == 7
    assert "the database does not answer" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "hidden" not in refused.stderr
