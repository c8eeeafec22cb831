"""Surroundings: finds what other rows have against a plan; a few queries for each model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import reduce
from operator import or_
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db import models, router

from pgaudit_log.declaring.relations import (
    Relation,
    content_type_of,
    generic_columns,
    generic_keys,
    generic_relations,
    relations_of,
    relations_to,
)
from pgaudit_log.diffs import current_rows
from pgaudit_log.diffs.current_rows import RowKey
from pgaudit_log.diffs.display import shortened, words_for
from pgaudit_log.reversal.checking.constraints import Row, validate
from pgaudit_log.reversal.checking.dangling_references import (
    dangled_before,
    generic_label_of,
    generically_dangled_before,
    is_left_alone,
    label_of,
)
from pgaudit_log.reversal.moves import Move, values_of
from pgaudit_log.reversal.options import Choices
from pgaudit_log.reversal.order import columns_of, foreign_keys, unique_sets
from pgaudit_log.reversal.plan import Kind, Step
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.row_json import State
from pgaudit_log.values.tables import column_of, concrete

CHUNK = 1000
"""Values that one query asks for."""


class Report(Protocol):
    """Keeps what was found; ``go_around`` says that it does not stand in the way."""

    def __call__(
        self, kind: Kind, step: Step, name: str | None, message: str, /, *, go_around: bool = False
    ) -> None: ...


class Surroundings:
    """The rows around those that a plan changes."""

    def __init__(
        self,
        moves: Sequence[Move],
        choices: Choices,
        using: str,
        report: Report,
        absent: Sequence[tuple[type[Any], State]] = (),
    ) -> None:
        """Look around ``moves``; ``absent`` are rows that stay away, though others have their keys."""
        self.moves = moves
        self.absent = absent
        self.choices = choices
        self.using = using
        self.report = report
        self.by_place: dict[RowKey, Move] = {move.place: move for move in moves if move.now}
        self.by_model: dict[type[Any], list[Move]] = {}
        for move in moves:
            self.by_model.setdefault(move.step.model, []).append(move)
        self._left_dangling: dict[RowKey, list[str]] = {}

    def left_dangling(self, step: Step) -> tuple[str, ...]:
        """Return the relations whose rows point at nothing after a step, as was told."""
        return tuple(self._left_dangling.get((step.model, step.key), ()))

    def look(self) -> None:
        """Report what stands in the way."""
        for model, moves in self.by_model.items():
            for relation in relations_to(model, self.using):
                self._find_references(relation, moves)
            for generic in generic_relations(model):
                self._find_generic_references(generic, moves)
            for own in foreign_keys(model):
                self._find_targets(own, moves)
            for relation in relations_of(model):
                if not isinstance(model._meta.get_field(relation.name), models.ForeignKey):
                    self._find_object_targets(relation, moves)
            for key in generic_keys(model):
                self._find_generic_targets(key, moves)
            for fields in unique_sets(model):
                self._find_holders(model, fields, moves)
            # Django looks at one object at a time, and would count what the plan takes away.
            if len(moves) == 1 and moves[0].step.action != "delete":
                self._validate(moves[0])

    def _rows(self, model: type[Any]) -> models.QuerySet[Any, Any]:
        # Not the model's own manager, which may hide rows.
        return models.QuerySet(model, using=self.using)

    def _find_references(self, relation: Relation, moves: Sequence[Move]) -> None:
        taken = {move.takes(relation.target_columns) for move in moves}
        given_up = {
            values: move
            for move in moves
            if (values := move.gives_up(relation.target_columns)) is not None
            and values not in taken
        }
        other = relation.model
        planned = self.by_model.get(other, [])
        found: list[tuple[Move, Any, str]] = []
        for move in planned:
            values = values_of(move.after, relation.columns)
            if values in given_up and move.gives_up(relation.columns) is None:
                found.append((given_up.pop(values), values, move.step.key))
        known = [
            tuple(m.now.get(column_of(f)) for f in key_fields(other)) for m in planned if m.now
        ]
        fields = key_fields(other)
        names = [f.attname for f in relation.fields]
        for chunk in _chunks(list(given_up)):
            pointing = self._rows(other).filter(any_of(names, chunk))
            if known:
                pointing = pointing.exclude(
                    pk__in=known if len(fields) > 1 else [k for (k,) in known]
                )
            pointing = pointing.order_by(*names).distinct(*names)
            for row in pointing.values_list(*names, *(f.attname for f in fields)):
                values, parts = tuple(row[: len(names)]), row[len(names) :]
                if values in given_up:
                    key = key_text(parts if len(fields) > 1 else parts[0], fields)
                    found.append((given_up[values], values, key))
        self._report_references(relation, found)

    def _report_references(
        self, relation: Relation, found: Sequence[tuple[Move, tuple[Any, ...], str]]
    ) -> None:
        """Report rows that are pointed at; what no constraint holds may be left pointing at nothing."""
        loose: set[Move] = set()
        if found and not relation.has_constraint:
            by_move = {move: values for move, values, _ in found}
            is_free = is_left_alone(relation) or self.choices.on_conflict == "force"
            loose = set(by_move) if is_free else dangled_before(relation, by_move, self.using)
        for move, _, key in found:
            pointing = f"{relation.model._meta.label} {key} points at it with {relation.name}"
            if move in loose:
                self._left_dangling.setdefault(move.place, []).append(label_of(relation))
                message = f"{pointing}, and will point at nothing; no constraint holds it."
            else:
                what = "deleted" if not move.after else "given another key"
                message = f"cannot be {what}, because {pointing}."
            self.report(Kind.REFERENCED, move.step, None, message, go_around=move in loose)

    def _find_generic_references(self, generic: Any, moves: Sequence[Move]) -> None:
        """Report rows that point at a deleted one with a GenericForeignKey."""
        other, columns = concrete(generic.related_model), generic_columns(generic)
        let_go = {
            move.step.key
            for move in self.by_model.get(other, [])
            if not move.after or move.gives_up(columns) is not None
        }
        keys = key_fields(generic.model)
        gone = {
            str(values[0]): move
            for move in moves
            if not move.after and (values := move.gives_up([column_of(keys[0])])) is not None
        }
        if not gone or len(keys) > 1:
            return
        content_type = content_type_of(generic, self.using)
        pointing = self._rows(other).filter(
            **{
                f"{generic.content_type_field_name}__in": [content_type],
                f"{generic.object_id_field_name}__in": list(gone),
            }
        )
        found: dict[str, Move] = {}
        for pk, value in pointing.values_list("pk", generic.object_id_field_name):
            key = key_text(pk, key_fields(other))
            if key not in let_go and str(value) in gone:
                found[key] = gone[str(value)]
        loose = set(found.values())
        if found and self.choices.on_conflict != "force":
            loose = generically_dangled_before(generic, found, self.using)
        for move, key in {move: key for key, move in found.items()}.items():
            points = f"{other._meta.label} {key} points at it with {generic.object_id_field_name}"
            message = f"cannot be deleted, because {points}."
            if move in loose:
                label = generic_label_of(generic)
                self._left_dangling.setdefault(move.place, []).append(label)
                message = f"{points}, and will point at nothing; no constraint holds it."
            self.report(Kind.REFERENCED, move.step, None, message, go_around=move in loose)

    def _find_generic_targets(self, own: Any, moves: Sequence[Move]) -> None:
        """Tell of rows that get a GenericForeignKey to an object that is not there."""
        # Here, because only where there is such a field its app is installed.
        from django.contrib.contenttypes.models import ContentType

        fields = [own.model._meta.get_field(name) for name in (own.ct_field, own.fk_field)]
        wanted: dict[Any, dict[str, list[Move]]] = {}
        for move in moves:
            taken = move.takes(columns_of(fields))
            if taken is not None:
                wanted.setdefault(taken[0], {}).setdefault(str(taken[1]), []).append(move)
        types = ContentType.objects.db_manager(self.using).in_bulk(list(wanted))
        for id, by_key in wanted.items():
            target = types[id].model_class() if id in types else None
            if target is None or not router.allow_migrate_model(self.using, concrete(target)):
                continue
            for key in self._not_there(concrete(target), list(by_key)):
                for move in by_key[key]:
                    self.report(
                        Kind.MISSING_TARGET,
                        move.step,
                        own.name,
                        f"{own.name} would point at {target._meta.label} {key}, which is not there."
                        " No constraint holds it.",
                        go_around=True,
                    )

    def _not_there(self, model: type[Any], texts: Sequence[str]) -> list[str]:
        """Return those of ``texts``, which are keys, whose rows are not there after the plan."""
        planned = {move.step.key: bool(move.after) for move in self.by_model.get(model, [])}
        by_value = {}
        for text in texts:
            with suppress(ValidationError, ValueError, TypeError):
                by_value[model._meta.pk.to_python(text)] = text
        there = {text for text in texts if planned.get(text)}
        for values in _chunks(list(by_value)):
            for value in self._rows(model).filter(pk__in=values).values_list("pk", flat=True):
                if planned.get(by_value.get(value, ""), True):
                    there.add(by_value.get(value, ""))
        return [text for text in texts if text not in there]

    def _find_targets(self, own: models.ForeignKey[Any, Any], moves: Sequence[Move]) -> None:
        column, target = column_of(own), own.target_field
        model = concrete(target.model)
        wanted = {move: value for move in moves if (value := move.takes([column])) is not None}
        if not wanted:
            return
        planned = self.by_model.get(model, [])
        there = {move.takes([column_of(target)]) for move in planned}
        gone = {move.gives_up([column_of(target)]) for move in planned}
        away = [state for other, state in self.absent if other is model]
        gone |= {
            values_of(row, [column_of(target)])
            for row in current_rows.typed(model, away, self.using)
        }
        for values in _chunks(list({value for value in wanted.values() if value not in there})):
            found = self._rows(model).filter(**{f"{target.attname}__in": [v for (v,) in values]})
            there |= {
                (value,)
                for value in found.values_list(target.attname, flat=True)
                if (value,) not in gone
            }
        has_constraint = bool(getattr(own, "db_constraint", True))
        advice = " Restore that first." if has_constraint else " No constraint holds it."
        for move, value in wanted.items():
            if value not in there:
                self.report(
                    Kind.MISSING_TARGET,
                    move.step,
                    own.name,
                    f"{own.name} would point at {model._meta.label} {value[0]}, which is not"
                    f" there.{advice}",
                    go_around=not has_constraint,
                )

    def _find_object_targets(self, relation: Relation, moves: Sequence[Move]) -> None:
        """Tell of rows that get a ``ForeignObject`` to an object that is not there."""
        wanted: dict[Any, list[Move]] = {}
        for move in moves:
            taken = move.takes(relation.columns)
            if taken is not None:
                wanted.setdefault(taken, []).append(move)
        columns, planned = relation.target_columns, self.by_model.get(relation.target, [])
        there = {values_of(move.after, columns) for move in planned}
        gone = {move.gives_up(columns) for move in planned} - there
        names = [field.attname for field in relation.target_fields]
        for values in _chunks([taken for taken in wanted if taken not in there]):
            found = self._rows(relation.target).filter(any_of(names, values))
            there |= {row for row in found.values_list(*names) if row not in gone}
        for taken in wanted.keys() - there:
            for move in wanted[taken]:
                self.report(
                    Kind.MISSING_TARGET,
                    move.step,
                    relation.name,
                    f"{relation.name} would point at {relation.target._meta.label}"
                    f" {', '.join(map(str, taken))}, which is not there. No constraint holds it.",
                    go_around=True,
                )

    def _find_holders(
        self,
        model: type[models.Model],
        fields: Sequence[models.Field[Any, Any]],
        moves: Sequence[Move],
    ) -> None:
        columns = columns_of(fields)
        is_key = set(fields) == set(key_fields(model))
        wanted = {
            value: move
            for move in moves
            if not (is_key and move.step.action == "insert")
            and (value := move.takes(columns)) is not None
        }
        keys = key_fields(model)
        names = [f.attname for f in fields]
        for values in _chunks(list(wanted)):
            found = self._rows(model).filter(any_of(names, values))
            for row in found.values_list(*names, *(f.attname for f in keys)):
                held, parts = tuple(row[: len(names)]), row[len(names) :]
                key = key_text(parts if len(keys) > 1 else parts[0], keys)
                holder = self.by_place.get((model, key))
                move = wanted.get(held)
                if move is None or move is holder or (holder and holder.gives_up(columns)):
                    continue
                listed = ", ".join(
                    f"{f.name} {shortened(words_for(f, v))}"
                    for f, v in zip(fields, held, strict=True)
                )
                self.report(
                    Kind.TAKEN,
                    move.step,
                    fields[0].name,
                    f"{listed} must be unique, but {model._meta.label} {key} has it.",
                )

    def _validate(self, move: Move) -> None:
        model = move.step.model
        row = Row(model, move.after, is_new=move.step.action == "insert")
        for constraint in model._meta.constraints:
            if not isinstance(constraint, models.UniqueConstraint) or not (
                constraint.condition is not None or constraint.expressions
            ):
                continue
            try:
                validate(constraint, model, row, self.using)
            except ValidationError as error:
                self.report(Kind.TAKEN, move.step, None, " ".join(error.messages))


def any_of(names: Sequence[str], values: Sequence[tuple[Any, ...]]) -> models.Q:
    """Return the filter of rows whose fields ``names`` have one of ``values``."""
    if len(names) == 1:
        return models.Q(**{f"{names[0]}__in": [value for (value,) in values]})
    alternatives = (models.Q(**dict(zip(names, value, strict=True))) for value in values)
    return reduce(or_, alternatives, models.Q(pk__in=[]))


def _chunks(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
