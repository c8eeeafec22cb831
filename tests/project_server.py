"""Runs the commands of throw-away projects in forks of a process that has imported Django already.

Importing Django and the driver takes longer than most commands do. Nothing of this package and no
setting is read before the fork, so that each command starts as a new process would.

It reads a line of JSON a command, ``{"arguments", "folder", "environment", "output"}``, runs it as
``python`` with these arguments, writes what it prints to the file ``output``, and answers with a line:
the exit status.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import sys
import traceback
from typing import Any

IMPORTED = (
    *("asyncio", "email.message", "psycopg", "psycopg2", "sqlparse", "dj_database_url"),
    *("django.contrib.postgres.fields", "django.contrib.postgres.aggregates"),
    *("django.core.management.commands.makemigrations", "django.core.management.commands.migrate"),
    *(
        "django.db.backends.postgresql.base",
        "django.db.models",
        "django.db.migrations.autodetector",
    ),
    *("django.forms", "django.template.context_processors", "django.test", "django.views.generic"),
)


def main() -> None:
    """Serve until the input ends."""
    for name in IMPORTED:
        with contextlib.suppress(ModuleNotFoundError):  # there is one driver or the other
            importlib.import_module(name)
    from django.conf import settings

    assert not settings.configured
    assert not any(name.partition(".")[0] == "pgaudit_log" for name in sys.modules)
    for line in sys.stdin:
        command = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(run(command))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run(command: dict[str, Any]) -> int:
    """Run a command in this process and return its exit status."""
    output = os.open(command["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, standard in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(descriptor, standard)
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    option, what, *arguments = command["arguments"]
    sys.path[0] = "" if option == "-c" else command["folder"]
    sys.path[1:1] = command["environment"]["PYTHONPATH"].split(os.pathsep)
    sys.argv = [option if option == "-c" else what, *arguments]
    try:
        if option == "-c":
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_module(what, run_name="__main__", alter_sys=True)
    except SystemExit as exit_:
        if exit_.code is not None and not isinstance(exit_.code, int):
            print(exit_.code, file=sys.stderr)
            return 1
        return exit_.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main()
