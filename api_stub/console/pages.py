"""How pages are made: templates of Jinja2, which escapes all that it is given, under a strict policy."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from api_stub.console import charts, wording
from api_stub.console.static_files import version_of
from models.events import ROUTING_KEYS

PREFIX = "/console"
HEADERS = {
    # What a page may do is written in its files: nothing inline, nothing from elsewhere, no evaluation of texts.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # With `no-referrer` browsers send `Origin: null` with forms.
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What became of an action."""

    text: str
    is_problem: bool = False


UNANSWERED = Notice("No answer came. Whether it was done is seen here once the service answers again.", is_problem=True)
"""What the page's script says where an action met no service."""


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("api_stub.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "instant": wording.instant,
        "short_instant": wording.short_instant,
        "sentence": wording.sentence,
        "percent": wording.percent,
        "tally": wording.tally,
        "words": wording.words,
        "count": wording.count,
        "figure": wording.figure,
        "event_name": wording.event_name,
        "event_detail": wording.event_detail,
        "job_name": wording.job_name,
        "json": wording.pretty_json,
    }
    templates.globals |= {
        "prefix": PREFIX,
        "static": lambda name: f"{PREFIX}/static/{name}?v={version_of(name)}",
        "bar": charts.bar,
        "gauge": charts.gauge,
        "event_names": " ".join(ROUTING_KEYS),
        "unanswered": UNANSWERED,
    }
    return templates


def page(request: Request, template: str, *, status: int = 200, **told: Any) -> Response:
    """Return the page that `template` makes of what it is `told`."""
    told = {"notice": None, "path": request.url.path, **told}
    html = _templates().get_template(template).render(told)
    return Response(html, status, HEADERS, "text/html")
