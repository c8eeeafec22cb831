"""The process of a project: answers, line by line, what the tests ask of it."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import django
from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, models, transaction

_block: Any = None
_names: dict[str, Any] = {}


def prepare() -> None:
    """Make the database if it is missing, the migrations, and migrate."""
    name = connection.settings_dict["NAME"]
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {connection.ops.quote_name(name)}")
    call_command("makemigrations", verbosity=0)
    importlib.invalidate_caches()
    call_command("migrate", verbosity=0, run_syncdb=True)


def drop() -> None:
    """Drop the database."""
    connection.close()
    with connection._nodb_cursor() as cursor:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        cursor.execute(f"DROP DATABASE {name}")


def begin(app: str) -> None:
    """Start a transaction with empty tables and no names but those of the app's models."""
    global _block  # noqa: PLW0603
    module = importlib.import_module(f"{app}.models")
    sys.modules["myapp"] = importlib.import_module(app)
    sys.modules["myapp.models"] = module
    auth = importlib.import_module("django.contrib.auth.models")
    _names.clear()
    _names.update(User=auth.User, Group=auth.Group)
    _names.update(vars(module), my_app_models=module)
    _block = transaction.atomic()
    _block.__enter__()
    with connection.cursor() as cursor:
        for sql in connection.ops.sequence_reset_by_name_sql(no_style(), _sequences()):
            cursor.execute(sql)


def _sequences() -> list[dict[str, str]]:
    return [
        {"table": model._meta.db_table, "column": model._meta.pk.column}
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and isinstance(model._meta.pk, models.AutoField)
    ]


def end() -> None:
    """Take back what was written since :func:`begin`."""
    transaction.set_rollback(True)
    _block.__exit__(None, None, None)


def do(code: str) -> str:
    """Run code; return what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "<example>", "exec"), _names)
    return printed.getvalue()


def value(expression: str) -> str:
    """Return the ``repr`` of an expression's value."""
    found = eval(expression, _names)
    return repr(list(found) if isinstance(found, models.QuerySet) else found)


def commit(app: str, code: str) -> None:
    """Run code with the names of the app's models, and keep what it wrote."""
    exec(code, dict(vars(importlib.import_module(f"{app}.models"))))


ACTIONS: dict[str, Callable[..., Any]] = {
    action.__name__: action for action in (prepare, drop, begin, end, do, value, commit)
}


def main() -> None:
    """Answer each line of standard input by one of standard output."""
    django.setup()
    answers = sys.stdout
    sys.stdout = sys.stderr
    for line in sys.stdin:
        action, arguments = json.loads(line)
        answer, raised = None, ""
        try:
            answer = ACTIONS[action](**arguments)
        except BaseException:
            raised = traceback.format_exc()
        print(json.dumps([answer, raised]), file=answers, flush=True)


if __name__ == "__main__":
    main()
