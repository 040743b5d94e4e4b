"""Every page of the documentation, as its source has it: code blocks with their notes, links, headings.

A note is a comment on the line before a block, which readers of the page do not see:

    <!-- run by: tests/X.py -->       that test runs it, with what it needs around it
    <!-- broker: redis -->             it is for this broker only
    <!-- background -->                it runs on beside what follows, until the page ends
    <!-- prints: completed -->         what it writes contains this
    <!-- until: completed -->          it is run again and again until it writes this
    <!-- until Ctrl-C: /metrics -->    it runs on until Ctrl-C, which is pressed once it has written this
    <!-- given: a dead letter -->     it needs that, and has words that stand for its ids (givens.py)
    <!-- types: y -->                 it asks, and is answered this
    <!-- schema: NAME -->              it is JSON as this schema in docs/contracts/schemas wants it

One block can have several, separated by semicolons.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
RUN = ("sh", "python", "diff")
LANGUAGES = (*RUN, "json", "mermaid", "text")
"""What a block may be: run, or applied to the code; held to a schema; drawn; or output."""
COMMENT = re.compile(r"<!-- (.*?) -->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    page: str
    line: int
    language: str
    code: str
    notes: dict[str, str]

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runs(self) -> bool:
        return self.language in RUN and "run by" not in self.notes

    def is_for(self, broker: str) -> bool:
        return self.notes.get("broker", broker) == broker


def pages() -> list[str]:
    """Return every page's path, README first."""
    return ["README.md", "CHANGELOG.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md"))]


@cache
def tokens(page: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text())


def blocks(page: str) -> Iterator[Block]:
    """Return the page's code blocks in their order; one that is indented has no language, and is called so."""
    before = None
    for token in tokens(page):
        if token.type in ("fence", "code_block"):
            language = "indented" if token.type == "code_block" else token.info or "text"
            yield Block(page, (token.map or [0])[0] + 1, language, token.content, _notes(before))
        before = token


def _notes(before: Token | None) -> dict[str, str]:
    if before is None or before.type != "html_block":
        return {}
    comments = COMMENT.findall(before.content)
    listed = [each for comment in comments for each in comment.split(";")]
    return {name.strip(): value.strip() for name, _, value in (each.partition(":") for each in listed)}


def links(page: str) -> Iterator[str]:
    """Return where the page's links and pictures lead."""
    for token in tokens(page):
        for child in token.children or ():
            if child.type in ("link_open", "image"):
                yield str(child.attrGet("href") or child.attrGet("src"))


def anchors(page: str) -> set[str]:
    """Return what can stand behind `#` in a link to the page."""
    listed = tokens(page)
    titles = [listed[at + 1].content for at, token in enumerate(listed) if token.type == "heading_open"]
    return {anchor(title) for title in titles}


def anchor(title: str) -> str:
    """Return the anchor of a heading, as GitHub and the site make it."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())
