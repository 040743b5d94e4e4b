"""The dashboard, as far as it can be judged without Grafana."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.metrics.expressions import DASHBOARD, PANELS, QUERIES, series_in
from tests.metrics.promtool import promtool
from tests.metrics.scraping import Scrape

WIDTH = 24
"""Of Grafana's grid."""


def test_it_goes_from_what_flows_to_what_it_takes() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == [
        "Is work flowing?",
        "Where does it stand still?",
        "How slow is it?",
        "What fails?",
        "What does it use?",
    ]


def test_every_panel_has_its_own_id_and_title() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_no_panel_lies_on_another() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= WIDTH for place in places)
    assert not [pair for pair in combinations(places, 2) if overlap(*pair)]


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    """Return whether two places have a cell in common."""
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or below)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_in_which_unit_and_asks_the_chosen_prometheus(panel: dict[str, Any]) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("query", QUERIES)
def test_what_it_asks_for_is_told(query: str, told: Scrape) -> None:
    assert series_in(QUERIES[query]) <= told.series


@pytest.mark.parametrize("query", QUERIES)
def test_a_rate_is_taken_over_the_interval_that_grafana_knows(query: str) -> None:
    counters = [name for name in series_in(QUERIES[query]) if name.endswith(("_total", "_bucket", "_sum"))]
    assert bool(counters) == ("[$__rate_interval]" in QUERIES[query])
    assert QUERIES[query].count("[$__rate_interval]") == QUERIES[query].count("[")


def test_promtool_can_read_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(QUERIES.values())]
    file = tmp_path / "queries.yml"
    file.write_text(
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}).replace("$__rate_interval", "1m")
    )
    assert f"{len(QUERIES)} rules found" in promtool("check", "rules", str(file))
