"""Programs for Node.js, with the npm packages that they name. Where there is no Node.js, their tests skip."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

INSTALL = ("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
INSTALL_TIMEOUT_SECONDS = 100
CACHE = Path(sys.prefix) / "npm"
"""Beside Python's own packages, where the next run finds them."""


def program_or_skip(source: Path, directory: Path) -> Path:
    """Return a copy, below `directory`, of the program in the folder `source`, able to run."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    program = directory / source.name
    shutil.copytree(source, program, ignore=shutil.ignore_patterns("node_modules"))
    (program / "node_modules").symlink_to(_packages(source / "package.json"))
    return program


def run(program: Path, *arguments: str | Path, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the file `program` and return how it ended; nothing of this run's environment but the PATH is passed on."""
    environment = {"PATH": f"{Path(shutil.which('node') or 'node').parent}", **variables}
    return subprocess.run(
        ["node", program.name, *arguments],
        cwd=program.parent,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _packages(wanted: Path) -> Path:
    packages = CACHE / hashlib.sha256(wanted.read_bytes()).hexdigest()[:16]
    if not packages.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            installed = Path(folder) / "installed"
            _install(wanted, installed)
            # Whole or not at all, also where two runs install at once: to the second, a folder in its way is no harm.
            if not packages.is_dir():
                installed.rename(packages)
    return packages / "node_modules"


def _install(wanted: Path, folder: Path) -> None:
    folder.mkdir()
    shutil.copy(wanted, folder)
    try:
        subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_SECONDS, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm could not install {wanted.parent.name}'s packages: {error.stderr or error}")
