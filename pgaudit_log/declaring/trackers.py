"""Trackers: the declarations "capture inserts", "capture updates when …", as frozen values."""

from __future__ import annotations

import copy
import re
from typing import Any, ClassVar, Final, cast

import pgtrigger
from pgtrigger import Level
from pgtrigger.core import Condition, Operation

from pgaudit_log.constants import NEW, OLD, OperationName, RowName
from pgaudit_log.declaring.conditions import AnyChange, Change
from pgaudit_log.exceptions import DeclarationError


class _Unset:
    """The type of :data:`UNSET`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = _Unset()
"""Stands where an argument was not given, because ``None`` means something there."""


MAX_LABEL_LENGTH = 200
"""How long a label may be; it stands in every event."""


class Tracker:
    """A declaration that events with one label are kept; equal by content and unchangeable.

    ``label`` can be given as the first argument or as an attribute of a subclass.
    """

    label: str = ""

    _fields: ClassVar[tuple[str, ...]] = ("label",)

    def __init__(self, label: str | None = None) -> None:
        self._set(label=label or self.label)
        if not self.label or not isinstance(self.label, str):
            raise DeclarationError(
                f"{type(self).__name__} has no label. Give one as its first argument,"
                f' such as {type(self).__name__}("price_changed").'
            )
        if len(self.label) > MAX_LABEL_LENGTH or not self.label.isprintable() or "$" in self.label:
            raise DeclarationError(
                f"{type(self).__name__} has the label {self.label!r}. A label has no control"
                f' characters, no "$", and at most {MAX_LABEL_LENGTH} characters.'
            )

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self!r} cannot be changed; declare another tracker instead.")

    def _content(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash((type(self), self.label))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.label!r})"


class ManualEvent(Tracker):
    """Events that only :func:`pgaudit_log.create_event` makes."""


class RowEvent(Tracker):
    """Events that a trigger captures when a row changes.

    Args:
        label: what the events are called, as ``pgh_label``.
        condition: when it fires; by default whenever a tracked field of an update
            changes, and at each insert and delete. ``None`` fires always.
        operation: ``pgtrigger.Insert``, ``Update`` or ``Delete``.
        row: whose values the snapshot has, ``Old`` or ``New``.
        trigger_name: the trigger's name for ``manage.py pgtrigger``.
        level: ``Statement`` or ``Row``; by default what ``track()`` or the setting
            ``PGAUDIT_LOG_LEVEL`` says.

    Raises:
        DeclarationError: for a combination that cannot exist, such as ``Old`` on an insert.
    """

    condition: Condition | None | _Unset = UNSET
    operation: Operation | None = None
    row: RowName | None = None
    trigger_name: str | None = None
    level: Level | None = None

    _fields = ("label", "condition", "row", "trigger_name")

    def __init__(
        self,
        label: str | None = None,
        *,
        condition: Condition | None | _Unset = UNSET,
        operation: Operation | None = None,
        row: RowName | None = None,
        trigger_name: str | None = None,
        level: Level | None = None,
    ) -> None:
        super().__init__(label)
        self._set(
            condition=self.condition if condition is UNSET else condition,
            operation=operation or self.operation,
            row=row or self.row,
            trigger_name=trigger_name or self.trigger_name,
            level=level or self.level,
        )
        if self.condition is UNSET:
            self._set(condition=AnyChange() if self.operation_name == "UPDATE" else None)
        self._validate()

    def with_condition(self, condition: Condition | None) -> RowEvent:
        """Return the same tracker with another condition."""
        changed = copy.copy(self)
        changed._set(condition=condition)
        return changed

    @property
    def operation_name(self) -> OperationName:
        """``INSERT``, ``UPDATE``, ``DELETE`` or ``TRUNCATE``."""
        return cast("OperationName", str(self.operation))

    def _content(self) -> tuple[Any, ...]:
        # django-pgtrigger's operations and levels are equal by identity only.
        return (*super()._content(), self.operation_name, str(self.level))

    __hash__ = Tracker.__hash__

    def __repr__(self) -> str:
        arguments = [repr(self.label)]
        if self.condition not in (None, AnyChange()):
            arguments.append(f"condition={self.condition!r}")
        if type(self) is RowEvent:
            arguments.append(f"operation={self.operation_name.title()}")
        if self.row != type(self).row:
            arguments.append(f"row={self.row!r}")
        if self.trigger_name != type(self).trigger_name:
            arguments.append(f"trigger_name={self.trigger_name!r}")
        if self.level is not None:
            arguments.append(f"level={str(self.level).title()}")
        return f"{type(self).__name__}({', '.join(arguments)})"

    def _validate(self) -> None:
        name = f'{type(self).__name__} "{self.label}"'
        if self.operation_name not in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            raise DeclarationError(
                f"{name} has operation={self.operation!r}. Give exactly one of"
                " pgtrigger.Insert, pgtrigger.Update or pgtrigger.Delete, or use InsertEvent,"
                " UpdateEvent or DeleteEvent."
            )
        if self.condition is not None and not isinstance(self.condition, Condition):
            raise DeclarationError(
                f"{name} has condition={self.condition!r}. Give a condition such as"
                ' pgaudit_log.AnyChange("price"), a pgaudit_log.Q or a pgaudit_log.Condition.'
            )
        if self.level is not None and not isinstance(self.level, Level):
            raise DeclarationError(
                f"{name} has level={self.level!r}. Give pgaudit_log.Statement or pgaudit_log.Row."
            )
        if self.operation_name == "TRUNCATE":
            if self.condition is not None:
                raise DeclarationError(
                    f"{name} has a condition, but TRUNCATE shows no rows. Leave condition= out."
                )
            return
        if self.row not in (OLD, NEW):
            raise DeclarationError(
                f"{name} has row={self.row!r}. Give row=pgaudit_log.Old or row=pgaudit_log.New."
            )
        missing = {"INSERT": OLD, "DELETE": NEW}.get(self.operation_name)
        if self.row == missing:
            raise DeclarationError(
                f"{name} has row={self.row.title()}, but {self.operation_name} has no such row."
                f" Leave row= out, or track an update."
            )
        if missing and isinstance(self.condition, Change):
            raise DeclarationError(
                f"{name} has the condition {type(self.condition).__name__}, but"
                f" {self.operation_name} changes no row. Use it on an UpdateEvent, or give a"
                f" pgaudit_log.Q on {'new__' if missing == OLD else 'old__'} fields."
            )
        if (
            missing
            and type(self.condition) is Condition
            and re.search(rf"\b{missing}\.", str(self.condition.sql), re.IGNORECASE)
        ):
            raise DeclarationError(
                f"{name} has a condition on {missing}, but {self.operation_name} has no such row."
                f" Ask for {NEW if missing == OLD else OLD}."
            )
        if missing and isinstance(self.condition, pgtrigger.Q):
            prefix = missing.lower() + "__"
            if any(name.startswith(prefix) for name in names_in(self.condition)):
                raise DeclarationError(
                    f"{name} has a condition on {prefix} fields, but {self.operation_name} has"
                    f" no {missing} row. Ask for {'new__' if missing == OLD else 'old__'} fields."
                )


def names_in(condition: Any) -> list[str]:
    """Return the names on both sides of a ``Q``, nested ones too."""
    names: list[str] = []
    for child in condition.children:
        if isinstance(child, pgtrigger.Q):
            names.extend(names_in(child))
        elif isinstance(child, tuple):
            names.append(child[0])
            if isinstance(child[1], pgtrigger.F):
                names.append(child[1].name)  # type: ignore[attr-defined]
    return names


class InsertEvent(RowEvent):
    """Events of inserted rows, labelled "insert" unless a label is given."""

    label = "insert"
    row = NEW
    operation = pgtrigger.Insert


class UpdateEvent(RowEvent):
    """Events of updated rows in which a tracked field changed, labelled "update" unless a label is given.

    The snapshot is of the row after the update; ``row=Old`` stores it as it was before.
    """

    label = "update"
    row = NEW
    operation = pgtrigger.Update


class DeleteEvent(RowEvent):
    """Events of deleted rows, labelled "delete" unless a label is given."""

    label = "delete"
    row = OLD
    operation = pgtrigger.Delete


class TruncateEvent(RowEvent):
    """One event each time the whole table is truncated, labelled "truncate" unless a label is given.

    TRUNCATE shows no rows: the event has no object and no snapshot.
    """

    label = "truncate"
    operation = pgtrigger.Truncate


class AfterInsert(InsertEvent):
    """:class:`InsertEvent` under the name that older django-pghistory code uses."""


class BeforeDelete(DeleteEvent):
    """:class:`DeleteEvent` under the name that older django-pghistory code uses.

    It fires after the rows are deleted, as every capture does, so that it never
    records a deletion that another trigger prevented; the snapshot is the deleted row.
    """


DEFAULT_TRACKERS: Final = (InsertEvent(), UpdateEvent(), DeleteEvent(), TruncateEvent())
"""What ``track()`` captures when it names no trackers and the settings do not either."""
