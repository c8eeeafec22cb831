"""Runs the code blocks of one page inside its project: a script, started in the project's folder.

Reads the steps as JSON from the file named first and writes their outputs to the second.
Python steps share one namespace, as in ``manage.py shell``; each SQL step is a session
of its own, printed as psql prints it.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # django-pgtrigger writes them to files too
RIGHT_ALIGNED = {20, 21, 23, 26, 700, 701, 1700}  # the numbers among PostgreSQL's types


def main() -> None:
    steps = json.loads(Path(sys.argv[1]).read_text())
    sys.path[0] = os.getcwd()  # instead of this file's folder, as manage.py has it
    namespace: dict[str, Any] = {"__name__": "__main__"}
    run = {
        "python": lambda step: run_python(step, namespace),
        "sql": run_sql,
        "command": run_command,
        "migrate": migrate,
    }
    results = [run[step["kind"]](step) for step in steps]
    Path(sys.argv[2]).write_text(json.dumps(results))


def set_up() -> None:
    """Set Django up, once."""
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()


def migrate(step: dict[str, Any]) -> dict[str, Any]:
    """Do what a reader does after changing models: ``makemigrations`` and ``migrate``."""
    set_up()
    from django.core.management import call_command

    output = io.StringIO()
    call_command("makemigrations", stdout=output, stderr=output)
    importlib.invalidate_caches()
    call_command("migrate", stdout=output, stderr=output)
    return {"output": output.getvalue(), "failed": None}


def run_python(step: dict[str, Any], namespace: dict[str, Any]) -> dict[str, Any]:
    """Run a block and return what it prints, with the last line of its traceback if it raises."""
    set_up()
    output = io.StringIO()
    failed = None
    # The line numbers of a traceback are those of the page.
    source = "\n" * (step["line"] - 1) + step["code"]
    with contextlib.redirect_stdout(output):
        try:
            exec(compile(source, step["page"], "exec"), namespace)
        except Exception as error:  # a page may show any
            failed = traceback.format_exc()
            output.write(traceback.format_exception_only(error)[-1])
    return {"output": output.getvalue(), "failed": failed}


def run_command(step: dict[str, Any]) -> dict[str, Any]:
    """Run a command and return what it writes."""
    arguments = shlex.split(step["code"])
    programs = {
        "python": [sys.executable],
        "pytest": [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        "mypy": [sys.executable, "-m", "mypy"],
        # It looks for packages where the python of the path has them.
        "pyright": [sys.executable, "-m", "pyright", "--pythonpath", sys.executable],
    }
    done = subprocess.run(
        [*programs[arguments[0]], *arguments[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    output = COLOURS.sub("", done.stdout)
    failed = f"exit status {done.returncode}\n{output}" if done.returncode else None
    return {"output": output, "failed": failed}


def run_sql(step: dict[str, Any]) -> dict[str, Any]:
    """Run the statements of a block one by one and return their rows, or the error that ended it."""
    import psycopg
    import sqlparse

    tables = []
    with psycopg.connect(step["conninfo"], autocommit=True) as connection:
        for statement in sqlparse.split(step["code"]):
            try:
                # As psql sends it: one statement, no parameters, the text of the page.
                result = connection.pgconn.exec_(statement.encode())
                if result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
                    raise psycopg.Error(result.error_message.decode().strip())
            except psycopg.Error as error:
                tables.append(str(error))
                return {"output": "\n".join(tables), "failed": str(error)}
            if result.status == psycopg.pq.ExecStatus.TUPLES_OK:
                tables.append(as_table(result))
    return {"output": "\n\n".join(tables), "failed": None}


def as_table(result: Any) -> str:
    """Return rows as psql's aligned format has them."""
    columns = range(result.nfields)
    names = [result.fname(column).decode() for column in columns]
    rows = [
        [(result.get_value(row, column) or b"").decode() for column in columns]
        for row in range(result.ntuples)
    ]
    widths = [max(len(line[column]) for line in [names, *rows]) for column in columns]
    numeric = [result.ftype(column) in RIGHT_ALIGNED for column in columns]
    lines = [
        " | ".join(centred(name, width) for name, width in zip(names, widths, strict=True)),
        "-+-".join("-" * width for width in widths),
    ]
    lines += [
        " | ".join(
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(row, widths, numeric, strict=True)
        )
        for row in rows
    ]
    table = [f" {line}" for line in lines]
    table[1] = f"-{lines[1]}-"
    count = f"({len(rows)} row{'' if len(rows) == 1 else 's'})"
    return "\n".join([*table, count])


def centred(name: str, width: int) -> str:
    """Return a heading as psql centres it: an odd space goes to the right."""
    return (" " * ((width - len(name)) // 2) + name).ljust(width)


if __name__ == "__main__":
    main()
