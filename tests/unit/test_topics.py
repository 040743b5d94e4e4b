"""Patterns of event names mean what they mean to a topic exchange."""

import time

import pytest

from models.topics import fits


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("job_group.created", "job_group.created"),
        ("job_group.*", "job_group.created"),
        ("*.created", "job_group.created"),
        ("#", "job_group.created"),
        ("job.#", "job.dispatched.high"),
        ("job.dispatched.#", "job.dispatched"),
        ("#.high", "job.dispatched.high"),
        ("#.#", "job.failed"),
        ("job.*.high", "job.dispatched.high"),
    ],
)
def test_it_fits(pattern: str, name: str) -> None:
    assert fits(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("job_group.create", "job_group.created"),
        ("job_group.created", "job_groupXcreated"),
        ("job.*", "job.dispatched.high"),
        ("*", "job.failed"),
        ("job.dispatched.*", "job.dispatched"),
        ("", "job.failed"),
        ("job.", "job.failed"),
        ("j*", "job.failed"),
        (".*", "job.failed"),
    ],
)
def test_it_does_not_fit(pattern: str, name: str) -> None:
    assert not fits(pattern, name)


@pytest.mark.parametrize("pattern", ["#." * 99 + "x", "#.*." * 49 + "x", "*.#." * 49 + "x"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """A stranger's pattern of 200 characters is asked of every event."""
    begun = time.perf_counter()
    assert not fits(pattern, "job.dispatched.high")
    assert time.perf_counter() - begun < 0.1
