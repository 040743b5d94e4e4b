"""Why bytes are no JSON is told in words, and without what is in them."""

import json

import pytest

from models.command_document import UnreadableDocument, read_document
from models.json_faults import fault_of_json


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"not JSON", "is not JSON (line 1, column 1)"),
        (b'{\n"secret": oops}', "is not JSON (line 2, column 11)"),
        (b'{"secret": "\xff"}', "is not UTF-8 (byte 13)"),
        (b"[" * 100_000, "nests too deep"),
    ],
)
def test_a_person_reads_where_the_fault_is(body: bytes, told: str) -> None:
    with pytest.raises((ValueError, RecursionError)) as raised:
        json.loads(body)
    assert fault_of_json(raised.value) == told


def test_what_nobody_thought_of_keeps_its_name() -> None:
    assert fault_of_json(LookupError("no such compression")) == "cannot be read (LookupError: no such compression)"


def test_a_document_says_so_of_itself() -> None:
    with pytest.raises(UnreadableDocument, match=r"^the document is not JSON \(line 1, column 1\)$"):
        read_document(b"no JSON")
    with pytest.raises(UnreadableDocument, match=r"^the document is not JSON: NaN is no JSON number$"):
        read_document(b"[NaN]")
