"""``manage.py pgaudit_log``: installs what ``migrate`` installs, and says what it made."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS

from pgaudit_log import installation
from pgaudit_log.exceptions import InstallationError


class Command(BaseCommand):
    help = "Looks after the event table."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True)
        install = commands.add_parser(
            "install",
            help="Make missing partitions, and create or replace the views of typed events.",
        )
        install.add_argument("--database", default=DEFAULT_DB_ALIAS, help="Which database.")

    def handle(self, *args: Any, **options: Any) -> None:
        using = options["database"]
        if not installation.is_wanted(using) or not installation.has_event_table(using):
            raise CommandError(
                f'The database "{using}" has no event table. Run migrate on it first.'
            )
        try:
            report = installation.install(using)
        except InstallationError as error:
            raise CommandError(str(error)) from error
        for name in report.partitions:
            self.stdout.write(f"Made the partition {name}.")
        for name in report.leaf_triggers:
            self.stdout.write(f"Made the triggers of the partition {name}.")
        for name in report.views:
            self.stdout.write(f"Made the view {name}.")
        for name in report.occupied:
            self.stderr.write(
                f"The partition {name} was not made: the DEFAULT partition already has events"
                " of its time, which stay there and are read as any."
            )
        if report == installation.Report():
            self.stdout.write("Everything is in place.")
