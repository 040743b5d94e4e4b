"""`jobgroups import` of spreadsheets and of JSON lines: what they say takes effect once."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.contract.http_api import free_port
from tests.contract.importing import SHEET, Importer, told
from workers.exit_codes import ExitCode
from workers.operating.importing import session
from workers.supervision.supervisor import Supervisor

EXAMPLES = Path(__file__).parents[2] / "examples/import"


def test_a_spreadsheet_makes_its_groups_and_jobs(either_importer: Importer) -> None:
    file = either_importer.write("march.csv", SHEET)
    document = either_importer.run(file)
    assert told(document) == (6, 3, 3, 0, 0)
    lyon, paris, rouen = either_importer.groups()
    assert (lyon["name"], lyon["priority"], lyon["tags"]) == ("Lyon", "high", ["2023", "été"])
    assert (lyon["metadata"], lyon["settings"]["maxConcurrency"]) == ({"site": "Lyon"}, 4)
    assert [group["sealed"] for group in (lyon, paris, rouen)] == [True, True, False]
    jobs = [(job["group_name"], job["external_id"], job["document"]) for job in either_importer.jobs()]
    assert jobs == [
        ("Lyon", "scan-1", {"uri": "file:///1.pdf", "pageCount": 2}),
        ("Lyon", "scan-2", {"uri": "file:///2.pdf"}),
        ("Paris", "scan-3", {"uri": "file:///3.pdf", "pageCount": 1}),
    ]
    assert {each.name for each in either_importer.folder.iterdir()} == {"march.csv", "march.csv.progress"}


def test_a_second_import_of_the_same_content_changes_nothing(either_importer: Importer) -> None:
    """Neither beside its journal, nor without it, nor under another name."""
    file = either_importer.write("march.csv", SHEET)
    first = either_importer.run(file)
    versions = [group["version"] for group in either_importer.groups()]
    again = either_importer.run(file)
    assert "imported before" in again["said"]
    assert told(again) == told(first)
    assert told(either_importer.run(file, "--restart")) == told(first)
    assert told(either_importer.run(either_importer.write("copy.csv", SHEET))) == told(first)
    assert told(either_importer.run("-", "--format", "csv", typed=file.read_bytes())) == told(first)
    assert [group["version"] for group in either_importer.groups()] == versions
    assert len(either_importer.jobs()) == 3


@pytest.mark.parametrize(
    "sheet",
    [
        SHEET.replace(",", ";").replace("2023; été", "2023, été").encode(),
        b"\xef\xbb\xbf" + SHEET.encode(),
        SHEET.replace("\n", "\r\n").encode(),
        SHEET.replace("name,", "Name ,").replace("processingSettings", "Processing Settings").encode(),
    ],
    ids=["semicolons", "byte order mark", "carriage returns", "names as people write them"],
)
def test_spreadsheets_differ(importer: Importer, sheet: bytes) -> None:
    assert told(importer.run(importer.write("march.csv", sheet))) == (6, 3, 3, 0, 0)
    assert importer.groups()[0]["tags"] == ["2023", "été"]


LINES = """
{"name": "a", "template": "TEMPLATE", "priority": "low", "jobs": [{"document": {"uri": "file:///1.pdf"}}]}
{"name": "b", "template": "TEMPLATE", "jobs": [{"document": {"uri": "file:///2.pdf"}}], "last": false}
{"name": "c", "template": "TEMPLATE"}
{"id": "GROUP", "name": "d", "template": "TEMPLATE"}
{"groupId": "GROUP", "jobs": [{"externalId": "4", "document": {"uri": "file:///4.pdf"}}], "last": false}
{"groupId": "GROUP", "jobs": [{"externalId": "5", "document": {"uri": "file:///5.pdf"}}]}
"""


def test_json_lines_make_groups_and_add_to_them_in_their_order(either_importer: Importer) -> None:
    group_id = str(uuid4())
    document = either_importer.run(either_importer.write("march.jsonl", LINES.replace("GROUP", group_id)))
    assert told(document) == (7, 4, 4, 0, 0)
    groups = either_importer.groups()
    assert [(group["name"], group["sealed"]) for group in groups] == [
        ("a", True),
        ("b", False),
        ("c", False),
        ("d", True),
    ]
    assert (str(groups[3]["id"]), groups[3]["generation"]) == (group_id, 1)
    assert [job["external_id"] for job in either_importer.jobs()] == [None, None, "4", "5"]


def test_a_group_of_many_rows_goes_in_pieces_and_is_sealed_once(importer: Importer) -> None:
    rows = "".join(f"B,,,{number},file:///{number}.pdf\n" for number in range(1201))
    file = importer.write("big.csv", f"group,name,template,externalId,uri\nB,Big,TEMPLATE,,\n{rows}")
    assert told(importer.run(file)) == (1203, 1, 1201, 0, 0)
    (group,) = importer.groups()
    assert (group["sealed"], group["generation"]) == (True, 1)
    assert [job["external_id"] for job in importer.jobs()] == [str(number) for number in range(1201)]


def test_a_key_that_comes_again_is_the_same_group_or_a_mistake(importer: Importer) -> None:
    head = "group,name,template,externalId,uri\n"
    rows = ["A,Anvers,TEMPLATE,1,file:///1.pdf", "B,Bern,TEMPLATE,2,file:///2.pdf", "A,Anvers,TEMPLATE,3,file:///3.pdf"]
    file = importer.write("march.csv", head + "\n".join([*rows, "B,Basel,TEMPLATE,4,file:///4.pdf"]))
    document = importer.run(file, status=ExitCode.PARTLY_DONE)
    assert [(job["group_name"], job["external_id"]) for job in importer.jobs()] == [
        ("Anvers", "1"),
        ("Anvers", "3"),
        ("Bern", "2"),
    ]
    assert "line 5: group: further up is another group of this key" in document["said"]
    assert document["rejected"] == 1


def test_after_the_service_has_forgotten_the_ids_nothing_is_made_twice(importer: Importer) -> None:
    file = importer.write("march.csv", SHEET)
    importer.run(file)
    groups = importer.groups()
    importer.forget([group["id"] for group in groups])
    document = importer.run(file, "--restart", status=ExitCode.PARTLY_DONE)
    assert told(document) == (6, 0, 0, 4, 0)
    assert document["said"].count("exists already") == 4
    assert (importer.groups(), len(importer.jobs())) == (groups, 3)


def test_what_one_service_has_another_gets_as_well(
    service: Supervisor, rabbitmq_service: Supervisor, tmp_path: Path
) -> None:
    importers = [Importer(each, tmp_path) for each in (service, rabbitmq_service)]
    importers[1].template = importers[0].template
    file = importers[0].write("march.csv", SHEET)
    assert [told(importer.run(file)) for importer in importers] == [(6, 3, 3, 0, 0)] * 2
    assert [len(importer.jobs()) for importer in importers] == [3, 3]
    assert ":guest@" not in (tmp_path / "march.csv.progress").read_text()


def test_without_an_answer_it_ends_and_can_be_started_again(
    importer: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = importer.write("march.csv", SHEET)
    right = importer.environment
    importer.environment = right | {"JOBGROUPS_BROKER_URL": f"amqp://127.0.0.1:{free_port()}"}
    with monkeypatch.context() as patch:
        patch.setattr(session, "PATIENCE_SECONDS", 1.0)
        status, said = importer.refused(file)
    assert (status, "the service does not answer" in said) == (ExitCode.UNREACHABLE, True), said
    importer.environment = right
    assert told(importer.run(file)) == (6, 3, 3, 0, 0)
    assert len(importer.jobs()) == 3


def test_the_examples_are_right(importer: Importer) -> None:
    for name, expected in (("invoices.csv", (7, 3, 5, 0, 0)), ("invoices.jsonl", (3, 3, 3, 0, 0))):
        assert told(importer.run(EXAMPLES / name, "--dry-run")) == expected
