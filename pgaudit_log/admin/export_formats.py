"""Export formats: rows as CSV or as lines of JSON; both end with a line that says how many there were."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgaudit_log.admin.exported_rows import JSON

BUFFER_BYTES = 64 * 1024
"""How much is put together before it is sent."""

Rows = Iterable[Mapping[str, Any]]

_FORMULA = re.compile(r"[\s\0]*[=+\-@＝＋－＠\t\r]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def _as_cell(value: Any) -> Any:
    """Return a value as a cell of a spreadsheet, which takes no text for a formula.

    A text that begins as a formula does gets an apostrophe in front, as OWASP recommends.
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _csv(rows: Rows, columns: Sequence[str]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    # Spreadsheets take a file for UTF-8 only where it says so.
    buffer.write("\ufeff")
    writer.writerow(columns)
    number = 0
    for row in rows:
        number += 1
        writer.writerow([_as_cell(row[column]) for column in columns])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    writer.writerow(["end", number, *[""] * (len(columns) - 2)])
    yield buffer.getvalue()


def _json_lines(rows: Rows, columns: Sequence[str]) -> Iterator[str]:
    number = 0
    for row in rows:
        number += 1
        # What is JSON already stays as PostgreSQL wrote it, with every digit.
        values = (
            f"{json.dumps(name)}: {_as_json(row[name], is_json=name in JSON)}" for name in columns
        )
        yield "{" + ", ".join(values) + "}\n"
    yield json.dumps({"end": number}) + "\n"


def _as_json(value: Any, *, is_json: bool) -> str:
    if is_json and value is not None:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of files."""

    label: str
    suffix: str
    content_type: str
    lines: Callable[[Rows, Sequence[str]], Iterator[str]]

    def chunks(self, rows: Rows, columns: Sequence[str]) -> Iterator[bytes]:
        """Yield the file in pieces that are worth sending."""
        buffer = bytearray()
        for line in self.lines(rows, columns):
            buffer += line.encode()
            if len(buffer) >= BUFFER_BYTES:
                yield bytes(buffer)
                buffer.clear()
        yield bytes(buffer)


FORMATS: Mapping[str, Format] = {
    "csv": Format(label="CSV", suffix="csv", content_type="text/csv; charset=utf-8", lines=_csv),
    "jsonl": Format(
        label="JSON Lines", suffix="jsonl", content_type="application/jsonl", lines=_json_lines
    ),
}
"""The formats, by what they are called in an address."""
