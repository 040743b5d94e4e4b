"""`jobgroups import` of what is wrong: it is told of and kept, and spares the rest."""

import csv
import json
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.http_api import free_port
from tests.contract.importing import SHEET, Importer, told
from tests.operating import invoke
from workers.exit_codes import ExitCode
from workers.operating.importing.run import Import


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
