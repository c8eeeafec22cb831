"""The subcommands: for each its name, its arguments, and the function that it calls."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pgaudit_log.cli import acting, filling, inspecting, installing, past, trail, uninstalling
from pgaudit_log.cli.screen import Screen


@dataclass(frozen=True, kw_only=True)
class Subcommand:
    """One subcommand."""

    name: str
    help: str
    add_arguments: Callable[[Any], None]
    run: Callable[[Any, Screen], None]
    has_json: bool = True


SUBCOMMANDS = (
    Subcommand(name="trail", help=trail.HELP, add_arguments=trail.add_arguments, run=trail.run),
    Subcommand(
        name="show",
        help=inspecting.SHOW_HELP,
        add_arguments=inspecting.add_show_arguments,
        run=inspecting.show,
    ),
    Subcommand(
        name="diff",
        help=inspecting.DIFF_HELP,
        add_arguments=inspecting.add_diff_arguments,
        run=inspecting.diff,
    ),
    Subcommand(
        name="blame",
        help=inspecting.BLAME_HELP,
        add_arguments=inspecting.add_blame_arguments,
        run=inspecting.blame,
    ),
    Subcommand(name="as-of", help=past.HELP, add_arguments=past.add_arguments, run=past.run),
    Subcommand(
        name="revert",
        help=acting.REVERT_HELP,
        add_arguments=acting.add_revert_arguments,
        run=acting.revert,
    ),
    Subcommand(
        name="undo",
        help=acting.UNDO_HELP,
        add_arguments=acting.add_undo_arguments,
        run=acting.undo,
    ),
    Subcommand(
        name="restore",
        help=acting.RESTORE_HELP,
        add_arguments=acting.add_restore_arguments,
        run=acting.restore,
    ),
    Subcommand(
        name="backfill", help=filling.HELP, add_arguments=filling.add_arguments, run=filling.run
    ),
    Subcommand(
        name="install",
        help=installing.HELP,
        add_arguments=installing.add_arguments,
        run=installing.run,
        has_json=False,
    ),
    Subcommand(
        name="uninstall",
        help=uninstalling.HELP,
        add_arguments=uninstalling.add_arguments,
        run=uninstalling.run,
    ),
)

BY_NAME = {subcommand.name: subcommand for subcommand in SUBCOMMANDS}


def add_to(parser: argparse.ArgumentParser) -> None:
    """Give ``parser``, that of the command, the subcommands."""
    made = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
    for subcommand in SUBCOMMANDS:
        own = made.add_parser(subcommand.name, help=subcommand.help, description=subcommand.help)
        subcommand.add_arguments(own)
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
