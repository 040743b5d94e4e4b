"""docs/reference/metrics.md names what is told, and nothing else."""

import re

from tests.metrics.reference import PAGE, SECTIONS, VALUES, metrics_of, page
from tests.metrics.scraping import Scrape

LISTED_BY_HTTP = {"status", "route"}


def test_the_page_is_what_the_code_makes() -> None:
    assert PAGE.read_text() == page(), "`python -m tests.metrics.reference` writes it anew"


def test_a_service_tells_what_the_page_names(told: Scrape) -> None:
    named = {name.removesuffix("_total") for name in re.findall(r"`(jobgroups_\w+)`", page())}
    assert named == {name for name in told.families if name.startswith("jobgroups_")}


def test_every_label_has_its_values() -> None:
    every = [metric for _, where in SECTIONS.values() for metric in metrics_of(where)]
    assert {label for _, _, labels, _ in every for label in labels} == VALUES.keys()


def test_no_value_is_beside_them(metrics_url: str) -> None:
    families = [family for name, family in Scrape.of(metrics_url).families.items() if name.startswith("jobgroups_")]
    pairs = {pair for family in families for sample in family.samples for pair in sample.labels.items()}
    closed = VALUES.keys() - LISTED_BY_HTTP
    assert {(label, value) for label, value in pairs if label in closed and value not in VALUES[label]} == set()
