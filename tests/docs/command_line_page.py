"""The page of the reference that tells every command of `jobgroups` and its options, made from their helps."""

import re
from typing import Any

from click import Context

from tests.command_line import every_command
from tests.docs.tables import Rows, table

EXAMPLE = re.compile(r"(JOBGROUPS_\w+=\S+ )*jobgroups ")


def command_line_page() -> str:
    sections = (section(" ".join(words), command) for words, command in every_command())
    return f"""# Every option of the command line

What `jobgroups COMMAND --help` says. What holds for all of them, exit statuses, and what the doctor looks at are in
[the command line](../command_line.md).

{"".join(sections).rstrip()}
"""


def section(words: str, command: Any) -> str:
    told = "\n\n".join(_shown(paragraph.strip()) for paragraph in command.help.split("\n\n"))
    options = f"\n{table(('argument or option', 'meaning'), options_of(command))}" if command.params else ""
    return f"""## `jobgroups {words}`

{told}
{options}
"""


def _shown(paragraph: str) -> str:
    return f"For example: `{paragraph}`" if EXAMPLE.match(paragraph) else paragraph


def options_of(command: Any) -> Rows:
    context = Context(command)
    for parameter in command.params:
        if record := parameter.get_help_record(context):
            yield f"`{record[0]}`", record[1]
