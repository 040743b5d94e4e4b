"""Many writers at once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from sqlalchemy import Engine, text

from models.commands import CommandEnvelope
from models.outcome import Outcome
from models.store.engine import make_engine
from tasks.handling import handle
from tests.commands import create, new_id, patch
from tests.integration.handling.outcomes import counts, group, one, sequences, told, url

WRITERS = 8


def at_once(engine: Engine, work: Sequence[Callable[[Engine], list[Outcome]]]) -> list[list[Outcome]]:
    """Run each of `work` in a thread and on a connection of its own, all starting together."""
    barrier = Barrier(len(work))

    def run(one_work: Callable[[Engine], list[Outcome]]) -> list[Outcome]:
        own = make_engine(url(engine))
        try:
            own.connect().close()
            barrier.wait()
            return one_work(own)
        finally:
            own.dispose()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def handling(batch: Sequence[CommandEnvelope]) -> Callable[[Engine], list[Outcome]]:
    return lambda engine: handle(engine, batch)


def test_of_many_who_create_the_same_id_at_once_exactly_one_succeeds(engine: Engine) -> None:
    for _ in range(10):
        id_ = new_id()
        answers = at_once(engine, [handling([create(id_, name=f"writer {n}")]) for n in range(WRITERS)])
        assert sorted(told([outcome for (outcome,) in answers])) == ["already_exists"] * (WRITERS - 1) + ["succeeded"]
        (winner,) = [n for n, (outcome,) in enumerate(answers) if outcome.error is None]
        assert group(engine, id_)["name"] == f"writer {winner}"
        assert sequences(engine, id_) == [1]


def test_a_command_that_arrives_many_times_at_once_takes_effect_once(engine: Engine) -> None:
    for _ in range(10):
        batch = [create(id_ := new_id()), patch(id_, {"tags": ["x"]})]
        answers = at_once(engine, [handling(batch)] * WRITERS)
        assert all(answer == answers[0] for answer in answers)
        assert told(answers[0]) == ["succeeded", "succeeded"]
        assert (group(engine, id_)["version"], sequences(engine, id_)) == (2, [1, 2])


def test_patches_of_many_writers_are_all_counted(engine: Engine, group_id: str) -> None:
    each = 15

    def patching(number: int) -> Callable[[Engine], list[Outcome]]:
        mine = [patch(group_id, {"metadata": {f"{number}-{n}": n}}) for n in range(each)]
        return lambda engine: [one(engine, envelope) for envelope in mine]

    answers = at_once(engine, [patching(number) for number in range(WRITERS)])
    versions = sorted(outcome.version or 0 for answer in answers for outcome in answer)
    assert versions == list(range(2, 2 + WRITERS * each))
    assert len(group(engine, group_id)["metadata"]) == WRITERS * each
    assert sequences(engine, group_id) == list(range(1, 2 + WRITERS * each))


def test_batches_over_the_same_groups_in_opposite_orders_never_deadlock(engine: Engine) -> None:
    before = deadlocks(engine)
    ids = [new_id() for _ in range(6)]
    handle(engine, [create(id_) for id_ in ids])
    rounds = 40

    def working(order: int) -> Callable[[Engine], list[Outcome]]:
        batches = [[patch(id_, {"tags": [str(n)]}) for id_ in ids[::order]] for n in range(rounds)]
        return lambda engine: [outcome for batch in batches for outcome in handle(engine, batch)]

    answers = at_once(engine, [working(1), working(-1)])
    assert set(told([outcome for answer in answers for outcome in answer])) == {"succeeded"}
    assert {group(engine, id_)["version"] for id_ in ids} == {1 + 2 * rounds}
    assert deadlocks(engine) == before


def test_batches_that_make_the_same_groups_in_opposite_orders_never_deadlock(engine: Engine) -> None:
    before = deadlocks(engine)
    rounds, size = 15, 6
    for _ in range(rounds):
        batch = [create(new_id()) for _ in range(size)]
        answers = at_once(engine, [handling(batch), handling(batch[::-1])])
        assert answers[0] == answers[1][::-1]
        assert told(answers[0]) == ["succeeded"] * size
    assert counts(engine) == dict.fromkeys(("commands", "job_groups", "events"), rounds * size) | {"dead_letters": 0}
    assert deadlocks(engine) == before


def deadlocks(engine: Engine) -> int:
    """The deadlocks that this PostgreSQL has broken up so far."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        found = connection.execute(text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
        return int(found.scalar_one())
