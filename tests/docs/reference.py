"""What is in docs/reference/, made from the code, and the list of decisions.

`make reference` writes the pages.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from api_stub.app import create_app
from settings import Settings
from tests.docs.command_line_page import command_line_page
from tests.docs.contract_pages import commands_page, events_page
from tests.docs.pages import ROOT
from tests.docs.tables import Rows, table
from workers.engine.engine_settings import EngineSettings
from workers.operating.api_address import ApiSettings

FOLDER = ROOT / "docs" / "reference"
DECISIONS = ROOT / "docs" / "decisions"
MADE = "<!-- Written by `make reference` from the code; do not edit. -->\n\n"


def documents() -> dict[Path, str]:
    """Return every page as the code makes it, by its path."""
    made = {
        FOLDER / "commands.md": commands_page(),
        FOLDER / "events.md": events_page(),
        FOLDER / "settings.md": settings_page(),
        FOLDER / "http.md": http_page(),
        FOLDER / "command_line.md": command_line_page(),
        DECISIONS / "README.md": decisions_page(),
    }
    return {path: MADE + page for path, page in made.items()}


def settings_page() -> str:
    head = ("variable", "default", "meaning")
    return f"""# Settings

Every process reads its settings from the environment, once, when it starts. `jobgroups doctor` says which of them
contradict each other or are misspelt. An address may hold a password: in it write `%2F` for `/`, `%3F` for `?`, `%23`
for `#`, `%40` for `@`.

## The service

{table(head, settings_of(Settings))}
## The OCR engine that comes along

{table(head, settings_of(EngineSettings))}
## Callers of the HTTP API

What `jobgroups create`, `list` and the like ask. Where `JOBGROUPS_URL` is not set, they read the file `env` in
`JOBGROUPS_HOME`, which a running service writes.

{table(head, settings_of(ApiSettings))}"""


def settings_of(settings: type[BaseSettings]) -> Rows:
    prefix = settings.model_config["env_prefix"]
    for name, field in settings.model_fields.items():
        yield f"`{prefix}{name.upper()}`", default_of(field), _sentence(field)


def default_of(field: FieldInfo) -> str:
    match field.default:
        case None | () | "" | SecretStr():
            return ""
        case bool() as value:
            return f"`{str(value).lower()}`"
        case value:
            return f"`{value}`"


def _sentence(field: FieldInfo) -> str:
    bounds = [f"{sign} {limit}" for sign, limit in _limits(field)]
    return "; ".join(filter(None, (field.description, ", ".join(bounds))))


def _limits(field: FieldInfo) -> Iterator[tuple[str, Any]]:
    signs = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    for limit in field.metadata:
        for name, sign in signs.items():
            if getattr(limit, name, 0):
                yield sign, f"{getattr(limit, name):g}"
        if getattr(limit, "pattern", None):
            yield "one of", limit.pattern.strip("^$()").replace("|", ", ")


def http_page() -> str:
    nowhere = Settings(database_url="postgresql://none/none", broker_url="redis://none", redis_url="redis://none")
    rows = (
        (f"`{method.upper()} {path}`", operation.get("description", "").split("\n\n")[0].replace("\n", " "))
        for path, methods in create_app(nowhere).openapi()["paths"].items()
        for method, operation in methods.items()
    )
    return f"""# HTTP

What a request takes and every answer it can get is in the [OpenAPI 3.1 document](../contracts/openapi.json), which the
service gives at `/openapi.json` and shows at `/docs`, where it can be tried out.

{table(("request", "what it does"), rows)}"""


def decisions_page() -> str:
    decisions = sorted(DECISIONS.glob("[0-9]*.md"))
    titles = {each.name: each.read_text().partition("\n")[0].partition(". ")[2] for each in decisions}
    rows = ((f"[{name[:4]}]({name})", title) for name, title in titles.items())
    return f"""# Decisions

What was decided, over what, why, and when to look again. A decision that does not hold any more is answered by a new
one, not rewritten.

{table(("number", "decision"), rows)}"""


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for path, page in documents().items():
        path.write_text(page)


if __name__ == "__main__":
    main()
