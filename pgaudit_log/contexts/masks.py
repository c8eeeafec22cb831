"""Masks of contexts: what ``PGAUDIT_LOG_MASK_CONTEXT`` names never gets into a statement."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.core.signals import setting_changed

from pgaudit_log.conf import PREFIX, settings
from pgaudit_log.constants import MASKED_KEY

HIDDEN = "hidden"
"""What stands in an address for the value of a parameter."""


@cache
def paths() -> tuple[tuple[str, ...], ...]:
    """Return the keys that lead to each value that is masked."""
    return tuple(tuple(path.split(".")) for path in settings.MASK_CONTEXT)


def _forget(setting: str, **kwargs: Any) -> None:
    if setting == f"{PREFIX}MASK_CONTEXT":
        paths.cache_clear()


setting_changed.connect(_forget)


def masked(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the metadata of a context with a mark in the place of each value that is masked.

    It is the same where none is.
    """
    found: Any = metadata
    for path in paths():
        found = _without(found, path)
    return found  # type: ignore[no-any-return]


def _without(value: Any, path: tuple[str, ...]) -> Any:
    """Return ``value`` without what is at a path in it: in mappings, in those that a list has, and
    the parameter of an address."""
    key, *rest = path
    match value:
        case Mapping():
            if key not in value:
                return value
            inner = _without(value[key], tuple(rest)) if rest else {MASKED_KEY: True}
            return {**value, key: inner}
        case str():
            return value if rest else _without_parameter(value, key)
        case Sequence() if not isinstance(value, (bytes, bytearray)):
            return [_without(item, path) for item in value]
        case _:
            return value


def _without_parameter(text: str, name: str) -> str:
    if "=" not in text:
        return text
    return re.sub(rf"([?&;]{re.escape(name)}=)[^&;#\s]*", rf"\1{HIDDEN}", text)
