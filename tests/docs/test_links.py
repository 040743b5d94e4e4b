"""Links lead to a page that is there, down to the heading; files that are named exist; the site lists every page."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, anchors, links, pages

NAVIGATION = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
DOCS = ROOT / "docs"
BESIDE_THE_SITE = ("README.md", "CHANGELOG.md")
FOLDERS = ("models", "client", "tasks", "workers", "api_stub", "tests", "docs", "examples", "benchmarks")
FILE = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`")


def named_in(entry: Any) -> Iterator[str]:
    """Give the pages below an entry of the navigation."""
    if isinstance(entry, str):
        yield entry
    else:
        for each in entry.values() if isinstance(entry, dict) else entry:
            yield from named_in(each)


@pytest.mark.parametrize("page", pages())
def test_every_link_inside_leads_somewhere(page: str) -> None:
    for link in links(page):
        path, _, fragment = link.partition("#")
        if path.startswith(("https://", "http://", "mailto:")):
            continue
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page} leads to {link}, which there is not"
        assert page in BESIDE_THE_SITE or target.resolve().is_relative_to(DOCS), f"{link} of {page} is not on the site"
        if fragment:
            assert fragment in anchors(str(target.resolve().relative_to(ROOT))), f"{page} leads to no heading: {link}"


def test_links_to_elsewhere_are_encrypted() -> None:
    """They are not fetched: a test must not depend on somebody else's server."""
    elsewhere = {link for page in pages() for link in links(page) if "://" in link}
    assert {link for link in elsewhere if not link.startswith("https://")} == set()


def test_every_page_is_in_the_navigation_once() -> None:
    named = sorted(named_in(NAVIGATION))
    there = sorted(str(Path(page).relative_to("docs")) for page in pages() if page not in BESIDE_THE_SITE)
    missing = [page for page in there if page not in named]
    gone = [page for page in named if page not in there]
    assert not missing, f"add to `nav` in zensical.toml, under its kind: {', '.join(missing)}"
    assert not gone, f"`nav` in zensical.toml names pages that there are not: {', '.join(gone)}"
    assert len(named) == len(set(named))


@pytest.mark.parametrize("page", pages())
def test_every_file_that_is_named_is_there(page: str) -> None:
    text = (ROOT / page).read_text()
    gone = {path for path in FILE.findall(text) if not (ROOT / path).exists()}
    gone |= {name for name in re.findall(r"`(test_\w+\.py)`", text) if not any((ROOT / "tests").rglob(name))}
    assert not gone
