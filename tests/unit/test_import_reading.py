"""Files of an import as they are read: every row in one piece, and the same pieces from wherever reading goes on."""

import csv
import io
import json
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import names
from models.commands import MAX_COMMAND_BYTES, CommandEnvelope, parse_command
from workers.operating.importing.csv_file import CsvFile
from workers.operating.importing.identity import CommandIds
from workers.operating.importing.json_lines import JsonLines
from workers.operating.importing.lines import MAX_LINE_BYTES
from workers.operating.importing.pieces import Piece, Place, Row
from workers.operating.importing.rejected_file import RejectedFile

HEADER = ["group", "groupId", "name", "template", "externalId", "uri", "job.metadata.note"]
IDS = CommandIds("0" * 64)
GROUP_ID = str(uuid4())

cells = st.text(st.sampled_from('ab ,;"\n\r\té'), max_size=5)
sheet_rows = st.tuples(
    st.sampled_from(["", "A", "B", "C"]),
    st.sampled_from(["", "", "", GROUP_ID, "nobody"]),
    st.sampled_from(["", "March"]),
    st.sampled_from(["", "t"]),
    cells,
    st.sampled_from(["", "file:///1.pdf"]),
    cells,
)
broken_rows = st.sampled_from(['A,"x"y,', "A,,,,,,,,,,", ",,,", '"'])


def shapes(pieces: list[Piece]) -> list[object]:
    return [(piece, [(row.line, row.record, row.fault) for row in piece.rows]) for piece in pieces]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def sheet(folder: Path, rows: list[object], delimiter: str = ",") -> CsvFile:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    for row in (HEADER, *rows):
        if isinstance(row, str):
            text.write(f"{row}\r\n")
        else:
            writer.writerow(row)
    file = folder / "sheet.csv"
    file.write_bytes(text.getvalue().encode())
    return CsvFile(file, IDS)


@settings(deadline=None)
@given(st.lists(sheet_rows | broken_rows, max_size=30), st.sampled_from(",;\t"))
def test_reading_a_sheet_goes_on_as_if_it_had_begun_at_the_top(
    folder: Path, rows: list[object], delimiter: str
) -> None:
    file = sheet(folder, rows, delimiter)
    pieces = list(file.pieces(Place()))
    lines = [row.line for piece in pieces for row in piece.rows]
    assert lines == sorted(set(lines))
    for number, piece in enumerate(pieces, 1):
        if piece.ends_group:
            assert shapes(list(file.pieces(piece.end))) == shapes(pieces[number:])


def test_a_row_that_cannot_be_read_leaves_its_group_in_one_piece(folder: Path) -> None:
    first, last = ("A", "", "March", "t", "1", "file:///1.pdf", ""), ("A", "", "", "", "3", "file:///3.pdf", "")
    (piece,) = sheet(folder, [first, 'A,"x"y,', last]).pieces(Place())
    assert [bool(row.fault) for row in piece.rows] == [False, True, False]


@settings(deadline=None)
@given(st.lists(sheet_rows, max_size=30))
def test_every_row_of_a_well_formed_sheet_is_in_one_piece(folder: Path, rows: list[tuple[str, ...]]) -> None:
    pieces = list(sheet(folder, list(rows)).pieces(Place()))
    read = [row.record for piece in pieces for row in piece.rows]
    assert read == [list(row) for row in rows if any(cell.strip() for cell in row)]
    for piece in pieces:
        jobs = [job for row in piece.rows if not row.fault for job in row.jobs]
        if jobs:
            data = {"groupId": str(piece.group_id), "jobs": jobs}
            parse_command(CommandEnvelope(id="x", type=names.JOB_ADD, data=data))
        if piece.create:
            parse_command(piece.create)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["", "5", "{", '{"name": "a", "template": "t"}', '{"name": "é"}', "\u2028"]), max_size=20)
)
def test_reading_lines_goes_on_as_if_it_had_begun_at_the_top(folder: Path, lines: list[str]) -> None:
    path = folder / "lines.jsonl"
    path.write_text("\n".join(lines))
    file = JsonLines(path, IDS)
    pieces = list(file.pieces(Place()))
    assert [row.line for piece in pieces for row in piece.rows] == [
        n for n, line in enumerate(lines, 1) if line.strip()
    ]
    for number, piece in enumerate(pieces, 1):
        assert shapes(list(file.pieces(piece.end))) == shapes(pieces[number:])


