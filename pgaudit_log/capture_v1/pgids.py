"""What the database calls a capture trigger, and its function: django-pgtrigger's ``pgid``."""

from __future__ import annotations

import hashlib
import re

_PREFIX = "pgtrigger_"
"""By which django-pgtrigger knows its triggers."""

_DIGITS = 12
"""How much of a hash keeps the triggers of one name on several models apart.

django-pgtrigger has five digits, of which two are the same among 300 models in one of 25 projects, and
then refuses the second. Of these, two are the same among 10,000 models in one of five millions.
"""

_NAME_LENGTH = 63 - len(_PREFIX) - 1 - _DIGITS
"""How much of the name there is room for: PostgreSQL's names have 63 bytes."""


def pgid_of(model: str, name: str) -> str:
    """Return what the database calls the trigger ``name`` of the model ``shop.Order``."""
    uri = f"{model}:{name}"
    digest = hashlib.sha1(uri.encode(), usedforsecurity=False).hexdigest()
    return _start(name) + digest[:_DIGITS]


def is_pgid_of(name: str, pgid: str) -> bool:
    """Return whether ``pgid`` is what the database calls a trigger ``name``, be it of any model."""
    return bool(re.fullmatch(rf"{re.escape(_start(name))}[0-9a-f]{{{_DIGITS}}}", pgid))


def _start(name: str) -> str:
    """Return all but the hash, as a name that needs no quotes; what it lacks of ``name`` is in the hash."""
    return f"{_PREFIX}{name[:_NAME_LENGTH]}_".lower().replace("-", "_")
