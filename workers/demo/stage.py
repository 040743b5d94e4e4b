"""What the demo is shown on, and how it meets the service: as its callers and subscribers do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

import httpx
from kombu.entity import Queue as BrokerQueue
from kombu.message import Message
from kombu.messaging import Consumer
from rich.console import Console

from client.broker import EVENT_EXCHANGE, connect
from workers.supervision.supervisor import Supervisor

GROUPS = "/ocr-invoice-job-groups"
TIMEOUT_SECONDS = 20

Events = Queue[dict[str, Any]]

console = Console(highlight=False, soft_wrap=True)


def show_events(events: Events, count: int) -> None:
    """Show the next `count` events as they arrive; raises TimeoutError where one does not."""
    for _ in range(count):
        event = next_event(events)
        detail = event["data"].get("error", {}).get("detail") or f"version {event['data']['version']}"
        colour = "red" if event["type"].endswith("rejected.v1") else "cyan"
        number = f"#{event['sequence']}" if "sequence" in event else "  "
        console.print(f"    [{colour}]⟵ {event['type']}[/] {number} of {event['subject'][-12:]}: {detail}")


def next_event(events: Events, timeout_seconds: float = TIMEOUT_SECONDS) -> dict[str, Any]:
    """Return the next event; raises TimeoutError where there is none."""
    try:
        return events.get(timeout=timeout_seconds)
    except Empty:
        raise TimeoutError(f"no event within {timeout_seconds} s") from None


def say(step: str) -> None:
    """Announce the next step."""
    console.print(f"\n[bold]{step}[/]")


def http_client(service: Supervisor) -> httpx.Client:
    """Return a client with the development key."""
    headers = {"X-API-Key": service.api_key}
    return httpx.Client(base_url=service.url, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False)


@contextmanager
def subscription(broker_url: str) -> Iterator[Events]:
    """Give the events from now on. A subscriber as anybody would write it: a queue bound to the exchange, a callback,
    an acknowledgement."""
    events: Events = Queue()
    stop = Event()
    with connect(broker_url) as connection:
        queue = BrokerQueue("demo.events", EVENT_EXCHANGE, routing_key="#", durable=False, auto_delete=True)

        def on_message(message: Message) -> None:
            events.put(json.loads(message.body))
            message.ack()

        def receive() -> None:
            while not stop.is_set():
                try:
                    connection.drain_events(timeout=0.2)
                except TimeoutError:
                    continue

        with Consumer(connection, [queue], on_message=on_message):
            thread = Thread(target=receive, name="subscriber")
            thread.start()
            try:
                yield events
            finally:
                stop.set()
                thread.join()
