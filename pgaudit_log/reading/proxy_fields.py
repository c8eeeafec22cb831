"""Proxy fields: real fields of a model's proxy whose values stand in the JSON of each event."""

from __future__ import annotations

import copy
import functools
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.signals import class_prepared
from django.db.models.sql.where import WhereNode
from django.dispatch import receiver

from pgaudit_log.exceptions import DeclarationError, QueryError
from pgaudit_log.reading.context_field import refuse_column
from pgaudit_log.reading.proxy_columns import ProxyCol, Refers
from pgaudit_log.values.json_fields import FieldT, reading_anything


def ProxyField(  # noqa: N802 - it is declared as a field, and called so by django-pghistory
    proxy: str, field: FieldT
) -> FieldT:
    """Return ``field`` so that it reads ``proxy``, a path into the JSON of an event.

    To be declared on a proxy of a class of typed events or of the trail. A value that is
    none of the field's type reads as ``None``. The proxy has no migrations.

    Args:
        proxy: such as ``"pgh_context__user"``, ``"pgh_data__status"`` or
            ``"pgh_diff__status__1"``.
        field: what the value is; it is not changed.

    Raises:
        DeclarationError: when ``field`` is no field, or the path does not lead into the JSON.

    Example::

        class OrderEvents(Order.pgh_event_model):
            user = ProxyField("pgh_context__user", models.ForeignKey(
                settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, null=True
            ))

            class Meta:
                proxy = True
    """
    if not isinstance(field, models.Field):
        raise DeclarationError(
            f'ProxyField("{proxy}") needs a model field such as models.TextField(null=True),'
            f" not {field!r}."
        )
    if getattr(field, "base_field", None) is not None or field.many_to_many:
        raise DeclarationError(
            f'ProxyField("{proxy}") cannot be a {type(field).__name__}: nothing would tell a wrong'
            " value before it breaks the query. Declare a models.JSONField()."
        )
    base, *path = proxy.split("__")
    if not all([base, *path]) or not path:
        raise DeclarationError(
            f'ProxyField("{proxy}") leads nowhere. Give the JSON field and the keys in it, such as'
            ' "pgh_context__user".'
        )
    if base == "pgh_context":
        try:
            refuse_column(proxy, path[0])
        except QueryError as error:
            raise DeclarationError(str(error)) from None
    proxied: Any = reading_anything(copy.deepcopy(field))
    field_class: Any = type(proxied)
    proxied.__class__ = _class_for(field_class)
    proxied.pgh_proxy = proxy
    made: FieldT = proxied
    return made


@functools.cache
def _class_for(field_class: Any) -> type[Any]:
    bases: tuple[type[Any], ...] = (_ProxyForeignKey, field_class)
    if not issubclass(field_class, models.ForeignKey):
        bases = (_Proxied, field_class)
    return type(field_class.__name__, bases, {"__module__": field_class.__module__})


class _Proxied:
    """A field whose column is an expression over the JSON."""

    pgh_proxy: str
    model: type[models.Model]

    def contribute_to_class(self, cls: Any, name: str, **kwargs: Any) -> None:
        self._refuse(cls, name)
        # Leaves the proxy out of makemigrations and checks, as typed events are: it is no more
        # than another way to read them.
        cls._meta.auto_created = cls._meta.auto_created or cls
        super().contribute_to_class(cls, name, **kwargs)  # type: ignore[misc]

    def _refuse(self, cls: Any, name: str) -> None:
        base = self.pgh_proxy.partition("__")[0]
        parents = [c for c in cls.__mro__[1:] if hasattr(c, "_meta") and not c._meta.abstract]
        if not cls._meta.proxy or not parents:
            raise DeclarationError(
                f"{cls.__name__}.{name} is a ProxyField, so {cls.__name__} must be a proxy of a"
                " class of events: write proxy = True in its Meta."
            )
        try:
            known = isinstance(parents[0]._meta.get_field(base), models.JSONField)
        except FieldDoesNotExist:
            known = False
        if not known:
            raise DeclarationError(
                f'{cls.__name__}.{name} proxies "{self.pgh_proxy}", but {parents[0].__name__} has no'
                f' JSON field "{base}". Take pgh_context, pgh_data or pgh_diff.'
            )

    def get_col(self, alias: str, output_field: Any = None) -> ProxyCol:
        col = super().get_col(alias, output_field)  # type: ignore[misc]
        return ProxyCol(alias, self, col.output_field)  # type: ignore[arg-type]

    @property
    def cached_col(self) -> ProxyCol:
        return ProxyCol(self.model._meta.db_table, self)  # type: ignore[arg-type]


def inherit(model: type[models.Model]) -> None:
    """Give a proxy of a proxy the fields of that one, which Django would leave out."""
    if not model._meta.proxy:
        return
    known = {field.name for field in model._meta.fields}
    for parent in model.__mro__[1:]:
        for field in getattr(getattr(parent, "_meta", None), "local_fields", ()):
            if hasattr(field, "pgh_proxy") and field.name not in known:
                known.add(field.name)
                model.add_to_class(field.name, copy.deepcopy(field))


@receiver(class_prepared)
def _inherit(sender: type[models.Model], **kwargs: Any) -> None:
    inherit(sender)


class _ProxyForeignKey(_Proxied):
    """A reference that is joined by the expression; on the user's text too, which has an index."""

    def get_joining_fields(self, reverse_join: bool = False) -> tuple[()]:
        return ()

    def get_extra_restriction(self, alias: str | None, related_alias: str) -> WhereNode | None:
        if alias is None:
            return None
        return WhereNode([Refers(self, alias, related_alias)])  # type: ignore[list-item]
