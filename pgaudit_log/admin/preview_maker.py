"""The maker of previews: what a plan would do, and what stands in its way, as a person may see it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from django.db import models
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from pgaudit_log.admin import plan_rows
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.later_changes import FieldPlace, last_changes
from pgaudit_log.admin.obstacle_texts import detail_of, field_of, text_of_obstacle
from pgaudit_log.admin.plan_rows import PlanRow, PlanRows, steps_of
from pgaudit_log.admin.previews import FieldLine, LaterChange, ObstacleView, Preview, RowView
from pgaudit_log.admin.reversal_requests import FormChoices, ReversalRequest
from pgaudit_log.constants import DELETE, INSERT, UPDATE
from pgaudit_log.declaring import model_labels
from pgaudit_log.presentation import heads, stored_values
from pgaudit_log.presentation.entries import Entries, folded, says_little
from pgaudit_log.presentation.shown import SIGNS, Shown
from pgaudit_log.reading import actors
from pgaudit_log.reversal import Kind, Obstacle, Plan, Step
from pgaudit_log.reversal.options import ABOUT_NO_ROW
from pgaudit_log.values import row_json
from pgaudit_log.values.row_json import MISSING
from pgaudit_log.values.tables import Field, concrete, own_columns

OPERATIONS = {"insert": INSERT, "update": UPDATE, "delete": DELETE}
WORDS = {"insert": _("comes back"), "update": _("is changed"), "delete": _("is deleted")}
"""What happens to an object, as a word of the preview."""


class PreviewMaker:
    """Makes the preview of a plan."""

    def __init__(
        self, wanted: ReversalRequest, access: AdminAccess, using: str, rows: PlanRows
    ) -> None:
        self._wanted = wanted
        self._rows = rows
        self._access = access
        self.entries = Entries(access, using)

    def preview(self, usual: Plan, plan: Plan, choices: FormChoices, *, forbidden: int) -> Preview:
        """Return the preview.

        Args:
            usual: the plan without choices, whose objects can be chosen.
            plan: the plan as it was chosen.
            choices: what was chosen.
            forbidden: how many rows the person may not write.
        """
        # Of what can be chosen by field, also what was chosen is told as it was found.
        told = usual if self._wanted.is_by_field else plan
        later = [
            o
            for o in (*told.obstacles, *told.left_alone)
            if o.values is not None and self._rows.by_place[o.model, o.key].is_seen
        ]
        steps = {(step.label, step.key): step for step in steps_of(usual)}
        usually = set(steps)
        chosen = {(step.label, step.key): step for step in steps_of(plan)}
        if not self._wanted.is_by_field:
            steps |= chosen
        self._want_labels([*steps.values()], later)
        self._changed_by = last_changes(map(_field_place, later), self.entries.using)
        self._names = actors.names(self._changed_by.values())
        shown = []
        for place, step in steps.items():
            own = [o for o in later if (o.model, o.key) == place]
            ticked = self._wanted.is_by_field or place in chosen
            view = self._row(self._rows.by_place[place], step, own, choices, is_ticked=ticked)
            shown.append(replace(view, can_tick=place in usually))
        for obstacle in later:
            # Of an object whose fields were all changed later, there is no step.
            place = obstacle.model, obstacle.key
            if place not in steps:
                row = self._rows.by_place[place]
                steps[place] = Step(action="update", model=row.model, key=place[1])
                own = [o for o in later if (o.model, o.key) == place]
                view = self._row(row, steps[place], own, choices, is_ticked=True)
                shown.append(replace(view, can_tick=False))
        lines = {line.name for row in shown for line in row.fields}
        in_the_way, left_alone = self._told(plan.obstacles), self._told(plan.left_alone)
        if self._wanted.is_by_field:
            # What cannot be ticked is not taken back, and so in nobody's way.
            left_alone += [o for o in in_the_way if o.field is not None and o.field not in lines]
            in_the_way = [o for o in in_the_way if o not in left_alone]
        return Preview(
            rows=shown,
            obstacles=[self._obstacle(o) for o in in_the_way],
            left_alone=[self._obstacle(o) for o in left_alone],
            forbidden=forbidden,
        )

    def _told(self, obstacles: Sequence[Obstacle]) -> list[Obstacle]:
        """Return the obstacles that are told by themselves; what was changed later stands at its field.

        That a row is left out as it was chosen is no news. Of one that is not to be seen, only that.
        """
        found = []
        unseen = set()
        for obstacle in obstacles:
            place = obstacle.model, obstacle.key
            if obstacle.kind is Kind.LEFT_OUT or place in unseen:
                continue
            if not self._rows.by_place[place].is_seen:
                unseen.add(place)
                found.append(obstacle)
            elif obstacle.values is None:
                found.append(obstacle)
        return found

    def _want_labels(self, steps: Sequence[Step], later: Sequence[Obstacle]) -> None:
        plan_rows.want_labels(steps, self.entries)
        for obstacle in later:
            for value in obstacle.values or ():
                self.entries.labels.want(_stored(obstacle), _read(_stored(obstacle), value))
        self.entries.labels.load()

    def _row(
        self,
        row: PlanRow,
        step: Step,
        later: Sequence[Obstacle],
        choices: FormChoices,
        *,
        is_ticked: bool,
    ) -> RowView:
        operation = OPERATIONS[step.action]
        values, rest = self._values(step) if step.action != "update" else ([], [])
        hidden = self._access.hidden_fields(row.model)
        return RowView(
            place=row.place,
            sign=SIGNS[operation],
            word=WORDS[step.action],
            operation=operation,
            kind=str(row.model._meta.verbose_name),
            text=self._text(row),
            url=self.entries.url_of(concrete(row.model), row.key),
            fields=self._fields(step, later, choices) if step.action == "update" else (),
            values=values,
            rest=rest,
            is_ticked=is_ticked,
            has_hidden=bool(hidden) and step.action == "insert",
        )

    def _text(self, row: PlanRow) -> str:
        return self._rows.text(row, self.entries)

    def _fields(
        self, step: Step, later: Sequence[Obstacle], choices: FormChoices
    ) -> list[FieldLine]:
        """Return the fields of a change; those that were changed later behind the others."""
        model, hidden = step.model, self._access.hidden_fields(step.model)
        fields: dict[str, Field] = {own.name: own for own in own_columns(model)}
        names = {obstacle.field for obstacle in later}
        lines = [
            FieldLine(
                name=change.field,
                shown=self.entries.change(
                    change.column, fields[change.field], change.now, change.proposed
                ),
                is_ticked=_is_ticked(change.field, choices, usually=True),
            )
            for change in step.changes
            if change.field not in hidden and change.field not in names
        ]
        for obstacle in later:
            field = field_of(obstacle)
            if field is None or field.name in hidden or obstacle.values is None:
                continue
            was, set_to, now = (_read(field, value) for value in obstacle.values)
            renderer = self.entries.renderer(field)
            lines.append(
                FieldLine(
                    name=field.name,
                    shown=self.entries.change(str(field.column), field, now, was),
                    is_ticked=_is_ticked(field.name, choices, usually=False),
                    later=self._later_change(obstacle, *map(renderer.show, (was, set_to, now))),
                )
            )
        return lines

    def _later_change(
        self, obstacle: Obstacle, was: SafeString, set_to: SafeString, now: SafeString
    ) -> LaterChange:
        event = self._changed_by.get(_field_place(obstacle))
        if event is None:
            return LaterChange(was=was, set_to=set_to, now=now)
        actor = actors.actor_of(event, self._names)
        return LaterChange(
            was=was,
            set_to=set_to,
            now=now,
            who=heads.who(actor, may_view_context=self._access.may_view_context),
            time=event.pgh_created_at,
        )

    def _values(self, step: Step) -> tuple[list[Shown], list[Shown]]:
        """Return the values of a row that comes or goes, and those that say little."""
        hidden = self._access.hidden_fields(step.model)
        fields: dict[str, Field] = {own.name: own for own in own_columns(step.model)}
        told: list[Shown] = []
        rest: list[Shown] = []
        for change in step.changes:
            value = change.now if step.action == "delete" else change.proposed
            field = fields[change.field]
            if field.name in hidden or field.primary_key or value is MISSING:
                continue
            shown = self.entries.value(change.column, field, value)
            (rest if says_little(field, value) else told).append(shown)
        return folded(told, rest)

    def _obstacle(self, obstacle: Obstacle) -> ObstacleView:
        row = self._rows.by_place[obstacle.model, obstacle.key]
        if not row.is_seen:
            return ObstacleView(
                message=str(_("You may not see this object.")),
                detail="",
                kind=str(row.model._meta.verbose_name),
                text="",
                url="",
                place="",
            )
        can_leave_out = (
            not self._wanted.is_by_field
            and obstacle.kind not in ABOUT_NO_ROW
            # Without the only one, nothing would be left.
            and len(self._rows.by_place) > 1
        )
        return ObstacleView(
            message=text_of_obstacle(obstacle, row.model, self._access),
            detail=detail_of(obstacle, row.model, self._access),
            kind=str(row.model._meta.verbose_name),
            text=self._text(row) if obstacle.kind is not Kind.INVARIANT else "",
            url=self.entries.url_of(concrete(row.model), row.key),
            place=row.place if can_leave_out else "",
            target_url=self._target_url(obstacle, row.model),
        )

    def _target_url(self, obstacle: Obstacle, model: type[models.Model]) -> str:
        """Return where the deleted objects are of which a foreign key wants one."""
        field = field_of(obstacle)
        if obstacle.kind is not Kind.MISSING_TARGET or not isinstance(field, models.ForeignKey):
            return ""
        target = concrete(field.remote_field.model)
        if field.name in self._access.hidden_fields(model):
            return ""
        if target not in model_labels.tracked_models() or not self._access.may_write("add", target):
            return ""
        return self._access.links.deleted(target)


def _is_ticked(name: str, choices: FormChoices, *, usually: bool) -> bool:
    ticked: Collection[str] | None = choices.ticked
    return usually if ticked is None else name in ticked


def _field_place(obstacle: Obstacle) -> FieldPlace:
    field = field_of(obstacle)
    column = str(obstacle.field) if field is None else str(field.column)
    return obstacle.model, obstacle.key, column


def _stored(obstacle: Obstacle) -> Field | None:
    return field_of(obstacle)


def _read(field: Field | None, text: str | None) -> Any:
    return MISSING if text is None else stored_values.read(field, row_json.plain(text))
