"""The metrics of all processes at one address: each sample with the label `process`.

Each process serves its own on loopback, as it does where it runs alone; here they are asked, whenever somebody asks.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from metrics import listen
from workers.supervision import listening_port
from workers.supervision.processes import StartError

LOOPBACK = "127.0.0.1"
ANSWER_SECONDS = 8.0
"""How long a process may take to tell: longer than it waits for a server that is away, and less than the ten seconds
that Prometheus waits for all of them."""


@contextmanager
def serving(host: str, port: int, ports: Mapping[str, int]) -> Iterator[str]:
    """Serve what the processes tell on their `ports`, by name; yields the address. Raises StartError where the port
    cannot be had."""
    registry = CollectorRegistry()
    try:
        server = listen(host, port, registry)
    except OSError as error:
        raise StartError(
            f"Port {port} of {host} cannot be used for metrics ({error.strerror}). "
            "Set JOBGROUPS_METRICS_PORT to another (0 takes any free one), or unset it."
        ) from error
    with httpx.Client(timeout=ANSWER_SECONDS, trust_env=False) as client, ThreadPoolExecutor(len(ports)) as pool:
        registry.register(_OfAll(client, pool, ports))
        try:
            yield f"{listening_port.url(host, server.server_port)}/metrics"
        finally:
            server.shutdown()
            server.server_close()


class _OfAll(Collector):
    def __init__(self, client: httpx.Client, pool: ThreadPoolExecutor, ports: Mapping[str, int]) -> None:
        self._client, self._pool, self._ports = client, pool, ports

    def describe(self) -> Iterable[Metric]:
        """Nothing, which is before anybody was asked."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return what all of them tell, and which of them do."""
        answers = GaugeMetricFamily(
            "jobgroups_process_answers", "1 where the process tells its metrics.", labels=["process"]
        )
        merged: dict[str, Metric] = {}
        for process, text in zip(self._ports, self._pool.map(self._ask, self._ports.values()), strict=True):
            answers.add_metric([process], text is not None)
            for family in text_string_to_metric_families(text or ""):
                whole = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                whole.samples += [each._replace(labels={**each.labels, "process": process}) for each in family.samples]
        return [answers, *merged.values()]

    def _ask(self, port: int) -> str | None:
        try:
            return self._client.get(f"http://{LOOPBACK}:{port}/metrics").raise_for_status().text
        except httpx.HTTPError:
            return None
