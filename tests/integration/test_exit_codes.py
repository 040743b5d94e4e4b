"""How commands end where they cannot do what was asked, and what a program reads of what they did."""

import json
from typing import Any

import pytest

from models.dead_letter import DeadLetterReason
from models.store.engine import make_engine
from models.store.migrations import revisions
from settings import Settings
from tasks.dead_letters import bury_command
from tests.command_line import jobgroups, jobgroups_process
from tests.commands import create, new_id
from tests.contract.http_api import free_port
from workers.exit_codes import ExitCode

SOMEBODY = "0186071a-5d40-7000-8000-000000000001"
ASKING = [
    ("keys", "list"),
    ("explain", SOMEBODY),
    ("reconcile",),
    ("migrate",),
    ("dead-letters", "list"),
    ("dead-letters", "discard", SOMEBODY),
    ("events", "replay", "--after", "0"),
]


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_a_database_that_is_away_is_status_7_and_one_sentence(words: tuple[str, ...]) -> None:
    ended = jobgroups_process(*words, database_url=f"postgresql://me:secret-word@127.0.0.1:{free_port()}/jobs")
    assert (ended.returncode, ended.stdout) == (ExitCode.UNREACHABLE, "")
    assert "the database does not answer" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secret-word" not in ended.stderr


def test_a_setting_or_an_argument_that_is_wrong_is_status_2() -> None:
    assert jobgroups_process("keys", "list").returncode == ExitCode.USAGE
    assert jobgroups_process("explain", "no-id").returncode == ExitCode.USAGE
    ended = jobgroups_process("events", "tail", url="localhost:8080")
    assert ended.returncode == ExitCode.USAGE
    assert "JOBGROUPS_URL" in ended.stderr


def answer(settings: Settings, *words: str, status: ExitCode = ExitCode.FINE) -> Any:
    """Return what `words` and --json answer: one JSON document in one line."""
    ended = jobgroups(settings, *words, "--json")
    assert ended.exit_code == status, ended.output
    assert ended.stdout.count("\n") == 1
    return json.loads(ended.stdout)


@pytest.fixture
def settings(clean_database: str, redis_url: str) -> Settings:
    return Settings(database_url=clean_database, broker_url=redis_url)


def test_programs_read_what_became_of_a_key(settings: Settings) -> None:
    made = answer(settings, "keys", "create", "scanner")
    revoked = answer(settings, "keys", "revoke", "scanner")
    assert revoked["revokedAt"].endswith("Z")
    assert made.keys() - revoked.keys() == {"key"}
    assert answer(settings, "keys", "list") == [revoked]


def test_programs_read_what_became_of_dead_letters(settings: Settings) -> None:
    engine = make_engine(settings.require("database_url"))
    bury_command(engine, create(new_id()), DeadLetterReason.HANDLING_FAILED, "why")
    engine.dispose()
    (letter,) = answer(settings, "dead-letters", "list")
    assert answer(settings, "dead-letters", "show", letter["id"])["bodyForm"] == "json"
    assert answer(settings, "dead-letters", "replay", letter["id"]) == {"id": letter["id"], "commandCount": 1}
    assert answer(settings, "dead-letters", "discard", letter["id"]) == {"discarded": [letter["id"]]}


def test_programs_read_that_nothing_was_discarded(settings: Settings) -> None:
    assert answer(settings, "dead-letters", "discard", SOMEBODY, status=ExitCode.NOT_FOUND) == {"discarded": []}


def test_programs_read_of_the_schema_and_of_drift(settings: Settings) -> None:
    assert answer(settings, "migrate") == {"revision": revisions()[0]}
    assert answer(settings, "reconcile") == []