def test_the_rows_of_a_group_are_cut_where_a_command_is_full(folder: Path) -> None:
    note = "é" * 10_000  # six bytes each, as a command is measured
    rows = [("A", "", "March" if number == 0 else "", "t" if number == 0 else "", str(number), "file:///1.pdf", note)
            for number in range(30)]  # fmt: skip
    pieces = list(sheet(folder, list(rows)).pieces(Place()))
    assert len(pieces) > 1
    assert [(piece.begins_group, piece.ends_group, piece.last) for piece in pieces[1:-1]] == [
        (False, False, False) for _ in pieces[1:-1]
    ]
    assert (pieces[0].begins_group, pieces[-1].ends_group, pieces[-1].last) == (True, True, True)
    assert len({piece.create.id for piece in pieces if piece.create}) == len({piece.group_id for piece in pieces}) == 1
    for piece in pieces:
        data = {"groupId": str(piece.group_id), "jobs": [job for row in piece.rows for job in row.jobs], "last": False}
        assert len(CommandEnvelope(id="x", type=names.JOB_ADD, data=data).canonical) <= MAX_COMMAND_BYTES


def test_a_row_larger_than_a_command_is_alone_in_the_wrong(folder: Path) -> None:
    """Each cell is as large as a cell may be; escaped, as a command is measured, it has six times the size."""
    large, small = (
        ("A", "", "March", "t", "1", "file:///1.pdf", "é" * 60_000),
        ("A", "", "", "", "2", "file:///2.pdf", ""),
    )
    (piece,) = sheet(folder, [large, small]).pieces(Place())
    assert [bool(row.fault) for row in piece.rows] == [True, False]
    (alone,) = sheet(folder, [large]).pieces(Place())
    assert "bytes" in str(alone.rows[0].fault)


def test_lines_nested_beyond_all_measure_are_refused(folder: Path) -> None:
    path = folder / "deep.jsonl"
    head = '{"name": "a", "template": "t", "metadata": '
    deep = [head + '{"a": ' * depth + "1" + "}" * depth + "}" for depth in (40, 900, 100_000)]
    path.write_text("\n".join(deep))
    assert all(piece.rows[0].fault for piece in JsonLines(path, IDS).pieces(Place()))


def test_a_line_too_long_for_memory_does_not_take_the_next_along(folder: Path) -> None:
    path = folder / "long.jsonl"
    good = json.dumps({"name": "a", "template": "t"})
    path.write_text("x" * (2 * MAX_LINE_BYTES + 7) + "\n" + good + "\n")
    long, short = JsonLines(path, IDS).pieces(Place())
    assert long.rows[0].fault == f"longer than {MAX_LINE_BYTES} bytes; only its beginning is kept here"
    assert len(long.rows[0].record) <= MAX_LINE_BYTES
    assert (short.rows[0].line, short.rows[0].fault) == (2, None)


def test_rows_kept_after_the_last_note_are_kept_once(folder: Path) -> None:
    """Their import died before it could note that it had kept them."""
    path = folder / "kept.jsonl"
    lines = JsonLines(folder / "any.jsonl", IDS)
    with RejectedFile(path, lines) as kept:
        kept.keep(Row(1, {"name": "a"}, Place()), "why", None)
        noted = kept.size_bytes
        kept.keep(Row(2, {"name": "b"}, Place()), "why", None)
    with RejectedFile(path, lines, noted) as kept:
        kept.keep(Row(2, {"name": "b"}, Place()), "why", None)
    assert [json.loads(line)["name"] for line in path.read_text().splitlines()] == ["a", "b"]
