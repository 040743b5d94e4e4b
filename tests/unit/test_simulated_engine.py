"""Results that are made up, but reliably so."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from models.commands import CommandEnvelope, parse_command
from workers.engine.dispatched_job import DispatchedJob, DispatchEvent
from workers.engine.reader import Reader, Reading, Unreadable
from workers.engine.reports import command_id, report
from workers.engine.simulated import LONGEST_LATENCY, SimulatedReader

GROUP_ID = UUID(int=1)
JOBS_COUNT = 2000


def job(number: int, attempt: int = 1) -> DispatchedJob:
    document = {"uri": "file:///anything"}
    return DispatchedJob(jobId=UUID(int=number), groupId=GROUP_ID, attempt=attempt, document=document)


def event(id_: str = "e", **data: Any) -> DispatchEvent:
    document = {"uri": "file:///anything"}
    dispatched = {"jobId": str(uuid4()), "groupId": str(GROUP_ID), "attempt": 1, "document": document}
    return DispatchEvent.model_validate({"id": id_, "correlationid": "c", "data": dispatched | data})


def simulated(**rates: float) -> SimulatedReader:
    return SimulatedReader(sleep=lambda _: None, **rates)


def outcome(reader: Reader, of: DispatchedJob) -> Reading | tuple[str, bool]:
    try:
        return reader.read(of)
    except Unreadable as error:
        return error.code, error.retryable


def outcomes(reader: Reader) -> Iterator[Reading | tuple[str, bool]]:
    return (outcome(reader, job(number)) for number in range(JOBS_COUNT))


def test_the_order_of_arrival_makes_no_difference() -> None:
    reader = simulated(failure_rate=0.3)
    forward = [outcome(reader, job(number)) for number in range(100)]
    backward = [outcome(reader, job(number)) for number in reversed(range(100))]
    assert forward == backward[::-1]


def test_another_seed_and_another_attempt_are_other_dice() -> None:
    fates = [
        [type(outcome(SimulatedReader(seed, 0.5, sleep=lambda _: None), job(number, attempt))) for number in range(50)]
        for seed, attempt in ((0, 1), (0, 2), (1, 1))
    ]
    assert fates[0] != fates[1] != fates[2] != fates[0]


def test_a_document_says_the_same_at_every_attempt() -> None:
    first, second = (simulated().read(job(7, attempt)).result["invoiceNumber"] for attempt in (1, 2))
    assert first == second


def test_the_rates_are_kept() -> None:
    all_ = list(outcomes(simulated(failure_rate=0.2, retryable_share=0.75, low_confidence_rate=0.1)))
    failed = [each for each in all_ if isinstance(each, tuple)]
    read = [each for each in all_ if isinstance(each, Reading)]
    assert len(failed) / JOBS_COUNT == pytest.approx(0.2, abs=0.03)
    assert sum(retryable for _, retryable in failed) / len(failed) == pytest.approx(0.75, abs=0.06)
    assert sum(each.confidence < 0.8 for each in read) / len(read) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(("rate", "kind"), [(0.0, Reading), (1.0, tuple)])
def test_never_and_always(rate: float, kind: type) -> None:
    assert {type(each) for each in outcomes(simulated(failure_rate=rate))} == {kind}


def test_the_latency_has_its_mean_and_its_bound() -> None:
    waited: list[float] = []
    list(outcomes(SimulatedReader(mean_latency_seconds=0.5, sleep=waited.append)))
    assert sum(waited) / JOBS_COUNT == pytest.approx(0.5, abs=0.05)
    assert max(waited) <= 0.5 * LONGEST_LATENCY


@pytest.mark.parametrize("failure_rate", [0.0, 1.0])
def test_a_report_is_a_command_that_the_service_understands(failure_rate: float) -> None:
    sent = report(event(), simulated(failure_rate=failure_rate))
    parse_command(CommandEnvelope.model_validate(sent.model_dump(mode="json", by_alias=True)))
    assert sent.correlation_id == "c"


def test_an_event_delivered_twice_is_reported_in_the_same_words() -> None:
    dispatched = event()
    assert report(dispatched, simulated(failure_rate=0.5)) == report(dispatched, simulated(failure_rate=0.5))
    assert command_id("a") == command_id("a") != command_id("b")


def test_what_a_reader_has_no_answer_to_is_worth_another_try() -> None:
    class Broken:
        def read(self, job: DispatchedJob) -> Reading:
            raise RuntimeError("secret detail")

    [told] = report(event(), Broken()).data["reports"]
    assert told["error"] == {
        "code": "engine_error",
        "message": "the engine failed on this document: RuntimeError",
        "retryable": True,
    }


def test_a_long_message_is_cut_to_what_a_report_may_hold() -> None:
    class Talkative:
        def read(self, job: DispatchedJob) -> Reading:
            raise Unreadable("too_much", "x" * 5000)

    parse_command(report(event(), Talkative()))


def test_what_later_versions_add_to_an_event_is_no_hindrance() -> None:
    dispatched = event(settings={"languages": ["de"], "extractLineItems": True, "new": 1}, fresh={"a": 1})
    assert dispatched.data.settings.languages == ("de",)
    assert dispatched.data.settings.extract_line_items
