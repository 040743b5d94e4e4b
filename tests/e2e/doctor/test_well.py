"""Nothing is wrong, and the doctor says so."""

from itertools import chain

from tests.command_line import jobgroups_process
from tests.e2e.doctor.diagnosis import FAULT, FINE, WARNING, Diagnosis, variables_of
from workers.operating.doctor import areas
from workers.supervision.supervisor import Supervisor

# What other tests left behind: a dead letter, work that is due.
LEFT_BEHIND = {"dead letters", "housekeeping"}


def test_a_service_that_works_is_well(either_service: Supervisor) -> None:
    diagnosis = Diagnosis(**variables_of(either_service))
    assert diagnosis.those_found(FAULT) == set()
    assert diagnosis.exit_status == 0
    assert diagnosis.those_found(WARNING) <= LEFT_BEHIND
    assert diagnosis.those_found(FINE) | LEFT_BEHIND >= set(diagnosis.names)


def test_every_check_is_made_in_its_order(either_service: Supervisor) -> None:
    broker = areas.REDIS_BROKER if either_service.settings.require("broker_url")[0] == "r" else areas.RABBITMQ_BROKER
    in_order = (areas.SURROUNDINGS, areas.DATABASE, broker, areas.OUTCOMES, areas.MAIL, areas.API)
    assert Diagnosis(**variables_of(either_service)).names == list(chain(*(area.checks for area in in_order)))


def test_where_no_server_is_named_it_looks_at_the_service_that_runs_here(service: Supervisor) -> None:
    diagnosis = Diagnosis(home=str(service.settings.home))
    assert diagnosis.those_found(FAULT) == set()
    assert diagnosis.exit_status == 0
    assert str(service.settings.home / "env") in diagnosis.text_of("addresses")


def test_for_people_it_is_a_line_for_each_check_and_a_last_one(service: Supervisor) -> None:
    told = jobgroups_process("doctor", **variables_of(service))
    assert told.returncode == 0
    lines = told.stdout.splitlines()
    assert sum(line.startswith(("✓ ", "! ")) for line in lines) == len(Diagnosis(**variables_of(service)).names)
    assert "All is well." in told.stdout or "0 to mend" in told.stdout
    assert service.api_key not in told.stdout
