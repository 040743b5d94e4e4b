"""One group with its jobs against a model: any sequence of commands, repetitions and delays, and the same counts."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from models import names
from models.errors import Refusal
from models.events import JobGroupEnded
from models.lifecycle import Counts
from tests.unit.group_in_memory import GroupInMemory, addition, job_id, report_on, review_of
from tests.unit.plain_group import PlainGroup

PICKS = st.integers(0, 30)
"""Which of the jobs: reduced to their number when there is one."""
SETTINGS = st.fixed_dictionaries(
    {
        "autoStart": st.sampled_from([True, True, False]),
        "maxConcurrency": st.sampled_from([None, 1, 2]),
        "maxAttempts": st.integers(1, 2),
        "maxFailures": st.sampled_from([None, None, 2]),
        "duplicatePolicy": st.sampled_from(["skip", "allow"]),
        "expiresAfterSeconds": st.sampled_from([None, 400.0]),
    }
)
RESULTS = st.sampled_from(["good", "good", "doubtful", "failed", "hopeless"])
HASHES = st.sampled_from([None, None, "a" * 64])
OUTCOMES: dict[str, dict[str, Any]] = {
    "good": {"confidence": 0.9},
    "doubtful": {"confidence": 0.3},
    "failed": {"status": "failed"},
    "hopeless": {"status": "failed", "error": {"code": "x", "message": "x", "retryable": False}},
}


class GroupMachine(RuleBasedStateMachine):
    """Each rule asks both; `bench` is the aggregate, `plain` the model."""

    @initialize(chosen=SETTINGS)
    def create(self, chosen: dict[str, Any]) -> None:
        self.bench = GroupInMemory()
        self.bench.create(**chosen)
        self.plain = PlainGroup(chosen)
        self.version = 1
        self.last_reports: list[tuple[int, int, str]] = []

    def ask(self, type_: str, expected: bool, **data: Any) -> None:
        """Send a command; `expected` says whether the model takes it."""
        before = len(self.bench.happened)
        try:
            self.bench.send(type_, **data)
        except Refusal:
            assert not expected, f"{type_} was refused"
            assert len(self.bench.happened) == before
        else:
            assert expected, f"{type_} was not refused"
        self.version += len(self.bench.happened) > before

    def verb(self, verb: str, expected: bool) -> None:
        self.ask(f"job_group.{verb}", expected, id=str(self.bench.group.id))

    def pick(self, pick: int) -> int:
        return pick % max(1, len(self.plain.jobs)) + 1

    @rule(count=st.integers(1, 3), last=st.booleans(), sha256=HASHES)
    def add(self, count: int, last: bool, sha256: str | None) -> None:
        first = len(self.plain.jobs) + 1
        data = addition(*range(first, first + count), last=last, sha256=sha256)
        self.ask(names.JOB_ADD, self.plain.add(count, last, sha256), **data)

    @rule(pick=PICKS)
    def add_again(self, pick: int) -> None:
        if self.plain.jobs:
            self.ask(names.JOB_ADD, False, **addition(len(self.plain.jobs) + 1, self.pick(pick)))

    @rule(reports=st.lists(st.tuples(PICKS, RESULTS, st.sampled_from([0, 0, 0, -1, 1])), min_size=1, max_size=4))
    def report(self, reports: list[tuple[int, str, int]]) -> None:
        """Most reports are on the current attempt; some on the one before, or on one that never was."""
        told = [(self.pick(pick), result, shift) for pick, result, shift in reports]
        numbered = [(number, max(1, self.plain.attempts(number) + shift), result) for number, result, shift in told]
        self.last_reports = numbered
        self.send_reports()

    @rule()
    def report_again(self) -> None:
        """Word for word; it can matter only where the first came before its job."""
        if self.last_reports:
            self.send_reports()

    def send_reports(self) -> None:
        written = [report_on(number, attempt, **OUTCOMES[result]) for number, attempt, result in self.last_reports]
        self.ask(names.JOB_REPORT, self.plain.report(self.last_reports), reports=written)

    @rule(pick=PICKS, decision=st.sampled_from(["accept", "reject"]))
    def review(self, pick: int, decision: str) -> None:
        number = self.pick(pick)
        self.ask(names.JOB_REVIEW, self.plain.review(number, decision), **review_of(number, decision))

    @rule()
    def start(self) -> None:
        self.verb("start", self.plain.start())

    @rule()
    def pause(self) -> None:
        self.verb("pause", self.plain.pause())

    @rule()
    def resume(self) -> None:
        self.verb("resume", self.plain.resume())

    @rule()
    def cancel(self) -> None:
        self.verb("cancel", self.plain.cancel())

    @rule()
    def seal(self) -> None:
        self.verb("seal", self.plain.seal())

    @rule()
    def retry(self) -> None:
        self.verb("retry", self.plain.retry())

    @rule(seconds=st.sampled_from([1, 5, 10, 300]))
    def wait_and_wake(self, seconds: int) -> None:
        self.bench.now += timedelta(seconds=seconds)
        self.plain.now += seconds
        self.verb("wake", self.plain.wake())

    @rule(seconds=st.sampled_from([1, 6, 301]))
    def time_passes(self, seconds: int) -> None:
        self.bench.now += timedelta(seconds=seconds)
        self.plain.now += seconds

    @invariant()
    def every_job_is_where_the_model_has_it(self) -> None:
        jobs = self.bench.loaded[self.bench.group.id].jobs
        assert {job.number: (str(job.status), job.attempts) for job in jobs.values()} == {
            number: (job["status"], job["attempts"]) for number, job in self.plain.jobs.items()
        }
        assert all(jobs[job_id(number)].number == number for number in self.plain.jobs)

    @invariant()
    def the_counts_are_those_of_the_jobs(self) -> None:
        counts = self.bench.group.counts
        assert {bucket: getattr(counts, bucket) for bucket in Counts.__slots__} == self.plain.counts()
        assert counts.total == len(self.plain.jobs)

    @invariant()
    def the_group_is_in_the_models_status(self) -> None:
        group = self.bench.group
        assert (group.status, group.sealed, group.generation) == (
            self.plain.status(),
            self.plain.sealed,
            self.plain.generation,
        )

    @invariant()
    def no_more_is_under_way_than_there_is_room_for(self) -> None:
        limit = self.plain.settings["maxConcurrency"]
        assert limit is None or self.bench.group.counts.processing <= limit

    @invariant()
    def every_end_is_told_once_in_its_generation(self) -> None:
        told = [event.generation for event in self.bench.happened if isinstance(event, JobGroupEnded)]
        assert told == self.plain.ends
        assert len(set(told)) == len(told)
        assert (self.bench.group.finished_at is not None) == (self.plain.generation in told)

    @invariant()
    def versions_and_sequences_have_no_gaps(self) -> None:
        group = self.bench.group
        assert group.sequence == len(self.bench.happened)
        assert group.version == self.version
        versions = [event.version for event in self.bench.happened]  # type: ignore[attr-defined]
        assert versions == sorted(versions)
        assert set(versions) == set(range(1, group.version + 1))


GroupMachine.TestCase.settings = settings(max_examples=1000, stateful_step_count=40, deadline=None)
TestGroup = GroupMachine.TestCase
