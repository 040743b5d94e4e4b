"""What compose.yaml and the docs tell to export, a shell can export, and the settings can read."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from settings import Settings
from tests.docs.pages import blocks

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "compose.yaml").read_text()
HEADER = "\n".join(re.findall(r"^#   (.+)$", COMPOSE.partition("\nname:")[0], re.MULTILINE))
RECIPES = {
    "compose.yaml": HEADER,
    "deploy.md": "\n".join(block.code for block in blocks("docs/how-to/deploy.md") if "docker compose" in block.code),
}
WAYS_TO_ASK = re.compile(r"\$\{(\w+):(\?|-)")


def exported_by(recipe: str) -> dict[str, str]:
    """Return what its exports set, in a shell that knows nothing else."""
    exports = [line for line in recipe.splitlines() if line.startswith("export ")]
    typed = "\n".join(["set -eu", *exports, "env -0"])
    told = subprocess.check_output(["sh", "-c", typed], env={"PATH": os.environ["PATH"]}, text=True)
    return dict(each.split("=", 1) for each in told.split("\0") if each)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_what_must_be_set_is_exported(recipe: str) -> None:
    exported = exported_by(recipe)
    required = {name for name, operator in WAYS_TO_ASK.findall(COMPOSE) if operator == "?"}
    assert required
    assert all(exported[name].isalnum() for name in required | {"RABBITMQ_PASSWORD"})


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_brokers_address_holds_its_password_and_leads_to_it(recipe: str) -> None:
    exported = exported_by(recipe)
    address = urlsplit(Settings(broker_url=exported["JOBGROUPS_BROKER_URL"]).require("broker_url"))
    rabbitmq = yaml.safe_load(COMPOSE)["services"]["rabbitmq"]
    assert address.username == rabbitmq["environment"]["RABBITMQ_DEFAULT_USER"]
    assert address.password == exported["RABBITMQ_PASSWORD"]
    assert address.hostname == rabbitmq["hostname"]


def test_every_exported_variable_is_one_that_compose_asks_for() -> None:
    asked_for = {name for name, _ in WAYS_TO_ASK.findall(COMPOSE)}
    for recipe in RECIPES.values():
        assert set(re.findall(r"(\w+)=", "".join(re.findall(r"^export .+$", recipe, re.MULTILINE)))) <= asked_for
