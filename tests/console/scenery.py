"""What the pictures show: a morning's groups, deliveries and dead letters."""

from collections.abc import Sequence
from functools import partial
from itertools import cycle
from typing import Any

from kombu import Connection, Producer
from sqlalchemy import text

from client.producer import CommandProducer
from client.replaying import replay
from models import names
from models.commands import CommandEnvelope
from models.dead_letter import DeadLetterReason
from models.store.engine import make_engine
from models.store.graveyard import dig_up
from tasks.dead_letters import bury_command
from tests.commands import Graveyard, command, create, document, eventually, new_id, select
from tests.console.stage import BROKEN, DOUBTFUL, READ, Report, Stage
from tests.contract.http_api import address
from tests.contract.told import publish_document
from tests.schema_changes import failing
from tests.webhook_receiver import Receiver
from workers.supervision.supervisor import Supervisor

Group = dict[str, Any]
KEEP = {"jobTimeoutSeconds": 3600, "maxConcurrency": 40}
SUPPLIERS = ("martin-bakery", "lumiere-power", "quick-parcel", "hotel-du-nord", "alpes-water", "papeterie-bel")
INVOICE = {
    "supplier": "Hôtel du Nord, Lyon",
    "invoiceNumber": "HN-2026-0418",
    "invoiceDate": "2026-11-18",
    "currency": "EUR",
    "lineItems": [
        {"description": "2 nights, single room", "amount": "236.00"},
        {"description": "Breakfast", "amount": "28.00"},
    ],
    "total": "264.00",
}


def read(confidence: float) -> Report:
    """Return what an engine says that is this sure of its result."""
    return {"status": "succeeded", "confidence": confidence, "result": INVOICE}


def failed(code: str, message: str, *, retryable: bool = False) -> Report:
    """Return what an engine says that read nothing."""
    return {"status": "failed", "error": {"code": code, "message": message, "retryable": retryable}}


SCANS = (
    *(read(0.98), read(0.91), read(0.99), read(0.62), failed("unreadable", "the scan is too dark to read")),
    *(read(0.94), failed("engine_timeout", "no result within 60 s", retryable=True), read(0.88)),
    *(read(0.97), read(0.71), read(0.96), failed("password_protected", "the PDF asks for a password")),
)


def fill(stage: Stage, receiver: Receiver) -> Group:
    """Make a morning's work, batch by batch, and return the group that is looked at closely."""
    numbers = (f"BATCH-2026-{number}" for number in range(113, 200))

    def batch(name: str, reports: Sequence[Report] = (), **fields: Any) -> Group:
        fields = {"processingSettings": KEEP, "batchNumber": next(numbers), **fields}
        return stage.group(name, reports, **fields)

    batch("Utilities, Q3", [READ] * 12, priority="low", template="utility-bill")
    draft = {"autoStart": False}
    stage.do(batch("Trial scan", [None] * 3, processingSettings=draft), "cancel")
    batch("Couriers, week 46", [READ] * 30 + [BROKEN] * 2, template="freight-note")
    batch("Freight forwarders", [BROKEN] * 3, template="freight-note")
    stage.do(batch("Office supplies", [READ] * 5 + [None] * 9), "pause")
    batch("Hotels and travel", [READ] * 18 + [DOUBTFUL] * 4, priority="high", template="travel-expense")
    batch("Medical suppliers, urgent", [READ] * 31 + [None] * 33, priority="urgent")
    batch("Month end, building services", processingSettings=draft)
    group = batch(
        "November invoices, Lyon",
        priority="high",
        assignedTo="accounts.payable@example.com",
        description="Scanned on the third floor; two pages were torn.",
        tags=["lyon", "q4"],
        processingSettings={**KEEP, "maxConcurrency": 3, "retryBackoff": {"initialSeconds": 1800, "maxSeconds": 3600}},
        notifications={
            "channels": [
                {"type": "webhook", "url": receiver.url("erp", "localhost"), "events": ["job_group.*", "job.failed"]},
                {"type": "webhook", "url": receiver.url("dms", "localhost"), "events": ["job_group.created"]},
            ]
        },
    )
    work_through(stage, group)
    return stage.now(group)


def work_through(stage: Stage, group: Group) -> None:
    """Report one job after the other, as engines do that hold three at a time; the last three stay with them."""
    numbers = (231, 1107, 88, 418, 640, 12, 232, 1108, 93, 421, 641, 13, 233, 1109, 95)
    files = [f"{supplier}-{number}.pdf" for supplier, number in zip(cycle(SUPPLIERS), numbers)]
    jobs = [{"document": {"uri": f"https://files.example.com/{file}", "filename": file}} for file in files]
    stage.api.post(address(group) + "/jobs", json={"jobs": jobs}).raise_for_status()
    for number, report in enumerate(SCANS):
        stage.report(group, [*[None] * number, report])


