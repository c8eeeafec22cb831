"""Serialization: the JSON of a context, checked for what PostgreSQL cannot carry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from pgaudit_log.conf import PREFIX, settings
from pgaudit_log.constants import CONTEXT_MAX_BYTES, CONTEXT_MAX_DEPTH, NUMBER_MAX_DIGITS
from pgaudit_log.contexts.masks import masked
from pgaudit_log.exceptions import ContextError

_DIGITS = re.compile(rf"[0-9]{{{NUMBER_MAX_DIGITS + 1}}}")

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def serialize(metadata: Mapping[str, Any], *, longest: int = CONTEXT_MAX_BYTES) -> str:
    """Return masked ``metadata`` as ASCII JSON of at most ``longest`` bytes, fit for a SQL comment.

    ``*`` is written as ``\\u002a``, so that neither ``*/`` nor ``/*`` can occur
    (PostgreSQL nests comments).

    Raises:
        ContextError: for what JSON or PostgreSQL cannot carry: an object without a
            JSON form, NaN, infinity, NUL, half of a surrogate pair, more than 64 KiB.
    """
    metadata = masked(metadata)
    try:
        text = _encode()(metadata)
    except (TypeError, ValueError, RecursionError) as error:
        raise _explained(metadata, error) from error
    if "\\u" in text:
        _refuse_bad_characters(metadata, text)
    if text.count("[") + text.count("{") > CONTEXT_MAX_DEPTH and _depth(text) > CONTEXT_MAX_DEPTH:
        raise ContextError(
            f"The context is nested more than {CONTEXT_MAX_DEPTH} levels deep."
            " Keep the nested value elsewhere and record what finds it."
        )
    if len(text) > NUMBER_MAX_DIGITS and _DIGITS.search(text):
        _refuse_long_numbers(metadata)
    text = text.replace("*", "\\u002a")
    refuse_long(metadata, text, longest)
    return text


def refuse_long(metadata: Mapping[str, Any], text: str, longest: int) -> None:
    """Raise if ``text``, the JSON of ``metadata``, is longer than ``longest`` bytes.

    Raises:
        ContextError: names the largest value.
    """
    if len(text) > longest:
        largest = max(metadata, key=lambda key: len(json.dumps(metadata[key], cls=_encoder())))
        raise ContextError(
            f"The context is {len(text):,} bytes of JSON; the limit is {longest:,},"
            f' because it travels with every statement. "{largest}" is the largest value:'
            " keep it elsewhere and record what finds it."
        )


def encoded(value: object) -> str:
    """Return a value as ASCII JSON, of which nothing was checked; raises what the encoder does."""
    return _encode()(value)


def _encoder() -> type[json.JSONEncoder]:
    encoder = settings.JSON_ENCODER
    return import_string(encoder) if isinstance(encoder, str) else encoder


@cache
def _encode() -> Callable[[Any], str]:
    """Return the method of one encoder, which costs more to make than most contexts to write."""
    return _encoder()(allow_nan=False, ensure_ascii=True, separators=(",", ":")).encode


def _forget_encoder(setting: str, **kwargs: Any) -> None:
    if setting == f"{PREFIX}JSON_ENCODER":
        _encode.cache_clear()


setting_changed.connect(_forget_encoder)


def _explained(metadata: Mapping[str, Any], error: Exception) -> ContextError:
    """Return the error that names the key whose value has no JSON form."""
    for key, value in metadata.items():
        try:
            json.dumps({key: value}, cls=_encoder(), allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            return ContextError(
                f"The context value {_named(key)} cannot be carried as JSON: {error}."
                f" It is of type {type(value).__name__}; give a string, number, boolean, None,"
                " or a list or dict of those (of a model instance its pk)."
            )
    return ContextError(f"The context cannot be carried as JSON: {error}.")


def _refuse_bad_characters(metadata: Mapping[str, Any], text: str) -> None:
    if _NUL.search(text):
        raise ContextError(
            f"The context {_where(metadata, lambda value: _NUL.search(value) is not None)}"
            " contains a NUL character, which PostgreSQL cannot store. Remove it first."
        )
    if not _encodable(text):
        raise ContextError(
            f"The context {_where(metadata, lambda value: not _encodable(value))} contains half of"
            " a surrogate pair, which PostgreSQL cannot store. Decode the text"
            ' with errors="replace" first.'
        )


def _refuse_long_numbers(metadata: Mapping[str, Any]) -> None:
    for key, value in metadata.items():
        if _DIGITS.search(_STRING.sub("", json.dumps({key: value}, cls=_encoder()))):
            raise ContextError(
                f"The context value {_named(key)} has a number of more than {NUMBER_MAX_DIGITS:,} digits,"
                " which not every reader could have. Give it as text."
            )


def _encodable(text: str) -> bool:
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _where(metadata: Mapping[str, Any], is_bad: Any) -> str:
    for key, value in metadata.items():
        if is_bad(json.dumps({key: value}, default=str)):
            return f"value {_named(key)}"
    return "key"


def _named(key: object) -> str:
    """Return a key for a message, which may be logged: it must not have what no stream can write."""
    text = str(key).encode(errors="backslashreplace").decode()
    return '"' + text.replace("\x00", "\\x00") + '"'


def _depth(text: str) -> int:
    depth = deepest = 0
    for bracket in _STRING.sub("", text):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "]}":
            depth -= 1
    return deepest
