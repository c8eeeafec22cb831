"""The search box: what a text in it means, as a condition that finds only what the person may see."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Q, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.db.models.sql.compiler import SQLCompiler
from django.utils.translation import gettext as _

from pgaudit_log.declaring import former_names
from pgaudit_log.exceptions import QueryError
from pgaudit_log.filtersets.field_values import NULL, parsed
from pgaudit_log.presentation.access import Access
from pgaudit_log.reading.changed_fields import field_of, stored
from pgaudit_log.reading.expressions import StoredUnder, any_of, of_any_model, of_model
from pgaudit_log.values.keys import short_key
from pgaudit_log.values.tables import Field, concrete

NAME = "q"
"""What the box is called in an address."""

MOST_CHARACTERS = 200
"""How long a text may be that is searched for."""

FEWEST_CHARACTERS = 3
"""How long a text must be that is looked for in values."""

MOST_FIELDS = 20
"""In how many models a field is looked for at once."""

_EVENT = re.compile(r"#(-?[0-9]{1,18})")
_NUMBER = re.compile(r"-?[0-9]{1,18}")
_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_FIELD = re.compile(r"(?P<name>[^\W\d]\w*):(?P<value>.*)", re.DOTALL)
_QUOTED = re.compile(r"\"(?P<text>.+)\"", re.DOTALL)


def is_exact(text: str) -> bool:
    """Return whether a text is a key or a number, which finds few events by itself."""
    text = text.strip()
    return any(pattern.fullmatch(text) for pattern in (_EVENT, _NUMBER, _UUID))


def condition(text: str, access: Access, viewable: Sequence[type[models.Model]], using: str) -> Q:
    """Return the condition that an event is what a text in the search box means.

    Args:
        text: the number of an event with ``#``; a number: a key, or a transaction; a UUID: a key, or a
            context; ``field:value``; or any text, which is looked for in values, reasons and names.
        access: what the person may see, so that nothing is found by anything else.
        viewable: the models to search: those that the person may view, or of them the chosen one.
        using: the database.

    Raises:
        ValidationError: for what cannot be searched for.
    """
    text = text.strip()
    if found := _EVENT.fullmatch(text):
        return Q(pk=int(found[1]))
    of_key = of_any_model(viewable) & Q(pgh_obj_id=short_key(text))
    if _NUMBER.fullmatch(text):
        return of_key | Q(pgh_txid=int(text))
    if _UUID.fullmatch(text):
        of_key |= of_any_model(viewable) & Q(pgh_obj_id=str(UUID(text)))
        return of_key | Q(pgh_context_id=UUID(text)) if access.may_view_context else of_key
    if found := _QUOTED.fullmatch(text):
        return _with_text(found["text"], access, viewable, using)
    if found := _FIELD.fullmatch(text):
        return _with_value(found["name"], found["value"].strip(), access, viewable)
    return of_key | _with_text(text, access, viewable, using)


def _with_value(name: str, text: str, access: Access, viewable: Sequence[type[models.Model]]) -> Q:
    """Return the condition that a field of the row has a value, before or after the event."""
    named = [field_of(model, name) for model in viewable]
    fields = [
        field
        for model, field in zip(viewable, named, strict=True)
        # What is inherited is in the events of the model that has it.
        if field is not None and concrete(field.model) is model and not access.has_secrets(field)
    ]
    if not fields:
        raise ValidationError(
            _("There is no field “%s”. A text in quotes is looked for as it is.") % name[:100]
        )
    if len(fields) > MOST_FIELDS:
        raise ValidationError(
            _("%(count)d models have a field “%(name)s”. Choose one of them.")
            % {"count": len(fields), "name": name[:100]}
        )
    conditions = [own for field in fields if (own := _has_value(field, text)) is not None]
    if not conditions:
        raise ValidationError(_("“%s” is no value of this field.") % text[:100])
    return any_of(conditions)


def _has_value(field: Field, text: str) -> Q | None:
    try:
        value = stored(field, None if text == NULL else parsed(field, text))
    except (ArithmeticError, QueryError, RecursionError, TypeError, ValueError, ValidationError):
        return None
    row = StoredUnder(F("pgh_data"), F("pgh_shape"), field=field)
    pair = StoredUnder(F("pgh_diff"), F("pgh_shape"), field=field)
    either = Func(value, function="jsonb_build_array", output_field=models.JSONField())
    return of_model(concrete(field.model)) & (Q(_Contains(row, value)) | Q(_Contains(pair, either)))


class _Contains(Func):
    """``document @> part``."""

    template = "(%(expressions)s)"
    arg_joiner = " @> "
    output_field = models.BooleanField()


def _with_text(text: str, access: Access, viewable: Sequence[type[models.Model]], using: str) -> Q:
    """Return the condition that a text stands in a value, in the reason or in a name of who acted.

    Where the person may see where events come from, anywhere in the context, too.
    """
    if len(text) < FEWEST_CHARACTERS:
        raise ValidationError(
            _("Give at least %(count)d characters to look for.") % {"count": FEWEST_CHARACTERS}
        )
    hidden = {
        label: sorted(keys)
        for model in viewable
        if (keys := access.secret_keys(model, using))
        for label in former_names.labels_of(model, using)
    }
    told = ("reason", "user_name", "on_behalf_of_name")
    in_context = [_InText(KeyTextTransform(key, "pgh_context"), text) for key in told]
    if access.may_view_context:
        in_context.append(_InText(Cast("pgh_context", models.TextField()), text))
    return (access.viewable_events(viewable) & Q(_HasText(text, hidden=hidden))) | any_of(
        in_context
    )


class _InText(Func):
    """Whether a text stands in another one, in whichever case."""

    template = "(strpos(lower(%(expressions)s)) > 0)"
    arg_joiner = "), lower("
    output_field = models.BooleanField()

    def __init__(self, within: Any, text: str, **extra: Any) -> None:
        super().__init__(within, Value(text, output_field=models.TextField()), **extra)


_HAS_TEXT = """(
    EXISTS (
        SELECT
        FROM jsonb_each_text(CASE jsonb_typeof({row}) WHEN 'object' THEN {row} - {hidden} END) AS own
        WHERE strpos(lower(own.value), lower(%s)) > 0
    )
    OR EXISTS (
        SELECT
        FROM jsonb_each(CASE jsonb_typeof({diff}) WHEN 'object' THEN {diff} - {hidden} END) AS change,
            jsonb_array_elements_text(
                CASE jsonb_typeof(change.value) WHEN 'array' THEN change.value END
            ) AS side
        WHERE strpos(lower(side.value), lower(%s)) > 0
    )
)"""


class _HasText(Func):
    """Whether a text stands in a value of an event's row or diff, but for those under hidden keys.

    Args:
        text: the text.
        hidden: the hidden keys of each label.
    """

    output_field = models.BooleanField()

    def __init__(self, text: str, *, hidden: dict[str, list[str]], **extra: Any) -> None:
        self.text = text
        self.hidden = hidden
        super().__init__("pgh_obj_model", "pgh_data", "pgh_diff", **extra)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the SQL."""
        label, row, diff = (compiler.compile(own)[0] for own in self.source_expressions)
        cases = "".join(" WHEN %s THEN %s::text[]" for _ in self.hidden)
        hidden = f"CASE {label}{cases} ELSE '{{}}'::text[] END" if cases else "'{}'::text[]"
        keys = [value for pair in self.hidden.items() for value in pair]
        sql = _HAS_TEXT.format(row=row, diff=diff, hidden=hidden)
        return sql, [*keys, self.text, *keys, self.text]
