"""What pages are made of is in the package, and nothing else decides what a page may do."""

import hashlib
import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from api_stub.console.pages import HEADERS
from api_stub.console.static_files import TYPES, version_of

PACKAGE = files("api_stub.console")
SOURCE = Path("api_stub/console")
HTMX_VERSION = "4.0.1"
HTMX_SHA256 = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
"""Of `dist/htmx.min.js` in the npm package `htmx.org`."""


def test_every_file_is_packaged() -> None:
    globs = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["api_stub.console"]
    packaged = {path for glob in globs for path in Path("api_stub/console").glob(glob)}
    there = {
        path for path in Path("api_stub/console").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert there == packaged
    assert there


@pytest.mark.parametrize("name", TYPES)
def test_every_static_file_is_found_as_a_resource(name: str) -> None:
    assert PACKAGE.joinpath("static", name).read_bytes()
    assert version_of(name)


def test_every_static_file_is_served() -> None:
    assert {each.name for each in PACKAGE.joinpath("static").iterdir()} == set(TYPES)


def test_htmx_is_what_its_makers_published() -> None:
    script = PACKAGE.joinpath("static", "htmx.min.js").read_bytes()
    assert hashlib.sha256(script).hexdigest() == HTMX_SHA256
    assert f'version="{HTMX_VERSION}"'.encode() in script
    assert f"htmx** ({HTMX_VERSION}, vendored" in Path("docs/decisions/0019-the-console.md").read_text()


@pytest.mark.parametrize("template", sorted(SOURCE.glob("templates/*")), ids=lambda path: path.name)
def test_no_template_holds_a_script_or_a_style(template: Path) -> None:
    html = template.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son[a-z]+=|javascript:|hx-on|\bjs:", html)
    assert "|safe" not in html.replace(" ", "")


def test_the_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'none'")
