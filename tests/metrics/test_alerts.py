"""Every alert fires when it must, and says to whoever it wakes what to do."""

import re
import shlex
from pathlib import Path

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from tests.metrics.expressions import ALERTS, CONFIGURATION, PANELS, RULES, RULES_TESTS, series_in
from tests.metrics.promtool import promtool
from tests.metrics.scraping import Scrape
from workers.command_line import app
from workers.operating.doctor import areas

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "operate.md"
SECTIONS = dict(re.findall(r"^## (Jobgroups\w+)\n\n(.+?)(?=\n## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))
TEXT = " ".join(PAGE.read_text().split())
CHECKS = {check for area in vars(areas).values() if isinstance(area, areas.Area) for check in area.checks}


def test_every_alert_has_its_section_in_the_same_order() -> None:
    assert list(SECTIONS) == list(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_leads_to_its_section(alert: str) -> None:
    path, _, anchor = ALERTS[alert]["annotations"]["runbook"].partition("#")
    assert ROOT / path == PAGE
    assert anchor == alert.lower()
    assert ALERTS[alert]["labels"]["severity"] in ("critical", "warning")


@pytest.mark.parametrize("alert", SECTIONS)
def test_a_section_says_what_to_look_at_and_what_to_do(alert: str) -> None:
    assert [SECTIONS[alert].count(word) for word in ("**Look**", "**Do**")] == [1, 1]


@pytest.mark.parametrize("typed", sorted(set(re.findall(r"`jobgroups ([a-z][^`]*)`", TEXT)) - {"run"}))
def test_what_a_section_tells_to_type_is_understood(typed: str) -> None:
    words = shlex.split(typed)
    told = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert told.exit_code == 0, told.output
    assert all(word in told.stdout for word in words if word.startswith("--"))


def test_the_checks_that_it_names_are_the_doctors() -> None:
    named = {
        name
        for listed in re.findall(r"checks? ((?:`[\w ]+`(?:, | and )?)+)", TEXT)
        for name in re.findall("`(.+?)`", listed)
    }
    assert named
    assert named <= CHECKS


def test_the_panels_that_it_names_are_on_the_dashboard() -> None:
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", TEXT))
    assert named
    assert named <= {panel["title"] for panel in PANELS}


@pytest.mark.parametrize("alert", ALERTS)
def test_what_it_is_made_of_is_told(alert: str, told: Scrape) -> None:
    assert series_in(ALERTS[alert]["expr"]) <= told.series


def test_promtool_finds_nothing_wrong() -> None:
    promtool("check", "config", str(CONFIGURATION))
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", "--lint-fatal", str(RULES))


def test_every_alert_fires_when_it_must_and_not_before() -> None:
    promtool("test", "rules", *map(str, RULES_TESTS))


def test_of_every_alert_it_is_tried_when_it_fires_and_when_not() -> None:
    tried = [
        (each["alertname"], bool(each["exp_alerts"]))
        for file in RULES_TESTS
        for test in yaml.safe_load(file.read_text())["tests"]
        for each in test["alert_rule_test"]
    ]
    assert set(tried) == {(alert, fires) for alert in ALERTS for fires in (True, False)}


def test_the_names_are_as_prometheus_wants_them(metrics_url: str) -> None:
    promtool("check", "metrics", typed=httpx.get(metrics_url, trust_env=False).text)
