"""Privileges: what the database refuses a role that installs is told with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import ProgrammingError

from pgaudit_log.exceptions import InstallationError


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's code of an error that Django has raised."""
    cause = error.__cause__
    # The name of psycopg 3, and that of psycopg 2.
    return getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)


def is_lacking(error: BaseException) -> bool:
    """Return whether an error that Django has raised says that the role lacks a privilege, or is no owner."""
    return sqlstate(error) == "42501"


@contextmanager
def lack_told(using: str) -> Iterator[None]:
    """Say, of a block that a role may not carry out, which role can.

    Raises:
        InstallationError: instead of PostgreSQL's error about a privilege or an owner.
    """
    try:
        yield
    except ProgrammingError as error:
        if not is_lacking(error):
            raise
        raise InstallationError(
            f'The role of the connection may not install into the database "{using}":'
            f" {str(error).strip()}."
            " Run this as the role that owns the event table and the tracked tables."
        ) from error
