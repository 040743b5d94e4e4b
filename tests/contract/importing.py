"""Files that a test imports, and what came of them."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.commands import select
from tests.operating import invoke, operator_of
from workers.supervision.supervisor import Supervisor

GROUPS = "SELECT *, processing_settings AS settings FROM job_groups WHERE template = :template ORDER BY name"
JOBS = (
    "SELECT g.name AS group_name, j.* FROM jobs j JOIN job_groups g ON g.id = j.group_id WHERE g.template = :template "
    "ORDER BY g.name, j.number"
)

SHEET = """group,name,template,priority,tags,metadata.site,processingSettings.maxConcurrency,externalId,uri,pageCount
L,Lyon,TEMPLATE,high,"2023, été",Lyon,4,scan-1,file:///1.pdf,2
L,,,,,,,scan-2,file:///2.pdf,
P,Paris,TEMPLATE,,,,,scan-3,file:///3.pdf,1

,Rouen,TEMPLATE,,,,,,,
"""
"""Six lines: three groups, one of them without jobs."""


class Importer:
    """Writes files and imports them. Their groups have a template of their own, by which they are found again."""

    def __init__(self, service: Supervisor, folder: Path) -> None:
        self.template = f"t-{uuid4()}"
        self.folder = folder
        self.environment = operator_of(service)
        self._url = service.settings.require("database_url")

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file, with the template in place of TEMPLATE."""
        raw = text.encode() if isinstance(text, str) else text
        file = self.folder / name
        file.write_bytes(raw.replace(b"TEMPLATE", self.template.encode()))
        return file

    def run(
        self, file: Path | str, *options: str | Path, typed: bytes | None = None, status: int = 0
    ) -> dict[str, Any]:
        """Import `file` and return the final document."""
        done = invoke(self.environment, "import", file, "--json", *options, typed=typed)
        assert done.exit_code == status, done.output
        document: dict[str, Any] = json.loads(done.stdout)
        return document | {"said": done.stderr}

    def refused(self, file: Path | str, *options: str | Path) -> tuple[int, str]:
        """Return how an import ends that does not even begin."""
        done = invoke(self.environment, "import", file, *options)
        assert isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stderr

    def groups(self) -> list[dict[str, Any]]:
        """Return the rows of the groups, by name."""
        return select(self._url, GROUPS, template=self.template)

    def jobs(self) -> list[dict[str, Any]]:
        """Return the rows of their jobs, in the order of the names of their groups and of their numbers."""
        return select(self._url, JOBS, template=self.template)

    def forget(self, group_ids: list[Any]) -> None:
        """Make the service forget the commands on these groups, as it does after months."""
        select(self._url, "DELETE FROM commands WHERE group_id = ANY(:ids) RETURNING id", ids=group_ids)


def told(document: dict[str, Any]) -> tuple[int, ...]:
    """Return the counts in the final document: lines, groups, jobs, rejected lines, groups left open."""
    return tuple(document[name] for name in ("lines", "groups", "jobs", "rejected", "groupsLeftOpen"))
