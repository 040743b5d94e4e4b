"""Which events a pattern takes."""

import re
from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.events import ROUTING_KEYS
from models.interest import EVERYTHING, check_pattern, interest_in

ONE, OTHER = UUID(int=1), UUID(int=2)
NAMES = [*ROUTING_KEYS, "job", "job_group", "a.b.c.d.e"]


def taken(*patterns: str) -> set[str]:
    return {name for name in ROUTING_KEYS if interest_in((), patterns).takes(ONE, name)}


def matches(pattern: Sequence[str], name: Sequence[str]) -> bool:
    """As AMQP 0-9-1 defines it, word by word."""
    match pattern:
        case []:
            return not name
        case ["#", *rest]:
            return any(matches(rest, name[skipped:]) for skipped in range(len(name) + 1))
        case [word, *rest]:
            return bool(name) and word in ("*", name[0]) and matches(rest, name[1:])
    raise AssertionError(pattern)


@given(
    st.lists(st.sampled_from(["*", "#", "job", "job_group", "created", "dispatched", "high"]), min_size=1, max_size=6)
)
def test_a_pattern_takes_what_a_binding_would(words: list[str]) -> None:
    interest = interest_in((), [".".join(words)])
    assert {name for name in NAMES if interest.takes(ONE, name)} == {
        name for name in NAMES if matches(words, name.split("."))
    }


def test_any_of_several_patterns_is_enough() -> None:
    assert taken("job_group.created", "job.dispatched.high") == {"job_group.created", "job.dispatched.high"}
    assert taken() == taken("#") == set(ROUTING_KEYS)


def test_any_of_several_groups_is_enough() -> None:
    interest = interest_in([ONE], ["job.#"])
    assert interest.takes(ONE, "job.failed")
    assert not interest.takes(OTHER, "job.failed")
    assert not interest.takes(ONE, "job_group.created")
    assert interest_in([ONE, OTHER], ()).takes(OTHER, "job_group.created")
    assert EVERYTHING.takes(OTHER, "anything")


@pytest.mark.parametrize("pattern", ["job.failed", "*.created", "job.#", "#", "*", "job.dispatched.*"])
def test_a_pattern_is_taken_as_it_is(pattern: str) -> None:
    if pattern == "*":
        with pytest.raises(ValueError, match="matches no event"):  # every name has two words or more
            check_pattern(pattern)
    else:
        assert check_pattern(pattern) == pattern


@pytest.mark.parametrize("pattern", ["", ".", "job.", "job..failed", "job.*x", "Job.failed", "job failed", "a|b", "("])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="words joined by dots"):
        check_pattern(pattern)


def test_a_pattern_that_matches_no_event_is_told_the_names() -> None:
    with pytest.raises(ValueError, match=re.escape("job_group.completed")):
        check_pattern("job_group.complete")


def test_many_wildcards_take_no_time() -> None:
    check_pattern(".".join(["#"] * 120))
    assert not interest_in((), [".".join(["#", "*"] * 60)]).takes(ONE, "job.dispatched.high")
