"""What a pool child tells its parent arrives whole, whichever commands it carried out."""

import json
from itertools import product
from select import PIPE_BUF

from models.commands import COMMANDS, MAX_BATCH_COUNT
from models.dead_letter import DeadLetterReason
from models.errors import ErrorCode
from tasks.command_metrics import METRICS
from workers.metrics.pool import MARK_BYTES, MARKS_COUNT

LARGEST = [
    *(("commands", pair, MAX_BATCH_COUNT) for pair in product((*COMMANDS, "unknown"), ("succeeded", *ErrorCode))),
    *(("buried", (reason,), 1) for reason in DeadLetterReason),
    ("repeated", (), MAX_BATCH_COUNT),
    ("size", (), MAX_BATCH_COUNT),
    ("seconds", (), 1 / 30_000),
]


def test_it_is_written_in_pieces_that_no_other_child_can_break() -> None:
    assert {key for key, _, _ in LARGEST} == METRICS.keys()
    longest = max(LARGEST, key=lambda mark: len(json.dumps(mark)))
    assert len(json.dumps(longest, separators=(",", ":"))) < MARK_BYTES
    assert len(json.dumps([longest] * MARKS_COUNT, separators=(",", ":"))) + 1 <= PIPE_BUF
