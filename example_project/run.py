"""Runs the example from nothing: `python3 example_project/run.py`.

Installs what it needs, finds or starts the example's PostgreSQL 18 (or takes DATABASE_URL), and
runs the management command `demo`. `--stop` stops that server and keeps its data; `--delete`
removes both.
"""

from __future__ import annotations

import argparse
import os
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
        prog="run.py", description=__doc__.splitlines()[0] if __doc__ else None
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--stop", action="store_true", help="stop the embedded server, keep its data")
    what.add_argument(
        "--delete", action="store_true", help="stop the embedded server, delete its data"
    )
    options, arguments = parser.parse_known_args()

    if options.stop:
        embedded_postgres.persistent(ROOT).stop()
        return
    if options.delete:
        embedded_postgres.persistent(ROOT).delete()
        return
    if not os.environ.get("DATABASE_URL"):
        server = embedded_postgres.persistent(ROOT)
        server.start()
        os.environ["DATABASE_URL"] = server.url()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *(arguments or ["demo"])])


if __name__ == "__main__":
    main()
