"""Celery's remote control is off: who may write to the broker can still not end a worker, or make it drop commands."""

from tests.commands import ask, celery_client, create, new_id
from workers.supervision.supervisor import Supervisor


def test_a_worker_obeys_no_message(either_service: Supervisor) -> None:
    settings, worker = either_service.settings, either_service.pids["worker"]
    command = create(new_id())
    with celery_client(settings.require("broker_url"), settings.require("redis_url")) as client:
        client.control.revoke(command.id, terminate=True)
        client.control.broadcast("pool_shrink", arguments={"n": 100})
        client.control.broadcast("cancel_consumer", arguments={"queue": "ocr_invoice.commands"})
        client.control.shutdown()
        assert client.control.ping(timeout=1) == []
        assert ask(client, command)["status"] == "succeeded"
    assert either_service.pids["worker"] == worker
