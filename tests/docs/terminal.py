"""A reader at a terminal: the blocks of one page, one after the other, in one folder and with one set of variables."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.commands import eventually
from tests.docs.pages import ROOT, Block
from workers.supervision.supervisor import Supervisor

BLOCK_SECONDS = 180
EVENTUALLY_SECONDS = 45.0
SERVICE_SECONDS = 90
"""How long a whole service may take to start, and to end, on a machine that has other things to do."""
PROGRAMS = Path(__file__).parent / "programs"
"""They stand in for those that a test cannot have: Docker."""
MAKE = f"make -f {ROOT}/Makefile VENV={sys.prefix} -o {sys.prefix}/.installed"
"""`make` as a reader types it who has installed already, with the programs of these tests."""
KNOW = ". ../variables\n"
REMEMBER = "trap 'export -p > ../variables' EXIT; set -a\n"
"""What one block has set, the next one knows, as in the reader's terminal."""


def furnish(checkout: Path, service: Supervisor) -> None:
    """Make `checkout` look to a reader like the folder of the project, beside `service`."""
    checkout.mkdir()
    for name in ("examples", "tests"):
        (checkout / name).symlink_to(ROOT / name)
    connect(checkout, service)


def connect(checkout: Path, service: Supervisor) -> None:
    """Put what `make run` makes into `checkout`."""
    (checkout / ".venv").symlink_to(sys.prefix)
    (checkout / ".jobgroups").symlink_to(service.settings.home)


class Terminal:
    """Types what a page says, in `checkout`, with the program that lies in `code`. A context manager: what runs in the
    background ends with it.

    `stir` makes something happen that such a program would print, if it listens already.
    """

    def __init__(self, checkout: Path, code: Path = ROOT, stir: Callable[[], None] = lambda: None) -> None:
        self._folder = checkout
        self._code = code
        self._stir = stir
        self._background = ExitStack()
        (checkout / ".." / "variables").touch()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *raised: object) -> None:
        self._background.__exit__(*raised)  # type: ignore[arg-type]

    def type(self, block: Block) -> None:
        """Run `block`, and see that it does what its notes promise."""
        if "background" in block.notes:
            self._background.enter_context(self._beside(block))
        elif wanted := block.notes.get("until Ctrl-C"):
            self._interrupt(block, wanted)
        elif wanted := block.notes.get("until"):
            eventually(lambda: wanted in self.run(block.code, block.language, block.place), EVENTUALLY_SECONDS)
        else:
            printed = self.run(block.code, block.language, block.place, block.notes.get("types", ""))
            assert block.notes.get("prints", "") in printed, f"{block.place} printed\n{printed}"

    def run(self, code: str, language: str = "sh", place: str = "", typed: str = "") -> str:
        """Return what `code` prints, which asks at most once; it must end well."""
        done = subprocess.run(
            _command(code, language),
            env=self._environment(),
            cwd=self._folder,
            input=f"{typed}\n",
            capture_output=True,
            text=True,
            timeout=BLOCK_SECONDS,
        )
        assert done.returncode == 0, f"{place}\n{code}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    @contextmanager
    def _beside(self, block: Block) -> Iterator[None]:
        """Keep `block` running until the page is through, when it must not have ended by itself."""
        output, process = self._start(block)
        try:
            eventually(lambda: block.notes["background"] == "quiet" or self._stirs(output), EVENTUALLY_SECONDS)
            yield
            eventually(lambda: block.notes.get("prints", "") in output.read_text(), EVENTUALLY_SECONDS)
            assert process.poll() is None, "it ended by itself"
        except AssertionError as error:
            raise AssertionError(f"{block.place}: {error}\nIt printed\n{output.read_text()}") from error
        finally:
            process.terminate()
            process.wait(SERVICE_SECONDS)

    def _interrupt(self, block: Block, wanted: str) -> None:
        """Let `block` run until it has written `wanted`, then press Ctrl-C, which ends it."""
        output, process = self._start(block)
        try:
            eventually(lambda: wanted in output.read_text(), SERVICE_SECONDS)
            os.killpg(process.pid, signal.SIGINT)
            process.wait(SERVICE_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{block.place}: {error}\nIt printed\n{output.read_text()}") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)

    def _start(self, block: Block) -> tuple[Path, subprocess.Popen[bytes]]:
        """Return where `block` writes to, and its process, the end of which is that of what it started."""
        output = self._folder.parent / f"{block.line}.printed"
        command = _command(f"exec env {block.code}" if block.language == "sh" else block.code, block.language)
        with output.open("w") as file:
            process = subprocess.Popen(
                command, env=self._environment(), cwd=self._folder, stdout=file, stderr=file, start_new_session=True
            )
        return output, process

    def _stirs(self, output: Path) -> bool:
        self._stir()
        return bool(output.read_text())

    def _environment(self) -> dict[str, str]:
        path = f"{self._folder}/.venv/bin:{sys.prefix}/bin:{PROGRAMS}:{os.environ['PATH']}"
        own = {"PATH": path, "PYTHONPATH": str(self._code), "HOME": str(self._folder.parent), "PIP_NO_INDEX": "1"}
        return {**os.environ, **own}


def _command(code: str, language: str) -> list[str]:
    match language:
        case "python":
            return ["bash", "-euc", f'{KNOW}exec python -c "$0"', code]
        case "diff":
            return ["bash", "-euc", 'git apply - <<< "$0"', code]
        case _:
            return ["bash", "-euc", KNOW + REMEMBER + code]
