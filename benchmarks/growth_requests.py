"""What is asked of a service that has grown: each function prepares an operation, and gives what makes its requests."""

import json
import random
import re
from collections.abc import Callable
from itertools import count
from urllib.parse import urlencode

from benchmarks.grown_services import GrownService
from tests import grown_tables
from tests.contract.http_api import GROUPS

Make = Callable[[], tuple[str, bytes | None]]
"""Gives a path, and a body where something is written."""
Prepare = Callable[[GrownService], Make]

_numbers = count(1)


def first_page(**asked: str) -> Prepare:
    """The first page of the list, as `asked`."""
    path = f"{GROUPS}?{urlencode({'count': 'none', **asked})}"
    return lambda _service: lambda: (path, None)


def where(**condition: object) -> Prepare:
    """The first page of the groups that meet `condition`."""
    return first_page(filter=json.dumps(condition))


def of_number(ask: Callable[[int], dict[str, str]]) -> Prepare:
    """The first page of what only one group has, another one each time; `ask` gives the parameters for its number."""

    def prepare(service: GrownService) -> Make:
        def make() -> tuple[str, None]:
            # None of these is the beginning of another: every list has one group on it, however many there are.
            number = random.randrange(service.size // 10 + 1, service.size)
            return f"{GROUPS}?{urlencode({'count': 'none', **ask(number)})}", None

        return make

    return prepare


def deep_page(**asked: str) -> Prepare:
    """The page in the middle of the list, by its cursor."""

    def prepare(service: GrownService) -> Make:
        path = _following(service, GROUPS, service.size // 2, asked)
        return lambda: (path, None)

    return prepare


def one_group(service: GrownService) -> Make:
    """A group, another one each time; one in a hundred or so was deleted, and is passed over."""

    def make() -> tuple[str, None]:
        number = random.randrange(service.size)
        return f"{GROUPS}/{grown_tables.group_id(number - number % 97 + 1)}", None

    return make


def new_group(_service: GrownService) -> Make:
    """A new group."""

    def make() -> tuple[str, bytes]:
        number = next(_numbers)
        fields = {"name": f"New batch {number}", "template": "template-7", "batchNumber": f"NEW-{number}"}
        return GROUPS, json.dumps({**fields, "tags": ["new"], "metadata": {"number": number}}).encode()

    return make


def jobs_page(group: Callable[[GrownService], str], *, is_deep: bool = False, **asked: str) -> Prepare:
    """A page of a group's jobs: the first, or that after the five hundredth job."""

    def prepare(service: GrownService) -> Make:
        jobs = f"{GROUPS}/{group(service)}/jobs"
        path = _following(service, jobs, 500, asked) if is_deep else f"{jobs}?{urlencode({'count': 'none', **asked})}"
        return lambda: (path, None)

    return prepare


def _following(service: GrownService, path: str, offset: int, asked: dict[str, str]) -> str:
    _, links = service.ask(f"{path}?{urlencode({'count': 'none', 'offset': offset, **asked})}")
    found = re.search(r'<([^>]+)>; rel="next"', links)
    assert found, links
    return found[1]
