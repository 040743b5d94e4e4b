"""Faults of the settings, the disk, the API and of everything at once, each planted for real."""

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiosmtpd.smtp import AuthResult

from tests.contract.http_api import free_port, stub_of
from tests.e2e.doctor.diagnosis import FAULT, FINE, NOT_CHECKED, WARNING, Diagnosis, variables_of
from tests.mail_server import Mailbox, mail_server
from tests.tcp_proxy import TcpProxy
from workers.supervision.supervisor import Supervisor

WITHIN_SECONDS = 15
IN_A_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-euc")
OLDER_STUB = """
import runpy
from models import names
names.API_VERSION = "0.9.0"
runpy.run_module("api_stub", run_name="__main__")
"""


@pytest.fixture
def variables(service: Supervisor) -> dict[str, str]:
    return variables_of(service)


def test_nothing_is_set_and_nothing_runs(tmp_path: Path) -> None:
    diagnosis = Diagnosis(home=str(tmp_path))
    assert diagnosis.those_found(FAULT) == {"database", "broker", "outcomes"}
    assert diagnosis.verdicts("API") == [NOT_CHECKED]
    assert "jobgroups run" in diagnosis.text_of("database")


def test_a_variable_that_nothing_reads(variables: dict[str, str]) -> None:
    diagnosis = Diagnosis(**variables, broker_uri="redis://elsewhere", qwertz="1")
    assert diagnosis.those_found(FAULT) == {"variables"}
    assert "Nothing reads JOBGROUPS_BROKER_URI, JOBGROUPS_QWERTZ" in diagnosis.text_of("variables")
    assert "Did you mean JOBGROUPS_BROKER_URL? Remove JOBGROUPS_QWERTZ." in diagnosis.text_of("variables")


@pytest.mark.parametrize(("name", "value"), [("port", "http"), ("engine_max_pages", "none"), ("url", "localhost:8080")])
def test_a_setting_that_cannot_be_read(variables: dict[str, str], name: str, value: str) -> None:
    diagnosis = Diagnosis(**variables | {name: value})
    assert diagnosis.verdicts("settings") == [FAULT]
    assert f"JOBGROUPS_{name.upper()}: " in diagnosis.text_of("settings")


def test_rabbitmq_without_a_redis(tmp_path: Path) -> None:
    diagnosis = Diagnosis(home=str(tmp_path), broker_url=f"amqp://127.0.0.1:{free_port()}//")
    assert diagnosis.verdicts("settings", "outcomes") == [FAULT, FAULT]
    assert "Set JOBGROUPS_REDIS_URL" in diagnosis.text_of("settings")


def test_an_engine_that_is_more_patient_than_a_lease(variables: dict[str, str]) -> None:
    diagnosis = Diagnosis(**variables, engine_fetch_timeout_seconds="400")
    assert diagnosis.verdicts("settings") == [WARNING]


def test_addresses_of_an_earlier_run(variables: dict[str, str]) -> None:
    diagnosis = Diagnosis(**variables | {"url": f"http://127.0.0.1:{free_port()}"})
    assert diagnosis.verdicts("addresses", "API") == [WARNING, FAULT]
    assert "JOBGROUPS_URL: not what the service" in diagnosis.text_of("addresses")


def test_a_disk_that_is_nearly_full(variables: dict[str, str], tmp_path: Path) -> None:
    mount = f'mount -t tmpfs -o size=8m tmpfs "{tmp_path}"'
    possible = subprocess.run([*IN_A_NAMESPACE, mount], capture_output=True, text=True, check=False)
    if possible.returncode:
        pytest.skip(f"nothing may be mounted here, in a namespace of its own either: {possible.stderr.strip()}")
    diagnosis = Diagnosis(before=[*IN_A_NAMESPACE, f'{mount}; exec "$@"', "sh"], **variables | {"home": str(tmp_path)})
    assert diagnosis.verdicts("disk") == [FAULT]
    assert "8 MiB are free" in diagnosis.text_of("disk")


