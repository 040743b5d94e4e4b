"""Every diagram of the documentation can be drawn, by the mermaid that the site is built with."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page

from tests import node
from tests.console.browsing import a_browser, chromium_or_skip
from tests.docs.pages import ROOT, Block, blocks, pages

MERMAID = Path(__file__).parent / "mermaid"
DRAW = "async diagram => (await mermaid.render('drawn', diagram)).svg"
DIAGRAMS = [block for page in pages() for block in blocks(page) if block.language == "mermaid"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """An empty page of a browser that knows mermaid."""
    packages = node.program_or_skip(MERMAID, tmp_path_factory.mktemp("node")) / "node_modules"
    with a_browser(chromium_or_skip()) as browser:
        page = browser.new_page()
        page.add_script_tag(path=packages / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js")
        yield page


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=lambda block: block.place)
def test_a_diagram_can_be_drawn(diagram: Block, page: Page) -> None:
    assert page.evaluate(DRAW, diagram.code).startswith("<svg")


def test_one_that_is_wrong_cannot(page: Page) -> None:
    with pytest.raises(Error, match="Parse error"):
        page.evaluate(DRAW, "flowchart LR\n  here --> --> there")


def test_the_site_is_built_with_the_same() -> None:
    ((package, version),) = json.loads((MERMAID / "package.json").read_text())["dependencies"].items()
    assert f"{package}@{version}" in (ROOT / "Makefile").read_text().split()
