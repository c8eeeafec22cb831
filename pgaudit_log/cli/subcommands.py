"""The subcommands: for each its name, its arguments, and the function that it calls."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pgaudit_log.cli import (
    as_of,
    backfill,
    events,
    harden,
    holds,
    imports,
    install,
    mask,
    partitions,
    reversal,
    status,
    trail,
    types,
    uninstall,
    verify,
)
from pgaudit_log.cli.screen import Screen


@dataclass(frozen=True, kw_only=True)
class Subcommand:
    """One subcommand."""

    name: str
    help: str
    add_arguments: Callable[[Any], None]
    run: Callable[[Any, Screen], None]
    has_json: bool = True
    asks_database: bool = True


SUBCOMMANDS = (
    Subcommand(name="trail", help=trail.HELP, add_arguments=trail.add_arguments, run=trail.run),
    Subcommand(
        name="show",
        help=events.SHOW_HELP,
        add_arguments=events.add_show_arguments,
        run=events.show,
    ),
    Subcommand(
        name="diff",
        help=events.DIFF_HELP,
        add_arguments=events.add_diff_arguments,
        run=events.diff,
    ),
    Subcommand(
        name="blame",
        help=events.BLAME_HELP,
        add_arguments=events.add_blame_arguments,
        run=events.blame,
    ),
    Subcommand(name="as-of", help=as_of.HELP, add_arguments=as_of.add_arguments, run=as_of.run),
    Subcommand(
        name="revert",
        help=reversal.REVERT_HELP,
        add_arguments=reversal.add_revert_arguments,
        run=reversal.revert,
    ),
    Subcommand(
        name="undo",
        help=reversal.UNDO_HELP,
        add_arguments=reversal.add_undo_arguments,
        run=reversal.undo,
    ),
    Subcommand(
        name="restore",
        help=reversal.RESTORE_HELP,
        add_arguments=reversal.add_restore_arguments,
        run=reversal.restore,
    ),
    Subcommand(
        name="backfill", help=backfill.HELP, add_arguments=backfill.add_arguments, run=backfill.run
    ),
    Subcommand(
        name="import", help=imports.HELP, add_arguments=imports.add_arguments, run=imports.run
    ),
    Subcommand(name="verify", help=verify.HELP, add_arguments=verify.add_arguments, run=verify.run),
    Subcommand(name="mask", help=mask.HELP, add_arguments=mask.add_arguments, run=mask.run),
    Subcommand(
        name="install",
        help=install.HELP,
        add_arguments=install.add_arguments,
        run=install.run,
        has_json=False,
    ),
    Subcommand(name="status", help=status.HELP, add_arguments=status.add_arguments, run=status.run),
    Subcommand(name="harden", help=harden.HELP, add_arguments=harden.add_arguments, run=harden.run),
    Subcommand(
        name="partitions",
        help=partitions.HELP,
        add_arguments=partitions.add_arguments,
        run=partitions.run,
    ),
    Subcommand(name="hold", help=holds.HELP, add_arguments=holds.add_arguments, run=holds.run),
    Subcommand(
        name="uninstall",
        help=uninstall.HELP,
        add_arguments=uninstall.add_arguments,
        run=uninstall.run,
    ),
    Subcommand(
        name="types",
        help=types.HELP,
        add_arguments=types.add_arguments,
        run=types.run,
        has_json=False,
        asks_database=False,
    ),
)

BY_NAME = {subcommand.name: subcommand for subcommand in SUBCOMMANDS}


def add_to(parser: argparse.ArgumentParser) -> None:
    """Give ``parser``, that of the command, the subcommands."""
    made = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
    for subcommand in SUBCOMMANDS:
        own = made.add_parser(subcommand.name, help=subcommand.help, description=subcommand.help)
        subcommand.add_arguments(own)
        if subcommand.asks_database:
            own.add_argument(
                "--database",
                metavar="ALIAS",
                help="Which database; by default the one that the routers give for the model.",
            )
        if subcommand.has_json:
            own.add_argument("--json", action="store_true", help="Write one JSON document.")
        _add_django_options(own)


def _add_django_options(parser: argparse.ArgumentParser) -> None:
    """Accept what Django gives every command behind the subcommand's name, too."""
    for name in ("--settings", "--pythonpath"):
        parser.add_argument(name, default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    for name in ("--traceback", "--no-color", "--force-color", "--skip-checks"):
        parser.add_argument(
            name, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
    parser.add_argument(
        "-v",
        "--verbosity",
        type=int,
        choices=range(4),
        default=argparse.SUPPRESS,
        help=argparse.SUPPRESS,
    )
