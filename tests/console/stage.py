"""Groups in whatever state a page is to show, brought there by commands alone."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx

from client.command_client import CommandClient
from models import names
from tests.commands import command, eventually
from tests.contract.http_api import GROUPS, Service, address, new_group

READ = {"status": "succeeded", "confidence": 0.97, "result": {"total": "118.80", "currency": "EUR"}}
DOUBTFUL = {"status": "succeeded", "confidence": 0.52, "result": {"total": "41.20", "currency": "EUR"}}
BROKEN = {
    "status": "failed",
    "error": {"code": "unreadable", "message": "the scan is too dark to read", "retryable": False},
}
Report = dict[str, Any] | None
"""What an engine says of a job; None: nothing yet."""


class Stage:
    """Makes groups through `api`, and speaks for the engines through `engine`."""

    def __init__(self, service: Service, api: httpx.Client, engine: CommandClient) -> None:
        self.service = service
        self.api = api
        self._engine = engine

    def group(self, name: str | None = None, reports: Sequence[Report] = (), **fields: Any) -> dict[str, Any]:
        """Return a group with a job for each of `reports`, after they were made."""
        group = new_group(self.api, **{"name": name or f"Batch {uuid4()}", **fields})
        if reports:
            self.add(group, len(reports))
            self.report(group, reports)
        return self.now(group)

    def add(self, group: dict[str, Any], count: int) -> None:
        """Add documents."""
        jobs = [
            {"document": {"uri": f"https://example.com/{number}.pdf", "filename": f"invoice-{number:03}.pdf"}}
            for number in range(1, count + 1)
        ]
        added = self.api.post(address(group) + "/jobs", json={"jobs": jobs})
        assert added.status_code == 201, added.text

    def report(self, group: dict[str, Any], reports: Sequence[Report]) -> None:
        """Say what became of the first jobs of the group, in their order."""
        said = [
            {"jobId": job["id"], "groupId": group["id"], "attempt": job["attempts"], **report}
            for job, report in zip(self.jobs(group), reports, strict=False)
            if report
        ]
        if said:
            outcome = self._engine.carry_out(command(names.JOB_REPORT, {"reports": said}))
            assert outcome.error is None, outcome

    def jobs(self, group: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the group's jobs in their order."""
        asked = {"sort": "number", "order": "asc", "limit": 100}
        jobs: list[dict[str, Any]] = self.api.get(address(group) + "/jobs", params=asked).json()["data"]
        return jobs

    def now(self, group: dict[str, Any]) -> dict[str, Any]:
        """Return the group as it is."""
        found: dict[str, Any] = self.api.get(address(group)).json()["data"]
        return found

    def reaches(self, group: dict[str, Any], status: str) -> None:
        """Wait until the group has this status."""
        assert eventually(lambda: self.now(group)["status"] == status)

    def do(self, group: dict[str, Any], word: str) -> None:
        """Send one of the owners' words."""
        assert self.api.post(f"{GROUPS}/{group['id']}/{word}").status_code == 200
