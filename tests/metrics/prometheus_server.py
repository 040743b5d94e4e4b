"""A Prometheus of the tests' own, with the project's rules, that asks one service."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from tests.commands import eventually
from tests.contract.http_api import free_port
from tests.metrics.expressions import CONFIGURATION, RULES
from tests.metrics.promtool import program
from workers.supervision.processes import ChildProcess, ProcessSpec

INTERVAL = "1s"
WINDOW = "30s"
"""In the place of Grafana's $__rate_interval."""


class Prometheus:
    """Answers of a server that runs."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer; raises HTTPStatusError where Prometheus finds the question wrong."""
        return self._client.get(f"/api/v1{path}", params=parameters).raise_for_status().json()["data"]

    def series(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression of the dashboard has at the moment."""
        found: list[dict[str, Any]] = self.ask("/query", query=expression.replace("$__rate_interval", WINDOW))["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Return the rules, with their state."""
        return [rule for group in self.ask("/rules")["groups"] for rule in group["rules"]]


@contextmanager
def watching(metrics_url: str, directory: Path) -> Iterator[Prometheus]:
    """Run a Prometheus that asks `metrics_url` every second; skips where there is none."""
    port = free_port()
    configuration = directory / "prometheus.yml"
    configuration.write_text(yaml.safe_dump(_configuration(metrics_url)))
    arguments = (
        program("prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    server = ChildProcess(ProcessSpec("prometheus", arguments, directory / "prometheus.log", directory=directory))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
            eventually(lambda: _is_ready(client, server))
            yield Prometheus(client)
    finally:
        server.stop()


def _configuration(metrics_url: str) -> dict[str, Any]:
    """The project's own, but for who is asked, and how often: one endpoint gives the label `process` by itself."""
    configuration: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text())
    (job,) = configuration["scrape_configs"]
    return {
        "global": {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": job["job_name"], "static_configs": [{"targets": [urlsplit(metrics_url).netloc]}]}
        ],
    }


def _is_ready(client: httpx.Client, server: ChildProcess) -> bool:
    assert server.exit_status is None, server.describe("ended at its start")
    try:
        return client.get("/-/ready").is_success
    except httpx.TransportError:
        return False
