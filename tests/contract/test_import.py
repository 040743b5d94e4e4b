"""`jobgroups import` of spreadsheets and of JSON lines: what they say takes effect once, what is wrong is kept."""

import csv
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.commands import select
from tests.contract.http_api import free_port
from tests.operating import invoke, operator_of
from workers.exit_codes import ExitCode
from workers.operating.importing import session
from workers.operating.importing.run import Import
from workers.supervision.supervisor import Supervisor

EXAMPLES = Path(__file__).parents[2] / "examples/import"
GROUPS = "SELECT *, processing_settings AS settings FROM job_groups WHERE template = :template ORDER BY name"
JOBS = (
    "SELECT g.name AS group_name, j.* FROM jobs j JOIN job_groups g ON g.id = j.group_id WHERE g.template = :template "
    "ORDER BY g.name, j.number"
)


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


@pytest.fixture
def importer(service: Supervisor, tmp_path: Path) -> Importer:
    return Importer(service, tmp_path)


@pytest.fixture
def either_importer(either_service: Supervisor, tmp_path: Path) -> Importer:
    """To a service on Redis, and to one on RabbitMQ."""
    return Importer(either_service, tmp_path)


def told(document: dict[str, Any]) -> tuple[int, ...]:
    return tuple(document[name] for name in ("lines", "groups", "jobs", "rejected", "groupsLeftOpen"))


SHEET = """group,name,template,priority,tags,metadata.site,processingSettings.maxConcurrency,externalId,uri,pageCount
L,Lyon,TEMPLATE,high,"2023, été",Lyon,4,scan-1,file:///1.pdf,2
L,,,,,,,scan-2,file:///2.pdf,
P,Paris,TEMPLATE,,,,,scan-3,file:///3.pdf,1

,Rouen,TEMPLATE,,,,,,,
"""


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


def test_what_is_wrong_is_kept_and_can_be_mended(importer: Importer) -> None:
    file = importer.write(
        "march.csv",
        """group,name,template,priority,externalId,uri,pageCount
A,Anvers,TEMPLATE,high,1,file:///1.pdf,1
A,,,,2,file:///2.pdf,none
A,,,,3,file:///3.pdf,1
B,,TEMPLATE,soon,4,file:///4.pdf,1
B,,,,5,file:///5.pdf,1
C,Caen,TEMPLATE,,6,,
,Dijon,TEMPLATE,,,,
""",
    )
    document = importer.run(file, status=ExitCode.PARTLY_DONE)
    kept = importer.folder / "march.rejected.csv"
    assert (told(document), document["rejectedFile"]) == ((8, 2, 2, 4, 1), str(kept))
    assert "line 3: pageCount: Input should be a valid integer" in document["said"]
    anvers, dijon = importer.groups()
    assert (anvers["sealed"], dijon["name"]) == (False, "Dijon")

    with kept.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["rejected"].split(":")[0] for row in rows] == ["line 3", "line 5", "line 6", "line 7"]
    assert "priority" in rows[1]["rejected"]
    assert "its group, on line 5" in rows[2]["rejected"]
    assert (rows[0]["groupId"], rows[0]["group"]) == (str(anvers["id"]), "")
    rows[0]["pageCount"] = "7"
    rows[1] |= {"name": "Bern", "priority": "low"}
    rows[3]["uri"] = "file:///6.pdf"
    with kept.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    assert told(importer.run(kept)) == (5, 2, 4, 0, 0)
    assert [(group["name"], group["sealed"]) for group in importer.groups()] == [
        ("Anvers", True),
        ("Bern", True),
        ("Caen", True),
        ("Dijon", False),
    ]
    numbers = [(job["group_name"], job["external_id"]) for job in importer.jobs()]
    assert numbers == [("Anvers", "1"), ("Anvers", "3"), ("Anvers", "2"), ("Bern", "4"), ("Bern", "5"), ("Caen", "6")]


def test_wrong_json_lines_are_kept_whole(importer: Importer) -> None:
    good = '{"name": "good", "template": "TEMPLATE"}'
    wrong = [
        '{"name": " ", "template": "TEMPLATE"}',
        "{not JSON",
        "[1, 2]",
        '{"name": "x", "template": "TEMPLATE", "colour": "red"}',
        '{"groupId": "x", "jobs": [{"document": {"uri": "file:///1.pdf"}}]}',
        '{"name": "x", "template": "TEMPLATE", "jobs": [{"document": {}}]}',
        '{"name": "x", "template": "TEMPLATE", "description": "' + 300_000 * "x" + '"}',
    ]
    text = "\n".join([good, *wrong]).encode() + b'\n{"name": "\xe9t\xe9", "template": "TEMPLATE"}\n'
    document = importer.run(importer.write("march.jsonl", text), status=ExitCode.PARTLY_DONE)
    assert told(document) == (9, 1, 0, 8, 0)
    assert [group["name"] for group in importer.groups()] == ["good"]
    kept = [json.loads(line) for line in (importer.folder / "march.rejected.jsonl").read_text().splitlines()]
    told_of = [each.pop("rejected") for each in kept]
    for line, reason in enumerate(["name: must not be blank", "not JSON", "must be a JSON object", "colour"], 2):
        assert told_of[line - 2].startswith(f"line {line}: {reason}"), told_of
    for reason, part in zip(told_of[4:], ["groupId", "jobs.0.document.uri", "bytes", "not UTF-8"], strict=True):
        assert part in reason
    assert kept[1] == {"text": "{not JSON"}
    assert [kept[n] for n in (0, 3, 4)] == [
        json.loads(wrong[n].replace("TEMPLATE", importer.template)) for n in (0, 3, 4)
    ]


