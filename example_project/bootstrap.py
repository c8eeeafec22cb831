"""Makes the project's virtual environment, so that one command is enough where only Python is.

A script calls `enter("test")` before it imports anything that must be installed. The first time,
this makes `.venv` in the checkout (or where PGAUDIT_LOG_VENV says), installs the checkout and a
dependency group of pyproject.toml there, and starts the script again with that environment's
Python. Later it only compares a stamp. Nothing outside that directory is written.

Standard library only; the syntax stays readable for older Pythons, so that they can be told that
they are too old.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 10)
RESTARTED = "PGAUDIT_LOG_RESTARTED"


class BootstrapError(Exception):
    """The environment could not be made; the message ends with what to do."""


def enter(group: str) -> None:
    """Return if this is the project's environment, else start the calling script again in it.

    Either way the dependency group is installed first. On failure the program ends with exit status
    1 and says what to do.
    """
    try:
        python = install(group)
        if _here(python):
            os.environ.pop(RESTARTED, None)
            return
        if os.environ.get(RESTARTED):
            raise BootstrapError(
                f"{python} does not know that it belongs to {environment()}. "
                f"Unset PYTHONHOME, remove that directory and try again."
            )
    except BootstrapError as error:
        sys.exit(str(error))
    command = [str(python), *sys.argv]
    os.environ[RESTARTED] = "1"
    sys.stdout.flush()
    if os.name == "nt":  # where exec returns to the shell before the new program ends
        sys.exit(subprocess.call(command))
    os.execv(python, command)


def environment() -> Path:
    """Return the directory of the virtual environment, made or not."""
    return Path(os.environ.get("PGAUDIT_LOG_VENV") or ROOT / ".venv").absolute()


def install(group: str) -> Path:
    """Return the environment's Python, after making the environment whole for a dependency group.

    Where the stamp says that it is whole, nothing is done. A half-made or moved environment, or one
    of another Python version, is made anew. Raises `BootstrapError`.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise BootstrapError(
            f"This is Python {platform.python_version()} ({sys.executable}); "
            f"the project needs Python 3.10 or newer. "
            f"Run the same command with a newer one, such as python3.12."
        )
    directory = environment()
    python = directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = directory / f"installed-{group}"
    with _one_at_a_time():
        if _read(stamp) == _fingerprint(group) and python.exists():
            return python
        what = f"the dependency group '{group}' of pyproject.toml into {directory}"
        print(f"Installing {what}. The first time takes a minute.", file=sys.stderr)
        stamp.unlink(missing_ok=True)
        interrupted = directory / "installing"
        if interrupted.exists() or not _is_whole(python):
            _make(directory, python)
        interrupted.touch()
        try:
            _pip(python, "install", "pip>=25.1")  # the first that knows --group
            _pip(python, "install", "--editable", str(ROOT), "--group", group)
        except BootstrapError:
            interrupted.unlink()  # pip came to its end and left things in order
            raise
        interrupted.unlink()
        stamp.write_text(_fingerprint(group))
    return python


def _fingerprint(group: str) -> str:
    """Return a hash of what an installation depends on: declaration, Python version, places."""
    parts = (
        (ROOT / "pyproject.toml").read_bytes(),
        platform.python_version(),
        ROOT,
        environment(),
        group,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _is_whole(python: Path) -> bool:
    """Tell whether the environment's Python runs, has our version, knows its place, and has pip."""
    question = "import pip, platform, sys; print(platform.python_version(), sys.prefix)"
    try:
        answer = subprocess.run(
            [python, "-c", question], check=False, capture_output=True, text=True
        )
    except OSError:
        return False
    version, _, prefix = answer.stdout.strip().partition(" ")
    return (
        version == platform.python_version()
        and Path(prefix).resolve() == python.parent.parent.resolve()
    )


def _make(directory: Path, python: Path) -> None:
    """Make an empty environment with pip in it.

    Debian leaves ensurepip to a package of its own (python3-venv). If it is missing, a pip of the
    system can install pip into the environment; the system's own packages stay as they are.
    """
    if directory.exists() and not (directory / "pyvenv.cfg").exists() and any(directory.iterdir()):
        raise BootstrapError(
            f"{directory} exists and is no virtual environment. "
            f"Remove it, or set PGAUDIT_LOG_VENV to another place."
        )
    attempts: tuple[list[list[str | Path]], ...] = (
        [[sys.executable, "-m", "venv", "--clear", directory]],
        [
            [sys.executable, "-m", "venv", "--clear", "--without-pip", directory],
            [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "pip>=25.1"],
        ],
    )
    said = ""
    for commands in attempts:
        for command in commands:
            done = subprocess.run(
                command,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=_environment(),
            )
            said += done.stdout
            if done.returncode != 0:
                break
        else:
            if _is_whole(python):
                return
    shutil.rmtree(directory, ignore_errors=True)
    raise BootstrapError(
        f"Cannot make a virtual environment in {directory} with {sys.executable}:\n{said.strip()}\n"
        f"On Debian and Ubuntu run `apt install python3-venv`, then try again."
    )


def _pip(python: Path, *arguments: str) -> None:
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    # In the checkout, because --group reads the pyproject.toml of the current directory.
    if subprocess.call([*pip, *arguments], env=_environment(), cwd=ROOT) != 0:
        raise BootstrapError(
            f"pip could not install into {environment()}; its reason stands above. "
            f"Correct it and try again: what is installed already stays."
        )


def _environment() -> dict[str, str]:
    """Return pip's environment variables: a wish for --user or another target does not fit here."""
    return {**os.environ, "PIP_USER": "0", "PIP_TARGET": "", "PIP_PREFIX": ""}


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let a second command wait while one installs; the lock is on the checkout, no file is left."""
    try:
        import fcntl  # not on Windows
    except ImportError:
        yield
        return
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _here(python: Path) -> bool:
    return Path(sys.prefix).resolve() == python.parent.parent.resolve()


def _read(file: Path) -> str | None:
    try:
        return file.read_text()
    except OSError:
        return None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Which dependency group of pyproject.toml? Say: bootstrap.py test")
    try:
        print(install(sys.argv[1]))
    except BootstrapError as error:
        sys.exit(str(error))
