"""Runs the example from nothing: `python3 example_project/run.py`.

Installs what it needs, finds or starts the example's PostgreSQL 18 (or takes DATABASE_URL), and
runs the management command `demo`, or the one that is given: `run.py runserver` opens the site.
`--load` lets writers change the shop for minutes, and tells whether anything was lost.
`--stop` stops that server and keeps its data; `--delete` removes both.
"""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # instead of this file's directory, so that modules have one name only

from example_project import bootstrap  # noqa: E402


def main() -> None:
    bootstrap.enter("example")
    # Not above: this needs the wheel that the line before has installed.
    from example_project import embedded_postgres

    parser = argparse.ArgumentParser(
        prog="run.py",
        usage="%(prog)s [--load | --stop | --delete] [command ...]",
        description="Runs a management command of the example; without one, the demo.",
        allow_abbrev=False,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--load", action="store_true", help="the command generate_load")
    what.add_argument("--stop", action="store_true", help="stop the embedded server, keep its data")
    what.add_argument(
        "--delete", action="store_true", help="stop the embedded server, delete its data"
    )
    options, arguments = parser.parse_known_args()

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without "→" shows "?"
    try:
        if options.stop:
            embedded_postgres.persistent(ROOT).stop()
        elif options.delete:
            embedded_postgres.persistent(ROOT).delete()
        else:
            manage(["generate_load", *arguments] if options.load else arguments or ["demo"])
    except embedded_postgres.EmbeddedPostgresError as error:
        sys.exit(str(error))


def manage(arguments: list[str]) -> None:
    """Run a management command on DATABASE_URL, or else on the example's own server."""
    from example_project import embedded_postgres

    embedded = not os.environ.get("DATABASE_URL")
    if embedded:
        server = embedded_postgres.persistent(ROOT)
        server.start()
        os.environ["DATABASE_URL"] = server.url()
    os.environ["DJANGO_SETTINGS_MODULE"] = "example_project.settings"
    from django.core.management import execute_from_command_line

    if arguments[0] == "runserver":  # before the demo has run, the shop is empty but open
        execute_from_command_line(["manage.py", "migrate", "--verbosity=0"])
    execute_from_command_line(["manage.py", *arguments])
    if embedded and arguments == ["demo"]:
        this = shlex.join(["python3", sys.argv[0]])
        print(f"Stop PostgreSQL: {this} --stop\nDelete its data: {this} --delete")


if __name__ == "__main__":
    main()
