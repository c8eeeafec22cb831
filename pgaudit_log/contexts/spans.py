"""Spans: the trace id of the running OpenTelemetry span, in the context that a statement carries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from pgaudit_log.constants import CONTEXT_MAX_BYTES
from pgaudit_log.contexts.masks import paths
from pgaudit_log.contexts.stack import ID_LENGTH

KEY = "trace_id"
"""The key of the context, named as OpenTelemetry's own attribute of log records."""


@cache
def trace_module() -> Any:
    """Return OpenTelemetry's module of traces; ``None`` where the extra is not installed.

    It is imported when the first statement is sent with the setting on, and never with it off.
    """
    try:
        return import_module("opentelemetry.trace")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        return None


def with_trace_id(text: str, metadata: Mapping[str, Any]) -> str:
    """Return the text of a context of ``metadata`` with the trace id of the span that is running.

    It is the same where no span is, where the metadata have a trace id, where that is masked, and
    where there is no room.
    """
    trace = trace_module()
    if trace is None or KEY in metadata or (KEY,) in paths():
        return text
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return text
    rest = text[ID_LENGTH + 1 :]
    # Names and digits only, so that nothing needs to be escaped.
    pair = f'"{KEY}":"{span.trace_id:032x}"{"" if rest == "}" else ","}'
    if len(text) - ID_LENGTH + len(pair) > CONTEXT_MAX_BYTES:
        return text
    return f"{text[:ID_LENGTH]}{{{pair}{rest}"