def test_what_only_the_service_can_refuse_spares_the_rest(either_importer: Importer) -> None:
    """Documents that the group has already, where its policy is to reject them; a group that does not exist."""
    sha, other = 64 * "a", 64 * "b"
    missing = uuid4()
    file = either_importer.write(
        "march.csv",
        f"""group,groupId,name,template,processingSettings.duplicatePolicy,externalId,uri,sha256
A,,Anvers,TEMPLATE,reject,1,file:///1.pdf,{sha}
A,,,,,2,file:///2.pdf,{sha}
A,,,,,3,file:///3.pdf,{other}
,{missing},,,,4,file:///4.pdf,
""",
    )
    document = either_importer.run(file, status=ExitCode.PARTLY_DONE)
    assert told(document) == (5, 1, 2, 2, 1)
    assert [job["external_id"] for job in either_importer.jobs()] == ["1", "3"]
    assert "line 3: document.sha256: the group has this document already" in document["said"]
    assert f"line 5: there is no job group {missing}" in document["said"]


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


def test_a_dry_run_finds_what_is_wrong_and_sends_nothing(importer: Importer) -> None:
    file = importer.write("march.csv", SHEET.replace("file:///2.pdf", ""))
    environment = importer.environment | {"JOBGROUPS_BROKER_URL": f"redis://127.0.0.1:{free_port()}"}
    done = invoke(environment, "import", file, "--dry-run")
    assert done.exit_code == ExitCode.PARTLY_DONE, done.output
    assert "line 3: uri: Field required" in done.stderr
    assert "6 lines would make 3 groups and 2 jobs" in done.stdout
    assert importer.groups() == []
    assert [each.name for each in importer.folder.iterdir()] == ["march.csv"]


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        ("group,name,template,colour\n", "there is no column 'colour'"),
        ("group,nmae,template\n", "is it name?"),
        ("name,template,Name\n", "two columns are called 'Name'"),
        ("uri,filename\n", "name and template"),
        ("", "name and template"),
        ("name,template\n".encode("utf-16"), "UTF-8"),
    ],
)
def test_a_header_that_cannot_be_understood_stops_everything(importer: Importer, sheet: str, sentence: str) -> None:
    status, said = importer.refused(importer.write("march.csv", sheet))
    assert (status, sentence in said) == (ExitCode.USAGE, True), said
    assert not (importer.folder / "march.csv.progress").exists()


def test_a_changed_file_is_not_imported_over_what_went_through(importer: Importer) -> None:
    file = importer.write("march.csv", SHEET)
    importer.run(file)
    importer.write("march.csv", SHEET + ",Toulouse,TEMPLATE,,,,,,,\n")
    status, said = importer.refused(file)
    assert (status, "has changed since its import began" in said) == (ExitCode.CONFLICT, True)
    assert len(importer.groups()) == 3
    assert told(importer.run(file, "--restart")) == (7, 4, 3, 0, 0)
    assert len(importer.groups()) == 7


def test_what_others_have_kept_is_not_written_over(importer: Importer) -> None:
    kept = importer.write("march.rejected.csv", "being mended")
    status, said = importer.refused(importer.write("march.csv", SHEET))
    assert (status, "march.rejected.csv" in said) == (ExitCode.CONFLICT, True)
    assert kept.read_text() == "being mended"
    assert importer.groups() == []


@pytest.mark.parametrize("options", [[], ["--format", "xml"]])
def test_a_file_of_an_unknown_kind_is_refused(importer: Importer, options: list[str]) -> None:
    assert importer.refused(importer.write("march.xml", "<x/>"), *options)[0] == ExitCode.USAGE


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


def test_a_file_that_is_written_to_meanwhile_is_let_go(importer: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here between its last line and the note that all is done."""
    file = importer.write("march.csv", SHEET)

    def settle_and_write(self: Import, *arguments: Any) -> Any:
        file.write_text(file.read_text() + "x")
        return counted(self, *arguments)

    counted = Import._counted
    with monkeypatch.context() as patch:
        patch.setattr(Import, "_counted", settle_and_write)
        status, said = importer.refused(file)
    assert (status, "was written to while it was imported" in said) == (ExitCode.CONFLICT, True), said
    assert importer.refused(file)[0] == ExitCode.CONFLICT
    importer.write("march.csv", SHEET)
    assert told(importer.run(file)) == (6, 3, 3, 0, 0)
    assert (len(importer.groups()), len(importer.jobs())) == (3, 3)


def test_a_folder_that_cannot_be_written_to_is_told(importer: Importer) -> None:
    file = importer.write("march.csv", SHEET)
    (importer.folder / "march.csv.progress").mkdir()
    status, said = importer.refused(file)
    assert (status, "march.csv.progress" in said) == (ExitCode.UNEXPECTED, True), said


def test_a_file_that_is_not_there_is_refused(importer: Importer) -> None:
    assert importer.refused(importer.folder / "nothing.csv")[0] == ExitCode.USAGE


def test_the_examples_are_right(importer: Importer) -> None:
    for name, expected in (("invoices.csv", (7, 3, 5, 0, 0)), ("invoices.jsonl", (3, 3, 3, 0, 0))):
        assert told(importer.run(EXAMPLES / name, "--dry-run")) == expected
