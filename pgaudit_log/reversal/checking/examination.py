"""Examining: turns targets into steps, and finds what stands in their way; it only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import models

from pgaudit_log.constants import INSERT
from pgaudit_log.declaring import conditions, former_names
from pgaudit_log.diffs import current_rows
from pgaudit_log.diffs.current_rows import RowKey
from pgaudit_log.diffs.display import shortened
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import object_events
from pgaudit_log.reversal.checking.defaults import Completion
from pgaudit_log.reversal.checking.neighbours import Surroundings
from pgaudit_log.reversal.descriptions import described
from pgaudit_log.reversal.moves import Move
from pgaudit_log.reversal.options import Choices
from pgaudit_log.reversal.order import in_order
from pgaudit_log.reversal.plan import Kind, Obstacle, Step
from pgaudit_log.reversal.targets import Target
from pgaudit_log.values import row_json, tables
from pgaudit_log.values.keys import former_key, is_shortened, key_fields
from pgaudit_log.values.row_json import MISSING, NULL, State
from pgaudit_log.values.tables import column_of


@dataclass(kw_only=True)
class Findings:
    """What examining found."""

    steps: list[Step] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    left_alone: list[Obstacle] = field(default_factory=list)


class Examination:
    """Compares targets with the rows as they are."""

    def __init__(
        self,
        targets: Sequence[Target],
        choices: Choices,
        using: str,
        newest: int,
        absent: Sequence[Target] = (),
    ) -> None:
        """Compare ``targets`` with the rows that there are.

        ``newest`` is the id of the last event that is taken back, be it of a row that is left out.
        ``absent`` are those that are left out, and whose keys other objects have by now.
        """
        self.newest = newest
        self.absent = [*absent]
        self.targets = sorted(targets, key=lambda target: -target.order)
        self.choices = choices
        self.using = using
        self.findings = Findings()
        self.completion = Completion(choices, using, self._report)
        self.fields = {
            model: {column_of(f): f for f in tables.own_columns(model)}
            for model in {target.model for target in targets}
        }
        self.unreadable: dict[int, frozenset[str]] = {}
        self._bring_up_to_date()
        self.live = self._read(self.targets)
        self._follow()
        self.made_anew = self._find_made_anew()
        choices.refuse_ambiguous(
            t.model for t in self.targets if t.state is not None and t.place not in self.live
        )
        self.leaving = {t.place: t for t in self.targets if t.place in self.live and self._moves(t)}

    def _bring_up_to_date(self) -> None:
        """Give the targets' states today's columns and types."""
        by_model: dict[type[Any], list[tuple[Target, str, dict[str, str]]]] = {}
        for target in self.targets:
            found = {
                "state": target.state,
                "expected": target.expected,
                "passed": target.passed,
                "left": {column: left for column, (left, _) in target.broken.items()},
                "found": {column: found for column, (_, found) in target.broken.items()},
            }
            for name, state in found.items():
                if state is not None:
                    by_model.setdefault(target.model, []).append((target, name, dict(state)))
        normal: dict[int, dict[str, dict[str, str]]] = {}
        for model, given in by_model.items():
            results = current_rows.normal(model, [state for _, _, state in given], self.using)
            for (target, name, _), (state, unreadable) in zip(given, results, strict=True):
                normal.setdefault(id(target), {})[name] = state
                if name == "state":
                    self.unreadable[id(target)] = unreadable
        for target in self.targets:
            own = normal[id(target)]
            target.state, target.expected = own.get("state"), own.get("expected")
            target.passed = own["passed"]
            target.broken = {c: (left, own["found"][c]) for c, left in own["left"].items()}

    def _follow(self) -> None:
        """Find the rows whose key was changed later."""
        missing = [t for t in self.targets if t.place not in self.live and t.expected is not None]
        by_model: dict[type[Any], list[Target]] = {}
        for target in missing:
            by_model.setdefault(target.model, []).append(target)
        for model, own in by_model.items():
            keys = object_events.current_keys(model, [(t.key, t.order) for t in own], self.using)
            for target in own:
                key = keys.get((target.key, target.order))
                if key is not None:
                    target.move_to(key)
        self.live.update(self._read(missing))

    def _read(self, targets: Sequence[Target]) -> dict[RowKey, State]:
        whole = {t.place: t.whole_key for t in targets if t.whole_key is not None}
        return current_rows.read([t.place for t in targets], self.using, whole=whole)

    def _find_made_anew(self) -> set[RowKey]:
        """Return the rows that another object has taken the place of since.

        An object that was brought back by a plan is the same.
        """
        found = set()
        by_model: dict[type[Any], list[Target]] = {}
        for target in self.targets:
            # A revert expects nothing: it is asked for that object, whoever that is.
            if target.expected != {} and target.place in self.live:
                by_model.setdefault(target.model, []).append(target)
        for model, own in by_model.items():
            keys_now = {target.key for target in own}
            former = {
                former_key(label, key): key
                for label in former_names.labels_of(model, self.using)
                for key in keys_now
            }
            events = Events.objects.using(self.using).filter(
                models.Q(pgh_obj_id__in=keys_now, pgh_operation=INSERT)
                | models.Q(pgh_refs__overlap=list(former)),
                pgh_obj_model__in=former_names.labels_of(model, self.using),
                # What is taken back itself says nothing.
                pgh_id__gt=self.newest,
            )
            for event in events.only(
                "pgh_id", "pgh_obj_id", "pgh_operation", "pgh_refs", "pgh_context"
            ):
                if any(name.startswith("reverts_") for name in event.pgh_context or ()):
                    continue
                keys = [former[ref] for ref in event.pgh_refs or () if ref in former]
                if event.pgh_operation == INSERT:
                    keys.append(event.pgh_obj_id)
                found |= {(model, key) for key in keys if key in keys_now}
        return found

    def is_of_another(self, target: Target) -> bool:
        """Return whether another object has the key of one that was to be brought back."""
        is_to_come = target.state is not None and target.expected is None
        return is_to_come and target.place in self.made_anew

    def _is_kept_as_another(self, target: Target) -> bool:
        """Report a row that is another object by now; return whether it is left alone."""
        if target.expected is None or target.place not in self.made_anew:
            return False
        self._report(
            Kind.CHANGED_LATER,
            target,
            None,
            "has another object's row by now: that which it was about was deleted, or has another key.",
            go_around=self.choices.on_conflict != "abort",
        )
        return self.choices.on_conflict == "skip"

    def _moves(self, target: Target) -> bool:
        """Return whether a row that is there makes place: it is deleted, or gets another key."""
        if target.state is None or target.expected is None:
            return target.state is None
        now = self.live[target.place]
        keys = {column_of(f) for f in key_fields(target.model)}
        return any(now[c] != v for c, v in (target.state or {}).items() if c in keys & now.keys())

    def run(self) -> Findings:
        """Return the findings."""
        found = [(target, step) for target in self.targets if (step := self._step(target))]
        moves = self._moves_of(found)
        absent = [(target.model, target.state or {}) for target in self.absent]
        surroundings = Surroundings(moves, self.choices, self.using, self._report, absent)
        surroundings.look()
        steps = described(in_order(moves, self.using), moves, self.using)
        self.findings.steps = [
            replace(step, left_dangling=surroundings.left_dangling(step)) for step in steps
        ]
        return self.findings

    def _report(
        self,
        kind: Kind,
        target: Target | Step,
        name: str | None,
        message: str,
        *,
        go_around: bool = False,
    ) -> None:
        obstacle = Obstacle(
            kind=kind,
            model=target.model._meta.label,
            key=target.key,
            field=name,
            message=f"{target.model._meta.label} {target.key}: {message}",
        )
        found = self.findings.left_alone if go_around else self.findings.obstacles
        if obstacle not in found:
            found.append(obstacle)

    def _step(self, target: Target) -> Step | None:
        there = self.live.get(target.place)
        now = None if target.state is not None and self._is_taken_over(target) else there
        step = Step(
            action="update",
            model=target.model,
            key=target.key,
            whole_key=target.whole_key,
            fingerprint=current_rows.fingerprint(there),
        )
        if now is not None and self._is_kept_as_another(target):
            return None
        if target.state is None:
            return self._delete(target, step, now)
        state = self._writable(target)
        if now is None:
            return self._insert(target, step, state)
        return self._update(target, step, state, now)

    def _is_taken_over(self, target: Target) -> bool:
        """Return whether the row at the target's key is another, which makes place for it."""
        leaving = self.leaving.get(target.place)
        return target.expected is None and leaving is not None and leaving is not target

    def _delete(self, target: Target, step: Step, now: Mapping[str, str] | None) -> Step | None:
        if now is None:
            return None
        self._refuse_fields(target)
        is_kept = False
        for column, expected in (target.expected or {}).items():
            if self._follows(target.model, column):
                continue
            if now.get(column, expected) != expected and row_json.absence(expected) is None:
                is_kept |= not self._conflict(target, column, MISSING, expected, now[column])
        is_skipped = is_kept and self.choices.on_conflict == "skip"
        return None if is_skipped else replace(step, action="delete")

    def _insert(self, target: Target, step: Step, state: dict[str, str]) -> Step | None:
        if target.expected is not None and not target.brings_back:
            self._report(
                Kind.DELETED,
                target,
                None,
                "was deleted, so that nothing of it can be taken back. Restore it first.",
                go_around=self.choices.on_conflict == "skip",
            )
            return None
        self._refuse_fields(target)
        for column, (left, found) in target.broken.items():
            if column in state and not self._conflict(target, column, state[column], left, found):
                state[column] = found
        return replace(
            step,
            action="insert",
            state=self.completion.complete(target, state),
            given=self.choices.given_to(target.model),
        )

    def _update(
        self, target: Target, step: Step, state: Mapping[str, str], now: Mapping[str, str]
    ) -> Step | None:
        changes = {column: value for column, value in state.items() if now[column] != value}
        if target.expected is None:
            differs = any(not self._follows(target.model, column) for column in changes)
            if changes and not differs and self.choices.on_conflict != "force":
                return None
            if changes and self.choices.on_conflict != "force":
                self._report(
                    Kind.EXISTS,
                    target,
                    None,
                    "is there again, with other values. Delete it first, or revert it instead.",
                    go_around=self.choices.on_conflict == "skip",
                )
                if self.choices.on_conflict == "skip" and self.is_of_another(target):
                    self.absent.append(target)
                return None
            return replace(step, state=changes) if changes else None
        wanted = {}
        for column, value in changes.items():
            expected = target.expected.get(column, now[column])
            left, found = target.broken.get(column, (expected, now[column]))
            if found == left or self._conflict(target, column, value, left, found):
                wanted[column] = value
        for column, value in list(wanted.items()):
            own = self.fields[target.model][column]
            if value == NULL and not own.null:
                self._report(
                    Kind.REQUIRED, target, own.name, f"{own.name} had no value, but must have one."
                )
                del wanted[column]
        keys = [column_of(f) for f in key_fields(target.model)]
        if is_shortened(target.key) and any(column in wanted for column in keys):
            # What is left of the key does not say its other parts.
            wanted = {**{column: now[column] for column in keys}, **wanted}
        return replace(step, state=wanted) if wanted else None

    def _conflict(self, target: Target, column: str, was: Any, expected: str, now: str) -> bool:
        """Report a later change of a field; return whether to set the field all the same.

        A field that only follows the others stands in nobody's way: it says when the row was saved
        last, which the later save has done.
        """
        name = self._name(target.model, column)
        before = f"was {shortened(was)}, " if was is not MISSING else ""
        self._report(
            Kind.CHANGED_LATER,
            target,
            name,
            f"{name} {before}was set to {shortened(expected)}, and is now {shortened(now)}.",
            go_around=self.choices.on_conflict != "abort" or self._follows(target.model, column),
        )
        return self.choices.on_conflict == "force"

    def _follows(self, model: type[Any], column: str) -> bool:
        """Return whether Django or the database sets a column by itself, whatever is written."""
        own = self.fields[model].get(column)
        return own is not None and (
            conditions.is_automatic(own) or isinstance(own, models.GeneratedField)
        )

    def _refuse_fields(self, target: Target) -> None:
        if self.choices.fields is not None:
            raise QueryError(
                f"fields= is for rows that are there before and after. {target.model._meta.label}"
                f" {target.key} would be {'deleted' if target.state is None else 'brought back'}"
                " as a whole. Leave fields= out."
            )

    def _name(self, model: type[Any], column: str) -> str:
        own = self.fields[model].get(column)
        return own.name if own is not None else column

    def _writable(self, target: Target) -> dict[str, str]:
        """Return the columns of a target that can be written."""
        writable = {column_of(f) for f in tables.writable_columns(target.model)}
        brings_back = target.place not in self.live
        state: dict[str, str] = {}
        for column, value in (target.state or {}).items():
            own = self.fields[target.model].get(column)
            name = self._name(target.model, column)
            if self.choices.fields is not None and not (
                {name, getattr(own, "attname", name)} & set(self.choices.fields)
            ):
                continue
            if own is None:
                self._report(
                    Kind.COLUMN_GONE,
                    target,
                    column,
                    f"column {column!r} no longer exists. Pass ignore_missing=True to skip it.",
                    go_around=self.choices.ignore_missing,
                )
            elif column not in writable or (brings_back and self.choices.value_of(own)[0]):
                continue
            elif (stands := row_json.absence(value)) is not None:
                self._report(
                    Kind.MASKED,
                    target,
                    name,
                    f"the value of {name} is {stands}, so that it cannot be written.",
                    go_around=self.choices.on_conflict == "skip" and not brings_back,
                )
            elif column in self.unreadable[id(target)]:
                self._report(
                    Kind.UNREADABLE,
                    target,
                    name,
                    f"the value {shortened(value)} of {name} is not of its type today.",
                    go_around=self.choices.on_conflict == "skip" and not brings_back,
                )
            else:
                state[column] = value
        return state

    def _moves_of(self, found: Sequence[tuple[Target, Step]]) -> list[Move]:
        """Return the steps with the values of their rows before and after."""
        by_model: dict[type[Any], list[tuple[Target, Step]]] = {}
        for target, step in found:
            by_model.setdefault(step.model, []).append((target, step))
        moves: dict[int, Move] = {}
        for model, own in by_model.items():
            before = [self._found(step) for _, step in own]
            now = current_rows.typed(model, before, self.using)
            proposed = current_rows.typed(model, [step.state for _, step in own], self.using)
            for (target, step), old, new in zip(own, now, proposed, strict=True):
                after = {**old, **{c: v for c, v in new.items() if v is not MISSING}}
                is_new = step.action == "insert"
                moves[id(step)] = Move(
                    step=step,
                    now={} if is_new else old,
                    after={} if step.action == "delete" else after,
                    passed=target.passed,
                    since=target.since,
                )
        return [moves[id(step)] for _, step in found]

    def _found(self, step: Step) -> Mapping[str, str]:
        return {} if step.action == "insert" else self.live[step.model, step.key]