def bury(service: Supervisor) -> None:
    """Let messages die of this and that, and mend what one of them died of."""
    database_url, broker_url = service.settings.require("database_url"), service.settings.require("broker_url")
    graveyard = Graveyard(database_url)
    body = [[], {"name": "Late", "template": "standard-invoice"}, {}]
    later = {"task": names.JOB_GROUP_CREATE, "eta": "2026-12-01T08:00:00Z"}
    publish_document(broker_url, b'{"specversion": "1.0",\n "type": "job_group.create",\n "data": {"name": "Parking')
    eventually(partial(buried, graveyard, 1))
    with Connection(broker_url) as connection:
        producer = Producer(connection.channel())
        for count, told in enumerate(({"task": "job_group.crate"}, later), 2):
            producer.publish(body, routing_key=names.COMMAND_QUEUE, headers={"id": new_id(), **told})
            eventually(partial(buried, graveyard, count))
        producer.publish(b"name;total\n", routing_key=names.COMMAND_QUEUE, content_type="application/json")
    publish_document(broker_url, b'{"specversion": "1.0", "type": "job_group.start", "data": {}}')
    eventually(partial(buried, graveyard, 5))
    exhausted = command(names.JOB_ADD, {"groupId": new_id(), "jobs": [{"document": {"uri": "https://example.com/1"}}]})
    engine = make_engine(database_url)
    bury_command(engine, exhausted, DeadLetterReason.ATTEMPTS_EXHAUSTED, "its worker died in each of 6 attempts")
    engine.dispose()
    die_and_rise(service, create(new_id(), name="Stationery, October", batchNumber="BATCH-2026-112"))


def buried(graveyard: Graveyard, count: int) -> bool:
    return len(graveyard.letters()) == count


def die_and_rise(service: Supervisor, envelope: CommandEnvelope) -> None:
    """Let a command meet a fault of the service's own, and replay it without."""
    database_url, broker_url = service.settings.require("database_url"), service.settings.require("broker_url")
    graveyard, engine = Graveyard(database_url), make_engine(database_url)
    its_row, told = f"NEW.name = '{envelope.data['name']}'", "permission denied for table job_groups"
    with failing(database_url, "BEFORE INSERT ON job_groups", its_row, told):
        publish_document(broker_url, document(envelope))
        letter = graveyard.next_letter()
    with CommandProducer(broker_url) as producer, engine.connect() as connection:
        found = dig_up(connection, letter["id"])
        assert found
        replay(engine, producer, letter["id"], found)
    engine.dispose()


PAST = {
    "job_groups": ("created_at", "updated_at", "started_at", "paused_at", "finished_at"),
    "jobs": ("created_at", "updated_at", "dispatched_at", "finished_at"),
    "events": ("occurred_at",),
    "deliveries": ("created_at", "attempted_at", "ended_at"),
    "dead_letters": ("died_at", "replayed_at"),
}
HOURS = 5
THEN = """
CASE WHEN {0} IS NOT NULL THEN now() - interval '1 minute'
    - :hours * interval '1 hour' * greatest(extract(epoch FROM :last - {0}) / extract(epoch FROM :last - :first), 0)
END
"""


def stretch(database_url: str) -> None:
    """Let all that happened have taken hours, up to a minute ago, each thing at its share of them."""
    (span,) = select(database_url, "SELECT min(occurred_at) AS first, max(occurred_at) AS last FROM events")
    engine = make_engine(database_url)
    with engine.begin() as connection:
        for table, columns in PAST.items():
            changes = ", ".join(f"{column} = {THEN.format(column)}" for column in columns)
            connection.execute(text(f"UPDATE {table} SET {changes}"), {"hours": HOURS, **span})
    engine.dispose()


def readdress(database_url: str) -> None:
    """Let deliveries look as if they went to somebody; what is still to be sent waits until the pictures are taken."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text(READDRESS))
        connection.execute(text(WAIT))
    engine.dispose()


READDRESS = r"UPDATE deliveries SET target = regexp_replace(target, '^.*/(\w+)$', 'https://\1.example.com/hook')"
WAIT = """
UPDATE deliveries SET attempts = 3, next_attempt_at = now() + interval '24 minutes 30 seconds' WHERE status = 'pending'
"""
