"""The file that is imported, whatever it is called and wherever it comes from."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol

import typer

from workers.operating.importing.csv_file import CsvFile
from workers.operating.importing.identity import CommandIds
from workers.operating.importing.json_lines import JsonLines
from workers.operating.importing.lines import UnreadableFile
from workers.operating.importing.pieces import Piece, Place
from workers.operating.importing.rejected_file import Keeping

Format = Literal["csv", "jsonl"]
STANDARD_INPUT = Path("-")

_FORMATS: dict[str, Format] = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


class Source(Keeping, Protocol):
    """A file in a format that can be read, and in which its rejected rows are kept."""

    ids: CommandIds

    def pieces(self, start: Place) -> Iterator[Piece]: ...


@contextmanager
def on_disk(file: Path) -> Iterator[Path]:
    """Give where `file` can be read more than once, as long as this lasts; raises typer.BadParameter."""
    if file != STANDARD_INPUT:
        if not os.access(file, os.R_OK) or not file.is_file():
            raise typer.BadParameter(f"{file} is not there, or is not a file that can be read")
        yield file
        return
    with tempfile.NamedTemporaryFile() as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield Path(copy.name)


def format_of(file: Path) -> Format:
    """Return the format that the name of `file` stands for; raises typer.BadParameter."""
    try:
        return _FORMATS[file.suffix.lower()]
    except KeyError:
        raise typer.BadParameter(f"say what {file} is: --format csv, or --format jsonl") from None


def source_in(path: Path, format_: Format, ids: CommandIds) -> Source:
    """Return the file at `path` as a source; raises typer.BadParameter where it is not what it is taken for."""
    try:
        return CsvFile(path, ids) if format_ == "csv" else JsonLines(path, ids)
    except UnreadableFile as error:
        raise typer.BadParameter(str(error)) from None


def beside(file: Path, format_: Format) -> Path:
    """Return where the rejected rows of `file` are kept, unless somebody says where."""
    name = "stdin" if file == STANDARD_INPUT else file.stem
    return file.with_name(f"{name}.rejected.{format_}")
