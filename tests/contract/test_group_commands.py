"""`jobgroups create`, `get`, `list`, `update` and `delete`: what is typed, what it does, how it ends."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.contract.http_api import GROUPS, address, client_of, free_port, new_group
from tests.operating import invoke, operator_of, run
from workers.exit_codes import ExitCode
from workers.supervision.supervisor import Supervisor


@pytest.fixture(scope="module")
def operator(service: Supervisor) -> dict[str, str]:
    return operator_of(service)


@pytest.fixture(scope="module")
def api(service: Supervisor) -> Iterator[httpx.Client]:
    with client_of(service.url, service.api_key) as client:
        yield client


def told(operator: dict[str, str], *arguments: str | Path, typed: str | None = None) -> dict[str, Any]:
    """Return the one JSON document that the command writes."""
    done = invoke(operator, *arguments, "--json", typed=typed)
    assert (done.exit_code, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_group_has_every_field_that_was_typed(operator: dict[str, str], api: httpx.Client) -> None:
    created = told(
        operator,
        *("create", "--name", "March", "--template", "standard-invoice", "--description", "all of [Lyon]"),
        *("--batch-number", "B-7", "--priority", "high", "--tag", "2023", "--tag", "lyon"),
        *("--metadata", "site=Lyon", "--metadata", "note=a=b", "--settings", '{"maxAttempts": 5}'),
        *("--notifications", '{"channels": [{"type": "email", "to": ["a@example.com"]}]}'),
        *("--created-by", "ann", "--assigned-to", "bob"),
    )
    assert api.get(address(created)).json()["data"] == created
    assert (created["name"], created["template"], created["description"]) == (
        "March",
        "standard-invoice",
        "all of [Lyon]",
    )
    assert (created["batchNumber"], created["priority"], created["tags"]) == ("B-7", "high", ["2023", "lyon"])
    assert created["metadata"] == {"site": "Lyon", "note": "a=b"}
    assert created["processingSettings"]["maxAttempts"] == 5
    assert created["notifications"]["channels"][0]["to"] == ["a@example.com"]
    assert (created["createdBy"], created["assignedTo"]) == ("ann", "bob")
    shown = invoke(operator, "get", created["id"])
    assert shown.exit_code == 0
    for part in (created["id"], "March", "all of [Lyon]", "site", "queued", "0 %", "maxAttempts"):
        assert part in shown.stdout
    assert told(operator, "get", created["id"]) == created


def test_fields_come_from_a_file_and_options_go_over_it(operator: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "group.json"
    file.write_text('{"name": "Été", "template": "t", "tags": ["a"]}')
    created = told(operator, "create", "--file", file, "--template", "other")
    assert (created["name"], created["template"], created["tags"]) == ("Été", "other", ["a"])
    created = told(operator, "create", "--file", "-", typed='{"name": "typed", "template": "t"}')
    assert created["name"] == "typed"


def test_an_update_changes_what_it_names_and_nothing_else(operator: dict[str, str], api: httpx.Client) -> None:
    group = new_group(api, description="old", tags=["a"], metadata={"site": "Lyon", "line": 4}, assignedTo="ann")
    changed = told(
        operator,
        *("update", group["id"], "--priority", "urgent", "--metadata", "site=Paris", "--description", ""),
        *("--unset", "assignedTo", "--expected-version", "1"),
    )
    assert (changed["priority"], changed["description"], changed["assignedTo"]) == ("urgent", "", None)
    assert (changed["metadata"], changed["tags"]) == ({"site": "Paris", "line": 4}, ["a"])
    assert (changed["name"], changed["version"]) == (group["name"], 2)


def test_a_replacement_puts_the_rest_back(operator: dict[str, str], api: httpx.Client) -> None:
    group = new_group(api, description="old", tags=["a"], priority="urgent")
    replaced = told(operator, "update", group["id"], "--replace", "--name", "new", "--template", "other")
    assert (replaced["name"], replaced["template"], replaced["priority"]) == ("new", "other", "medium")
    assert (replaced["description"], replaced["tags"]) == (None, [])


def test_a_deleted_group_is_gone(operator: dict[str, str], api: httpx.Client) -> None:
    kept, group = new_group(api), new_group(api)
    unasked = invoke(operator, "delete", group["id"], typed="n\n")
    assert (unasked.exit_code, api.get(address(group)).status_code) == (ExitCode.UNEXPECTED, 200)
    assert told(operator, "delete", group["id"], "--yes", "--expected-version", "1") == {"deleted": group["id"]}
    assert api.get(address(group)).status_code == 404
    assert api.get(address(kept)).status_code == 200


def test_a_list_of_any_length_is_read_page_by_page(operator: dict[str, str], api: httpx.Client) -> None:
    tag = f"list-{uuid4()}"
    names = [new_group(api, name=f"{number:03}", tags=[tag])["name"] for number in range(103)]
    narrow = ("list", "--filter", json.dumps({"tags": tag}), "--sort", "name", "--order", "asc")
    lines = invoke(operator, *narrow, "--all", "--json").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == names
    lines = invoke(operator, *narrow, "--limit", "102", "--json").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == names[:102]
    table = invoke(operator, *narrow, "--limit", "2").stdout
    assert ("000" in table, "001" in table, "002" in table) == (True, True, False)
    assert "2 of 103" in table
    assert "0 %" in table


def test_a_search_finds_words(operator: dict[str, str], api: httpx.Client) -> None:
    word = f"w{uuid4().hex}"
    group = new_group(api, name=f"about {word}")
    found = invoke(operator, "list", "--search", word, "--json").stdout
    assert json.loads(found)["id"] == group["id"]
    assert invoke(operator, "list", "--search", f"{word}x", "--json").stdout == ""


@pytest.mark.parametrize(
    ("arguments", "status", "sentences"),
    [
        (["get", "{missing}"], ExitCode.NOT_FOUND, ["there is no job group {missing}"]),
        (["update", "{missing}", "--name", "x"], ExitCode.NOT_FOUND, ["there is no job group"]),
        (["delete", "{missing}", "--yes"], ExitCode.NOT_FOUND, ["there is no job group"]),
        (["update", "{group}", "--name", "x", "--expected-version", "9"], ExitCode.CONFLICT, ["at version 1, not 9"]),
        (["delete", "{group}", "--yes", "--expected-version", "9"], ExitCode.CONFLICT, ["at version 1, not 9"]),
        (["create", "--name", " "], ExitCode.REJECTED, ["  name: must not be blank", "  template: Field required"]),
        (
            ["update", "{group}", "--settings", '{"maxAttempts": 0}'],
            ExitCode.REJECTED,
            ["processingSettings.maxAttempts"],
        ),
        (["list", "--filter", '{"nmae": "x"}'], ExitCode.REJECTED, ["filter"]),
        (["list", "--sort", "nothing"], ExitCode.REJECTED, ["sort: must be one of"]),
        (["update", "{group}"], ExitCode.USAGE, ["name what to change"]),
        (["update", "{group}", "--unset", "nmae"], ExitCode.USAGE, ["there is no field 'nmae'"]),
        (["create", "--metadata", "site"], ExitCode.USAGE, ["is not KEY=VALUE"]),
        (["create", "--settings", "[]"], ExitCode.USAGE, ["must be a JSON object"]),
        (["create", "--priority", "soon"], ExitCode.USAGE, ["soon"]),
        (["get", "march"], ExitCode.USAGE, ["GROUP"]),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    operator: dict[str, str], api: httpx.Client, arguments: list[str], status: ExitCode, sentences: list[str]
) -> None:
    names = {"missing": str(uuid4()), "group": new_group(api)["id"]}

    def filled(text: str) -> str:
        for name, id_ in names.items():
            text = text.replace(f"{{{name}}}", id_)
        return text

    done = invoke(operator, *map(filled, arguments))
    assert (done.exit_code, done.stdout) == (status, ""), done.stderr
    assert isinstance(done.exception, SystemExit)
    for sentence in sentences:
        assert filled(sentence) in done.stderr


def test_a_wrong_key_is_a_wrong_setting(operator: dict[str, str]) -> None:
    done = invoke(operator | {"JOBGROUPS_API_KEY": "wrong"}, "list")
    assert (done.exit_code, "X-API-Key" in done.stderr) == (ExitCode.USAGE, True)


def test_an_api_that_is_away_is_unreachable(operator: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = invoke(operator | {"JOBGROUPS_URL": url}, "create", "--name", "n", "--template", "t")
    assert (done.exit_code, done.stdout) == (ExitCode.UNREACHABLE, "")
    assert f"{url} does not answer" in done.stderr


def test_a_running_service_is_found_by_what_it_wrote(
    service: Supervisor, operator: dict[str, str], tmp_path: Path
) -> None:
    stranger = {name: value for name, value in operator.items() if not name.startswith("JOBGROUPS_")}
    shutil.copy(service.settings.home / "env", tmp_path / "env")
    found = run(stranger | {"JOBGROUPS_HOME": str(tmp_path)}, "list", "--json", "--limit", "1")
    assert (found.returncode, found.stderr) == (0, "")
    missing = run(stranger | {"JOBGROUPS_HOME": str(tmp_path / "nowhere")}, "list")
    assert (missing.returncode, "JOBGROUPS_URL is not set" in missing.stderr) == (ExitCode.USAGE, True)


def test_a_lost_answer_makes_no_second_group(service: Supervisor, operator: dict[str, str], api: httpx.Client) -> None:
    """The connection breaks between the request, which was carried out, and its answer."""
    name = f"lost {uuid4()}"
    with answers_lost(service.url, count=1) as url:
        created = told(operator | {"JOBGROUPS_URL": url}, "create", "--name", name, "--template", "t")
    found = api.get(GROUPS, params={"filter": json.dumps({"name": name})}).json()["data"]
    assert [group["id"] for group in found] == [created["id"]]


@contextmanager
def answers_lost(service_url: str, count: int) -> Iterator[str]:
    """Give the address of a proxy that passes requests on, and closes the connection instead of the first answers."""
    left = count

    class LosingAnswers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal left
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = httpx.post(service_url + self.path, content=body, headers=dict(self.headers), trust_env=False)
            if left:
                left -= 1
                self.connection.shutdown(SHUT_RDWR)
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), LosingAnswers) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
        assert left == 0, "no answer was lost"
