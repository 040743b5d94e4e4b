"""People are sent mail, through a real mail server."""

import socket
import ssl
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import Engine

from tests.integration.notifying import (
    ask,
    deliveries,
    delivery,
    dispatcher_of,
    email,
    group_with,
    let_time_pass,
    send_due,
)
from tests.mail_server import PASSWORD, USER, Mailbox, mail_server, only_with_password
from workers.notifying import mail as sending
from workers.notifying.dispatcher import Dispatcher

SENDER = "jobgroups@example.com"


def mailing(engine: Engine, port: int) -> Dispatcher:
    return dispatcher_of(engine, smtp_url=f"smtp://127.0.0.1:{port}", mail_from=SENDER)


def test_each_is_sent_a_mail_that_says_what_happened_to_which_batch(engine: Engine) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        group_id = group_with(
            engine, email("a@example.com", "b@example.com", secret="hidden"), name="March\nMüller", batchNumber="B-7"
        )
        ask(engine, "seal", group_id)
        send_due(mailing(engine, port))
    assert sorted(mailbox.recipients) == [["a@example.com"]] * 3 + [["b@example.com"]] * 3
    (mail,) = [
        mail for mail in mailbox.mails if mail["To"] == "a@example.com" and mail["Subject"].endswith("is completed")
    ]
    assert mail["Subject"] == "March Müller is completed"
    assert mail["From"] == SENDER
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert text.splitlines()[0] == "Batch March Müller (batch number B-7) is completed."
    for fact in ("job_group.completed", "Jobs:      0 in all", group_id, "a@example.com"):
        assert fact in text
    assert all("hidden" not in each.as_string() for each in mailbox.mails)
    assert len({each["Message-ID"] for each in mailbox.mails}) == 6
    assert {(each["status"], each["response_status"]) for each in deliveries(engine)} == {("delivered", 250)}


def test_what_is_refused_for_the_moment_is_sent_again_under_the_same_id(engine: Engine) -> None:
    mailbox = Mailbox(busy=["451 the greylist wants you to wait"])
    with mail_server(mailbox) as port:
        group_with(engine, email("busy@example.com"))
        dispatcher = mailing(engine, port)
        send_due(dispatcher)
        busy = delivery(engine)
        assert (busy["status"], busy["response_status"]) == ("pending", 451)
        assert "greylist" in busy["error"]
        let_time_pass(engine)
        send_due(dispatcher)
    (mail,) = mailbox.mails
    assert str(busy["id"]) in mail["Message-ID"]
    assert delivery(engine)["status"] == "delivered"


def test_what_is_refused_for_good_is_given_up_and_others_have_theirs(engine: Engine) -> None:
    mailbox = Mailbox(nobody=[f"550 no such user\0 {'x' * 400}"])
    with mail_server(mailbox) as port:
        group_with(engine, email("nobody@example.com", "a@example.com"))
        send_due(mailing(engine, port))
    by_target = {each["target"]: each for each in deliveries(engine)}
    assert by_target["a@example.com"]["status"] == "delivered"
    nobody = by_target["nobody@example.com"]
    assert (nobody["status"], nobody["response_status"], nobody["attempts"]) == ("failed", 550, 1)
    assert "no such user" in nobody["error"]


@pytest.mark.parametrize("address", ["a>@example.com", "a,b@example.com", "ä@example.com"])
def test_what_no_mail_can_be_addressed_to_is_given_up(engine: Engine, address: str) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        group_with(engine, email("a@example.com"))
        dispatcher = mailing(engine, port)
        group_with(engine, email(address))
        send_due(dispatcher)
    assert mailbox.recipients == [["a@example.com"]]
    assert [each["status"] for each in deliveries(engine)] == ["delivered", "failed"]


def test_without_a_mail_server_it_waits_for_one(engine: Engine) -> None:
    group_with(engine, email("a@example.com"))
    send_due(dispatcher_of(engine))
    waiting = delivery(engine)
    assert waiting["status"] == "pending"
    assert "JOBGROUPS_SMTP_URL" in waiting["error"]
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        let_time_pass(engine)
        send_due(mailing(engine, port))
    assert delivery(engine)["status"] == "delivered"


def test_a_mail_server_that_is_away_or_says_nothing_is_asked_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "DEADLINE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        group_with(engine, email("a@example.com"))
        send_due(mailing(engine, silent.getsockname()[1]))
        assert "Time" in delivery(engine)["error"]
        assert delivery(engine)["duration_seconds"] < 2
        port = silent.getsockname()[1]
    let_time_pass(engine)
    send_due(mailing(engine, port))
    away = delivery(engine)
    assert (away["status"], away["attempts"]) == ("pending", 2)
    assert "Connect" in away["error"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("certificate") / "certificate.pem"
    about = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", file, "-out", file]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *about]
    subprocess.run(command, check=True, capture_output=True)
    return file


def with_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_starttls_and_a_password(engine: Engine, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until everything is right nothing is sent and nothing lost: what is wrong can be mended."""
    mailbox = Mailbox()
    password = quote(PASSWORD, safe="")
    group_with(engine, email("a@example.com"))
    with mail_server(mailbox, **only_with_password(with_tls(certificate))) as port:

        def said(address: str) -> str:
            let_time_pass(engine)
            send_due(dispatcher_of(engine, smtp_url=f"{address}localhost:{port}", mail_from=SENDER))
            return str(delivery(engine)["error"])

        assert "AUTH" in said(f"smtp://{USER}:{password}@"), "the server asks for no password in the clear"
        assert " 530 " in said("smtp://")
        assert "certificate" in said(f"smtp+starttls://{USER}:{password}@").lower(), "nobody vouches for it"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        refused = said(f"smtp+starttls://{USER}:another-password@")
        assert " 535 " in refused
        assert "another" not in refused
        assert mailbox.mails == []
        said(f"smtp+starttls://{USER}:{password}@")
    assert delivery(engine)["status"] == "delivered"
    assert mailbox.recipients == [["a@example.com"]]
