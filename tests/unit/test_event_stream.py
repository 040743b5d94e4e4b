"""Server-Sent Events as they are written, read by the standard's rules."""

import json

from api_stub.event_stream import block, heartbeat, opening
from tests.event_source import Interpreter, Told


def interpreted(written: bytes) -> tuple[Interpreter, list[Told]]:
    state = Interpreter()
    found = [state.read(line) for line in written.decode().split("\n")]
    return state, [told for told in found if told]


def test_an_event_is_one_line_of_data_whatever_is_in_it() -> None:
    document = {"text": "two\nlines\r\nand\u2028more\u2029and\x85\u00fc\u4e2d", "n": 1}
    written = block(42, "job.failed", document)
    assert len(written.decode().splitlines()) == 4
    state, (told,) = interpreted(written)
    assert (told.id, told.name, told.document) == ("42", "job.failed", document)
    assert state.last_event_id == "42"


def test_a_stream_begins_with_where_it_begins() -> None:
    state, told = interpreted(opening(17))
    assert (state.retry, state.last_event_id, told) == (1000, "17", [])


def test_a_heartbeat_is_no_event_and_moves_the_last_event_id() -> None:
    state, told = interpreted(block(1, "job.failed", {}) + heartbeat(99) + block(100, "job.failed", {}))
    assert [each.position for each in told] == [1, 100]
    assert state.comments == ["heartbeat"]
    state, _ = interpreted(block(1, "job.failed", {}) + heartbeat(99))
    assert state.last_event_id == "99"


def test_the_json_is_a_cloud_event_of_its_own() -> None:
    _, (told,) = interpreted(block(5, "job_group.created", {"id": "x"}))
    assert json.loads(told.data) == {"id": "x"}
