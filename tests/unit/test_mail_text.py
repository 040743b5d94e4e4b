"""Every event has words that a person can read."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from api_stub.event_samples import events
from models import names
from models.notifying import Target
from models.store.deliveries import Claim
from workers.notifying.mail_text import message_of

ID = UUID(int=1)
SAMPLES = {name: event for name, event in events().items() if name != names.COMMAND_REJECTED}


def claim_of(name: str, **more: Any) -> Claim:
    facts: dict[str, Any] = {
        "group_id": ID,
        "id": ID,
        "event_id": ID,
        "event_name": f"{name}.high" if name == names.JOB_DISPATCHED else name,
        "target": Target("email", "a@example.com"),
        "attempts": 1,
        "leased_until": datetime(2023, 1, 31, tzinfo=UTC),
        "event": SAMPLES[name],
        "notifications": {},
        "group_name": "March invoices",
        "batch_number": None,
        "is_deleted": False,
    }
    return Claim(**facts | more)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_event_is_told_in_a_sentence(name: str) -> None:
    mail = message_of(claim_of(name), SAMPLES[name], "Job groups <jobgroups@example.com>")
    first = mail.get_content().splitlines()[0]
    assert first.startswith("Batch March invoices")
    assert first.endswith(".")
    assert len(first) < 120
    assert name in mail.get_content()
    assert mail["Subject"].startswith("March invoices")
    assert mail["Message-ID"] == f"<{ID}@example.com>"


def test_the_same_mail_is_made_each_time() -> None:
    first, second = (
        message_of(claim_of("job_group.created"), SAMPLES["job_group.created"], "j@example.com") for _ in range(2)
    )
    assert first.as_bytes() == second.as_bytes()


def test_a_name_cannot_add_a_header() -> None:
    claim = claim_of("job_group.created", group_name="x\r\nBcc: all@example.com", batch_number="1\n2")
    mail = message_of(claim, SAMPLES["job_group.created"], "j@example.com")
    assert mail["Bcc"] is None
    assert mail["Subject"] == "x Bcc: all@example.com was created"
    assert "(batch number 1 2)" in mail.get_content()


def test_what_ended_a_batch_is_told_with_its_counts() -> None:
    text = message_of(claim_of("job_group.completed"), SAMPLES["job_group.completed"], "j@example.com").get_content()
    assert "Jobs:" in text
    assert "in all" in text
