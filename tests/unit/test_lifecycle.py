"""The status, as a function of intent, counts and sealing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.lifecycle import NO_JOBS, Counts, Intent, Status, status_of

COUNTS = st.builds(Counts, *[st.integers(0, 5)] * len(Counts.__slots__))
FINISHED = {Status.COMPLETED, Status.COMPLETED_WITH_ERRORS, Status.FAILED}


@pytest.mark.parametrize(
    ("intent", "counts", "sealed", "status"),
    [
        (Intent.DRAFT, NO_JOBS, False, Status.DRAFT),
        (Intent.DRAFT, Counts(queued=2), False, Status.DRAFT),
        (Intent.ACTIVE, NO_JOBS, False, Status.QUEUED),
        (Intent.ACTIVE, Counts(queued=2), True, Status.QUEUED),
        (Intent.ACTIVE, Counts(queued=1, processing=1), True, Status.PROCESSING),
        (Intent.ACTIVE, Counts(succeeded=3), False, Status.PROCESSING),
        (Intent.ACTIVE, Counts(needs_review=1, succeeded=3), False, Status.PROCESSING),
        (Intent.ACTIVE, Counts(needs_review=1, succeeded=3), True, Status.AWAITING_REVIEW),
        (Intent.PAUSED, Counts(queued=1, processing=1), True, Status.PAUSED),
        (Intent.ACTIVE, NO_JOBS, True, Status.COMPLETED),
        (Intent.ACTIVE, Counts(succeeded=2, skipped=1), True, Status.COMPLETED),
        (Intent.ACTIVE, Counts(succeeded=2, failed=1), True, Status.COMPLETED_WITH_ERRORS),
        (Intent.ACTIVE, Counts(failed=1, rejected=1), True, Status.FAILED),
        (Intent.CANCELLED, Counts(processing=1, cancelled=1), True, Status.CANCELLING),
        (Intent.CANCELLED, Counts(succeeded=1), True, Status.CANCELLED),
        (Intent.EXPIRED, Counts(expired=1), True, Status.EXPIRED),
    ],
)
def test_the_status_that_follows(intent: Intent, counts: Counts, sealed: bool, status: Status) -> None:
    assert status_of(intent, counts, sealed=sealed) is status


@given(st.sampled_from(Intent), COUNTS, st.booleans())
def test_a_group_is_finished_only_when_sealed_and_no_job_is_open(intent: Intent, counts: Counts, sealed: bool) -> None:
    if status_of(intent, counts, sealed=sealed) in FINISHED:
        assert sealed
        assert counts.open == 0


@given(st.sampled_from([Intent.CANCELLED, Intent.EXPIRED]), COUNTS, st.booleans())
def test_a_cancelled_or_expired_group_is_never_completed(intent: Intent, counts: Counts, sealed: bool) -> None:
    assert status_of(intent, counts, sealed=sealed) not in FINISHED


@given(COUNTS)
def test_the_total_is_the_sum_and_the_percentage_says_how_much_is_through(counts: Counts) -> None:
    assert counts.total == sum(getattr(counts, bucket) for bucket in Counts.__slots__)
    assert 0 <= counts.percent_complete <= 100
    assert (counts.percent_complete == 100) == (counts.total > 0 and counts.open == 0) or counts.total > 1000
