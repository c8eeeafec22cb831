"""Chores: the commands that look after a log, run again and again beside its writers."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field

from example_project.load.writers import ROOT
from pgaudit_log.cli.subcommands import SUBCOMMANDS

USUAL = (
    "pgaudit_log partitions --apply",
    "pgaudit_log partitions --remove --older-than {age}d --apply",
)
"""What is run unless others are named, as far as it is there; for ``{age}`` see :meth:`Chore.run`."""


def usual() -> list[str]:
    """Return what looks after the log in this version."""
    there = {subcommand.name for subcommand in SUBCOMMANDS}
    return [command for command in USUAL if command.split()[1] in there] or ["pgaudit_log install"]


@dataclass(kw_only=True)
class Chore:
    """A management command, and how it went."""

    command: str
    days: int = 1
    """For how long there have been events; each time, ``{age}`` in the command is a day less."""
    runs: int = 0
    failures: int = 0
    longest: float = 0.0
    """In seconds."""
    errors: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Run it once, as cron does.

        ``{age}`` in it becomes a number of days, so that there is something to remove each time.
        """
        command = self.command.replace("{age}", str(max(1, self.days - self.runs)))
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "django", *shlex.split(command)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.longest = max(self.longest, time.monotonic() - start)
        self.runs += 1
        if done.returncode != 0:
            self.failures += 1
            self.errors = [*self.errors, done.stdout.strip()[-300:]][:3]
