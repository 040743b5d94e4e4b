"""What is asked of the metrics: the alert rules and the panels of the dashboard."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

OPS = Path(__file__).parents[2] / "ops"
RULES = OPS / "prometheus" / "alerts.yml"
RULES_TESTS = sorted((OPS / "prometheus").glob("*_test.yml"))
CONFIGURATION = OPS / "prometheus" / "prometheus.yml"

ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
DASHBOARD: dict[str, Any] = json.loads((OPS / "grafana" / "dashboards" / "jobgroups.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES: dict[str, str] = {
    f"{panel['title']}: {target['legendFormat']}": target["expr"] for panel in PANELS for target in panel["targets"]
}


def series_in(expression: str) -> set[str]:
    """Return the names of the series that an expression asks for, but for those that Prometheus makes itself."""
    return set(re.findall(r"\b(?:jobgroups|process)_[a-z_]+", expression))
