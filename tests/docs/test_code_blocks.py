"""Every block of code in the README and docs/ is run: page by page beside a service, or by a test that it names."""

import json
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import jsonschema_rs
import pytest

from tests.docs.pages import LANGUAGES, ROOT, Block, blocks, pages
from tests.docs.walks import forget_the_jobs_of_other_tests, lane, walk
from tests.servers import rabbitmq_reason_to_skip
from workers.supervision.supervisor import Supervisor

EVERY = [block for page in pages() for block in blocks(page)]
NOTES = {"run by", "broker", "background", "prints", "until", "until Ctrl-C", "given", "types", "schema"}
ON_A_COPY = "docs/how-to/add-a-command.md"
"""It changes the project: tests/docs/test_add_a_command.py runs it."""
ON_ITS_OWN_REDIS = "docs/tutorial.md"
"""It goes to the broker that `make run` starts."""
TO_RUN = [page for page in pages() if page != ON_A_COPY and any(block.runs for block in blocks(page))]

Walks = dict[tuple[str, str], Future[None]]


def cases() -> list[tuple[str, str]]:
    """Return each page with the service, or services, that it is run beside: one that goes to the broker, with both."""
    return [(page, service) for page in TO_RUN for service in services_of(page)]


def services_of(page: str) -> tuple[str, ...]:
    goes_to_the_broker = any("BROKER_URL" in block.code for block in blocks(page) if block.runs)
    return ("service", "rabbitmq_service") if goes_to_the_broker and page != ON_ITS_OWN_REDIS else ("service",)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("page", "beside"), cases())
def test_every_block_does_what_it_says(page: str, beside: str, walks: Walks) -> None:
    if reason := reason_to_skip(beside):
        pytest.skip(reason)
    walks[page, beside].result()


def reason_to_skip(beside: str) -> str | None:
    return rabbitmq_reason_to_skip() if beside == "rabbitmq_service" else None


@pytest.fixture(scope="module")
def walks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walks]:
    """Every page that was asked for, under way: a walk is mostly the starting of interpreters, which several can do at
    once."""
    named = [item.callspec.params for item in request.session.items if "walks" in item.fixturenames]
    asked = [each for each in named if not reason_to_skip(each["beside"])]
    services: dict[str, Supervisor] = {each["beside"]: request.getfixturevalue(each["beside"]) for each in asked}
    for service in services.values():
        forget_the_jobs_of_other_tests(service)
    lanes: dict[str, ThreadPoolExecutor] = defaultdict(lambda: ThreadPoolExecutor(1))
    walks: Walks = {}
    for page, beside in ((each["page"], each["beside"]) for each in asked):
        submit = lanes[lane(page, services[beside])].submit
        walks[page, beside] = submit(walk, page, services[beside], tmp_path_factory.mktemp("walk"))
    yield walks
    for each in lanes.values():
        each.shutdown(cancel_futures=True)


@pytest.mark.parametrize("block", EVERY, ids=lambda block: block.place)
def test_every_block_is_of_a_known_kind(block: Block) -> None:
    assert block.language in LANGUAGES, f"{block.place}: a fence with one of {', '.join(LANGUAGES)}"
    assert block.notes.keys() <= NOTES, f"{block.place}: notes are {', '.join(sorted(NOTES))}"


@pytest.mark.parametrize("block", [block for block in EVERY if block.language == "json"], ids=lambda block: block.place)
def test_json_is_as_its_schema_wants_it(block: Block) -> None:
    schema = json.loads((ROOT / f"docs/contracts/schemas/{block.notes['schema']}.json").read_text())
    jsonschema_rs.validate(schema, json.loads(block.code))


@pytest.mark.parametrize("block", [block for block in EVERY if "run by" in block.notes], ids=lambda block: block.place)
def test_what_another_test_runs_is_taken_from_the_page_there(block: Block) -> None:
    assert f'blocks("{block.page}")' in (ROOT / block.notes["run by"]).read_text()
