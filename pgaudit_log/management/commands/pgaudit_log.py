"""``manage.py pgaudit_log``: reads the trail, goes back, and looks after the event table."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError, connections

from pgaudit_log.cli import arguments, subcommands
from pgaudit_log.cli.screen import Screen
from pgaudit_log.cli.terminal_text import safe
from pgaudit_log.database import event_table
from pgaudit_log.exceptions import InstallationError, PgauditLogError

NOT_READY = 1
"""The exit code when the database cannot be asked, and when a check has found something."""
REFUSED = 2
"""The exit code for bad input, and for a plan that cannot be applied; nothing was written then."""
BROKEN_PIPE = 141
"""The exit code of programs whose reader has gone, which shells know: 128 + SIGPIPE."""
INTERRUPTED = 130
"""The exit code of programs that were interrupted: 128 + SIGINT."""


class Command(BaseCommand):
    help = "Reads the trail, goes back, and looks after the event table."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the subcommands."""
        subcommands.add_to(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run a subcommand.

        Raises:
            CommandError: with the exit code; ``NOT_READY`` or ``REFUSED``.
        """
        screen = Screen(
            self.stdout,
            self.stderr,
            as_json=options.get("json", False),
            no_color=options["no_color"],
            force_color=options["force_color"],
        )
        with _errors_as_exit_codes(), _broken_pipes_quiet(self.stdout):
            subcommand = subcommands.BY_NAME[options["subcommand"]]
            if subcommand.asks_database:
                options["database"] = arguments.database(options)
                _refuse_database(options["database"], subcommand.name)
            subcommand.run(Namespace(**options), screen)
            self.stdout.flush()


def _refuse_database(using: str, subcommand: str) -> None:
    if using not in connections:
        known = ", ".join(connections)
        raise CommandError(f"There is no database {using!r} but {known}.", returncode=REFUSED)
    if connections[using].vendor != "postgresql":
        kind = connections[using].display_name
        raise CommandError(
            f'The database "{using}" is {kind}; events are in PostgreSQL only.', returncode=REFUSED
        )
    # What is missing is what `install` is for; it says itself what it cannot do.
    is_there = subcommand == "install" or event_table.has_event_table(using)
    if not event_table.is_wanted(using) or not is_there:
        raise CommandError(
            f'The database "{using}" has no event table. Run migrate on it first.',
            returncode=NOT_READY,
        )


@contextmanager
def _errors_as_exit_codes() -> Iterator[None]:
    try:
        yield
    except InstallationError as error:
        raise CommandError(safe(error, keep="\n"), returncode=NOT_READY) from error
    except PgauditLogError as error:
        raise CommandError(safe(error, keep="\n"), returncode=REFUSED) from error
    except (OperationalError, ProgrammingError) as error:
        # No server, no right to read or write.
        message = f"The database cannot be asked: {str(error).strip()}"
        raise CommandError(safe(message, keep="\n"), returncode=NOT_READY) from error
    except KeyboardInterrupt as error:
        raise CommandError("Interrupted.", returncode=INTERRUPTED) from error


@contextmanager
def _broken_pipes_quiet(stdout: Any) -> Iterator[None]:
    """End without a traceback when the reader, such as ``head``, has gone."""
    try:
        yield
    except BrokenPipeError:
        if stdout._out is sys.stdout:
            # Python flushes it once more on its way out.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(BROKEN_PIPE) from None