def test_no_api(variables: dict[str, str], tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    diagnosis = Diagnosis(**variables | {"home": str(tmp_path), "url": url})
    assert diagnosis.those_found(FAULT) == {"API"}
    assert url in diagnosis.text_of("API")
    assert diagnosis.verdicts("API version", "your key") == [NOT_CHECKED, NOT_CHECKED]


def test_no_mail_server(variables: dict[str, str]) -> None:
    assert "no mail is sent" in Diagnosis(**variables).text_of("mail")
    url = f"smtp://127.0.0.1:{free_port()}"
    diagnosis = Diagnosis(**variables, smtp_url=url, mail_from="a@example.com")
    assert diagnosis.those_found(FAULT) == {"mail"}
    assert "JOBGROUPS_SMTP_URL" in diagnosis.text_of("mail")


def test_a_wrong_password_for_the_mail_server(variables: dict[str, str]) -> None:
    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
        known = given.password == b"right"
        return AuthResult(success=known, handled=known)

    with mail_server(Mailbox(), authenticator=authenticate, auth_require_tls=False) as port:
        url = f"smtp://me:{{}}@127.0.0.1:{port}"
        right, wrong = (
            Diagnosis(**variables, smtp_url=url.format(password), mail_from="a@example.com")
            for password in ("right", "wrong-word")
        )
    assert right.verdicts("mail") == [FINE]
    assert wrong.verdicts("mail") == [FAULT]
    assert "Correct the user and the password in JOBGROUPS_SMTP_URL" in wrong.text_of("mail")
    assert "wrong-word" not in wrong.text


def test_a_proxy_is_for_other_machines(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    assert Diagnosis(**variables).verdicts("API", "your key") == [FINE, FINE]


def test_what_answers_is_not_the_api(variables: dict[str, str]) -> None:
    redis = urlsplit(variables["redis_url"])
    diagnosis = Diagnosis(**variables | {"url": f"http://127.0.0.1:{redis.port}"})
    assert diagnosis.verdicts("API", "your key") == [FAULT, NOT_CHECKED]


def test_a_key_that_the_api_does_not_know(variables: dict[str, str]) -> None:
    diagnosis = Diagnosis(**variables | {"api_key": "not-a-key"})
    assert diagnosis.verdicts("API", "your key") == [FINE, FAULT]
    assert "not-a-key" not in diagnosis.text


def test_an_older_api(service: Supervisor, variables: dict[str, str], tmp_path: Path) -> None:
    with stub_of(service, tmp_path, program=(sys.executable, "-c", OLDER_STUB)) as url:
        diagnosis = Diagnosis(**variables | {"url": url})
    assert diagnosis.verdicts("API", "API version", "your key") == [FINE, WARNING, FINE]
    assert "0.9.0" in diagnosis.text_of("API version")


def test_an_api_that_is_not_ready(service: Supervisor, variables: dict[str, str], tmp_path: Path) -> None:
    with stub_of(service, tmp_path, broker_url=f"redis://127.0.0.1:{free_port()}/0") as url:
        diagnosis = Diagnosis(**variables | {"url": url})
    assert diagnosis.verdicts("API", "broker") == [FAULT, FINE]
    assert "broker does not answer" in diagnosis.text_of("API")


def test_servers_that_say_nothing_are_told_within_a_bound(service: Supervisor) -> None:
    """Each accepts connections, as a firewall does that has forgotten them, and says nothing."""
    redis = urlsplit(service.settings.require("redis_url"))
    with ExitStack() as stack:
        ports = []
        for _ in range(4):
            proxy = stack.enter_context(TcpProxy((str(redis.hostname), redis.port or 0)))
            proxy.fall_silent()
            ports.append(proxy.port)
        database, broker, outcomes, api = ports
        began_at = time.monotonic()
        diagnosis = Diagnosis(
            database_url=f"postgresql://me:pw@127.0.0.1:{database}/jobs",
            broker_url=f"amqp://me:pw@127.0.0.1:{broker}//",
            redis_url=f"redis://127.0.0.1:{outcomes}/0",
            url=f"http://127.0.0.1:{api}",
        )
    assert time.monotonic() - began_at < WITHIN_SECONDS
    assert diagnosis.verdicts("database", "broker", "outcomes", "API") == [FAULT] * 4
    assert set(diagnosis.verdicts("schema", "worker", "your key")) == {NOT_CHECKED}
