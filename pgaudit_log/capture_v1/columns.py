"""The columns of the captured rows ``old`` and ``new``, as expressions."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TypeAlias

from pgaudit_log.capture_v1.layout import case, chained
from pgaudit_log.capture_v1.quoting import quote_literal, quote_name
from pgaudit_log.constants import JSON_KEY, MARKERS, MASKED_KEY

PlainColumn: TypeAlias = "str | tuple[str, str]"
"""A column in a migration: its name; or, unless it is stored as it is and compared by ``IS DISTINCT
FROM``, its name and how that is done: ``"image"``, or the value of a :class:`Form`."""

_BY_IMAGE = "image"


class Form(Enum):
    """How the values of a column are stored."""

    NATIVE = "native"
    """As ``to_jsonb`` renders them."""
    FLOAT = "float"
    """As numbers, but -0 as text."""
    ARRAY = "array"
    """As JSON arrays, but with odd lower bounds as text."""
    JSONB = "jsonb"
    """As they are, but null, and what looks like a marker, in an object."""
    HSTORE = "hstore"
    """As objects, but what looks like a marker in one more."""
    MONEY = "money"
    """As numbers, whatever ``lc_monetary`` says."""
    TEXT = "text"
    """As the text that the type's own input reads."""


class Mask(Enum):
    """What events have instead of the values of a masked column."""

    MARK = "mark"
    """A mark, the same for all values."""
    HASH = "hash"
    """A keyed hash, the same for the same value."""


class Column(NamedTuple):
    """A column of the tracked table."""

    name: str
    form: Form
    by_image: bool
    """Whether two values are compared to the last bit, because equal ones may differ."""
    mask: Mask | None = None
    """What is stored instead of its values, if they are not to be."""

    @classmethod
    def of(cls, plain: PlainColumn) -> Column:
        """Return the column that stands in a migration as ``plain``."""
        if isinstance(plain, str):
            return cls(plain, Form.NATIVE, False)
        name, word = plain
        return cls(name, Form.NATIVE if word == _BY_IMAGE else Form(word), True)

    def plain(self) -> PlainColumn:
        """Return what a migration has of it."""
        if self.form is not Form.NATIVE:
            return self.name, self.form.value
        return (self.name, _BY_IMAGE) if self.by_image else self.name

    def sql(self, row: str) -> str:
        """Return the column of the row ``old`` or ``new``."""
        return f"{row}.{quote_name(self.name)}"

    def value_sql(self, row: str) -> str:
        """Return the expression whose ``to_jsonb`` is what is stored."""
        value = form_sql(self.sql(row), self.form)
        return value if self.mask is None else masked_sql(self.name, value, self.mask)

    def changed_sql(self) -> str:
        """Return the test whether it differs, to the last bit, between ``old`` and ``new``."""
        if self.by_image:
            return f"record_image_ne(ROW({self.sql('old')}), ROW({self.sql('new')}))"
        return f"{self.sql('old')} IS DISTINCT FROM {self.sql('new')}"


def form_sql(column: str, form: Form) -> str:
    """Return the expression whose ``to_jsonb`` is what is stored of ``column``."""
    match form:
        case Form.NATIVE:
            return column
        case Form.FLOAT:
            # Text only of zeros, because it costs as much as the rest.
            is_zero = f"{column} = 0 AND {column}::text = '-0'"
            return case(is_zero, "'\"-0\"'", f"to_jsonb({column})")
        case Form.ARRAY:
            has_bounds = f"{column}::text LIKE '[%'"
            return case(has_bounds, f"to_jsonb({column}::text)", f"to_jsonb({column})")
        case Form.JSONB:
            is_odd = chained("OR", [f"jsonb_typeof({column}) = 'null'", has_marker(column)])
            return case(is_odd, f"jsonb_build_object('{JSON_KEY}', {column})", column)
        case Form.HSTORE:
            value = f"to_jsonb({column})"
            return case(has_marker(value), f"jsonb_build_object('{JSON_KEY}', {value})", value)
        case Form.MONEY:
            return f"{column}::numeric"
        case Form.TEXT:
            return f"{column}::text"


MARK = f"'{{\"{MASKED_KEY}\": true}}'::jsonb"
"""The SQL of what stands for a value that was not to be stored, and of which nothing is to be told."""


def masked_sql(name: str, value: str, mask: Mask) -> str:
    """Return the expression of what is stored of a masked column instead of ``value``.

    A hash is of the table and the column that ``capture.shape`` says they are, under any name.
    """
    if mask is Mask.MARK:
        return MARK
    # A column that is renamed is looked for as it stands here: see database/schema_editor.py.
    return f"@schema@.pgaudit_log_hashed(capture.shape, {quote_literal(name)}, to_jsonb({value}))"


def has_marker(value: str) -> str:
    """Return the test whether a JSONB ``value`` is, or looks like, an object that stands for a value.

    One operator, 0.3 microseconds, however long the value is; to look for the beginning of
    any key would take as long as there are keys, 10 microseconds for 40.
    """
    keys = "', '".join(MARKERS)
    return f"{value} ?| ARRAY['{keys}']"
