"""Runs the test suite from nothing: `python3 tests/run.py [pytest's arguments]`.

Installs what it needs, starts a temporary PostgreSQL 18 unless DATABASE_URL names a server, and
hands over to pytest. `--postgres 16`, or `--postgres /usr/lib/postgresql/15/bin`, starts another
one. `--long` runs what takes minutes, and nothing else; it prints a summary of it, and with
`--docs` puts that into docs/explanation/durability.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # instead of this file's directory, so that modules have one name only

from example_project import bootstrap  # noqa: E402


def main() -> int:
    """Return pytest's exit status."""
    bootstrap.enter("test")
    # Not above: these need what the line before has installed.
    import pytest

    from example_project import embedded_postgres

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--postgres")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--docs", action="store_true")
    options, arguments = parser.parse_known_args()

    os.chdir(ROOT)  # where pytest finds its configuration, wherever the command was given
    if options.long:
        # Not above: it is for those who ask for it.
        from tests.durability import long_run

        return long_run.run(arguments, into_docs=options.docs)
    if os.environ.get("DATABASE_URL") and not options.postgres:
        return pytest.main(arguments)
    with (
        embedded_postgres.stoppable(),
        embedded_postgres.chosen(options.postgres or "18") as server,
    ):
        os.environ["DATABASE_URL"] = server.url()
        return pytest.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
