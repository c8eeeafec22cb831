"""What this package raises: each error says what, on what, and what now."""

from __future__ import annotations


class PgauditLogError(Exception):
    """The base of every error that this package raises itself."""


class DeclarationError(PgauditLogError, ValueError):
    """A tracker or a ``track()`` that cannot be carried out as it is declared."""


class ContextError(PgauditLogError, ValueError):
    """A context that PostgreSQL could not carry; raised where the context is entered."""


class ReadOnlyError(PgauditLogError, TypeError):
    """An attempt to change or delete an event through the ORM."""


class InstallationError(PgauditLogError, RuntimeError):
    """The database holds something that the installation cannot replace."""


class QueryError(PgauditLogError, ValueError):
    """A question that the trail cannot answer as it is put: an unknown model, label, field, moment."""


class UnknownPastError(PgauditLogError, LookupError):
    """The state of an object at a moment at which it was not yet tracked."""


class PlanError(PgauditLogError, RuntimeError):
    """A plan that cannot be carried out; nothing was changed."""


class StalePlanError(PlanError):
    """A plan whose rows have changed since it was made; nothing was changed."""
