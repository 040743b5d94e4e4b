"""The official validators accept the contracts: AsyncAPI's own parser, and the schema that the OpenAPI Initiative
publishes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import node
from tests.contract_files import FOLDER

VALIDATORS = Path(__file__).parents[1] / "validators"
ASYNCAPI, OPENAPI = FOLDER / "asyncapi.json", FOLDER / "openapi.json"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return node.program_or_skip(VALIDATORS, tmp_path_factory.mktemp("node")) / "validate.js"


def without_a_message(asyncapi: dict[str, Any], openapi: dict[str, Any]) -> None:
    del asyncapi["components"]["messages"]["outcomes"]


def without_a_title(asyncapi: dict[str, Any], openapi: dict[str, Any]) -> None:
    del openapi["info"]["title"]


def test_both_documents_are_valid(program: Path) -> None:
    said = node.run(program, ASYNCAPI, OPENAPI)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without_a_message, "asyncapi: invalid-ref"),
        (without_a_title, "openapi: "),
    ],
)
def test_a_spoilt_document_is_refused(program: Path, tmp_path: Path, spoil: Callable[..., None], told: str) -> None:
    documents = [json.loads(file.read_text()) for file in (ASYNCAPI, OPENAPI)]
    spoil(*documents)
    files = [tmp_path / "asyncapi.json", tmp_path / "openapi.json"]
    for file, document in zip(files, documents, strict=True):
        file.write_text(json.dumps(document))
    said = node.run(program, *files)
    assert (said.returncode, said.stderr) == (1, "")
    assert said.stdout.startswith(told), said.stdout
