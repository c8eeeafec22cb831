"""Rules that write as Django does: save, bulk methods, updates with expressions, cascades."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Case, F, Value, When
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.properties import values as v
from tests.properties.machine import Machine, aliases, levels
from tests.properties.tables import VALUES


class OrmWrites(Machine):
    """Writes through the models."""

    def sheets(self, alias: str, level: str) -> Any:
        """Return the manager of the sheets of a level, in a session."""
        return self.families[level].sheet.model.objects.using(alias)

    def picked(self, alias: str, level: str, kind: str, picks: list[int]) -> list[str]:
        """Return the keys that ``picks`` mean of the rows which a session sees."""
        return v.picked(self.visible[alias].keys(getattr(self.families[level], kind)), picks)

    @rule(alias=aliases, level=levels, rows=v.sheets)
    def create(self, alias: str, level: str, rows: dict[int, v.Values]) -> None:
        """Create one sheet; its key may be taken."""
        [key, *_] = rows
        self.write(alias, lambda: self.sheets(alias, level).create(key=key, **rows[key]))

    @rule(
        alias=aliases,
        level=levels,
        rows=v.sheets,
        conflicts=st.sampled_from(["refuse", "ignore", "update"]),
        updated=st.sets(st.sampled_from(sorted(VALUES)), min_size=1),
    )
    def bulk_create(
        self,
        alias: str,
        level: str,
        rows: dict[int, v.Values],
        conflicts: str,
        updated: set[str],
    ) -> None:
        """Create several sheets, with each way to meet those that are there."""
        options: dict[str, Any] = {
            "refuse": {},
            "ignore": {"ignore_conflicts": True},
            "update": {
                "update_conflicts": True,
                "unique_fields": ["key"],
                "update_fields": sorted(updated),
            },
        }[conflicts]
        manager = self.sheets(alias, level)
        sheets = [manager.model(key=key, **row) for key, row in rows.items()]
        self.write(alias, lambda: manager.bulk_create(sheets, **options))

    @rule(
        alias=aliases,
        level=levels,
        picks=v.picks,
        changes=v.changes(*VALUES),
        only=st.booleans(),
    )
    def save(self, alias: str, level: str, picks: list[int], changes: v.Values, only: bool) -> None:
        """Save a sheet that was fetched and changed: all of its fields, or ``only`` the changed."""

        def work() -> None:
            keys = self.picked(alias, level, "sheet", picks[:1])
            for sheet in self.sheets(alias, level).filter(key__in=keys):
                for name, value in changes.items():
                    setattr(sheet, name, value)
                sheet.save(update_fields=list(changes) if only else None)

        self.write(alias, work)

    @rule(alias=aliases, level=levels, rows=v.sheets)
    def update_or_create(self, alias: str, level: str, rows: dict[int, v.Values]) -> None:
        """Update the sheet, or create it where there is none."""
        [key, *_] = rows
        self.write(
            alias,
            lambda: self.sheets(alias, level).update_or_create(key=key, defaults=rows[key]),
        )

    @rule(
        alias=aliases,
        level=levels,
        picks=v.picks,
        rows=st.lists(v.values(*VALUES), min_size=4, max_size=4),
        changed=st.sets(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3),
    )
    def bulk_update(
        self,
        alias: str,
        level: str,
        picks: list[int],
        rows: list[v.Values],
        changed: set[str],
    ) -> None:
        """Give several sheets values of their own in one statement."""
        manager = self.sheets(alias, level)
        sheets = [
            manager.model(key=int(key), **row)
            for key, row in zip(self.picked(alias, level, "sheet", picks), rows, strict=False)
        ]
        self.write(alias, lambda: manager.bulk_update(sheets, sorted(changed)))

    @rule(alias=aliases, level=levels, picks=v.picks, factor=st.sampled_from(["1", "1.0", "-1"]))
    def update_with_f(self, alias: str, level: str, picks: list[int], factor: str) -> None:
        """Multiply, which may change no more than the number of decimals or the sign of zero.

        NaN is left out: its sign, which no text shows, would change.
        """
        keys = self.picked(alias, level, "sheet", picks)
        self.write(
            alias,
            lambda: (
                self.sheets(alias, level)
                .filter(key__in=keys)
                .exclude(ratio=float("nan"))
                .update(amount=F("amount") * Decimal(factor), ratio=F("ratio") * float(factor))
            ),
        )

    @rule(alias=aliases, level=levels, picks=v.picks, changes=v.values("words", "data"))
    def update_with_case(self, alias: str, level: str, picks: list[int], changes: v.Values) -> None:
        """Update all sheets, of which only some change."""
        keys = self.picked(alias, level, "sheet", picks)
        cases = {
            name: Case(When(key__in=keys, then=Value(value, output_field=field)), default=F(name))
            for name, value in changes.items()
            for field in [self.sheets(alias, level).model._meta.get_field(name)]
        }
        self.write(alias, lambda: self.sheets(alias, level).update(**cases))

    @rule(alias=aliases, level=levels, picks=v.picks, whole=st.booleans())
    def delete(self, alias: str, level: str, picks: list[int], whole: bool) -> None:
        """Delete sheets with their notes and lines, as a queryset or as objects."""

        def work() -> None:
            found = self.sheets(alias, level).filter(
                key__in=self.picked(alias, level, "sheet", picks)
            )
            if whole:
                found.delete()
            else:
                for sheet in found[:1]:
                    sheet.delete()

        self.write(alias, work)

    @rule(alias=aliases, level=levels, picks=v.picks, rows=v.lines)
    def create_lines(
        self, alias: str, level: str, picks: list[int], rows: dict[str, v.Values]
    ) -> None:
        """Create lines of the sheets there are."""
        keys = self.picked(alias, level, "sheet", picks)
        model = self.families[level].line.model
        created = [
            model(key=key, sheet_id=int(keys[number % len(keys)]), **row)
            for number, (key, row) in enumerate(rows.items())
            if keys
        ]
        self.write(
            alias, lambda: model.objects.using(alias).bulk_create(created, ignore_conflicts=True)
        )

    @rule(alias=aliases, level=levels, picks=v.picks, words=v.values("words"))
    def create_notes(self, alias: str, level: str, picks: list[int], words: v.Values) -> None:
        """Create a note for each of some sheets."""
        model = self.families[level].note.model
        created = [
            model(sheet_id=int(key), **words) for key in self.picked(alias, level, "sheet", picks)
        ]
        self.write(alias, lambda: model.objects.using(alias).bulk_create(created))

    @rule(alias=aliases, level=levels, picks=v.picks, sheets=v.picks)
    def move_notes(self, alias: str, level: str, picks: list[int], sheets: list[int]) -> None:
        """Give some notes to another sheet."""
        notes = self.picked(alias, level, "note", picks)
        model = self.families[level].note.model
        for key in self.picked(alias, level, "sheet", sheets[:1]):
            self.write(
                alias,
                lambda key=int(key): (
                    model.objects.using(alias).filter(key__in=notes).update(sheet_id=key)
                ),
            )

    @rule(alias=aliases, level=levels, column=st.sampled_from(sorted(VALUES)))
    def update_to_the_same(self, alias: str, level: str, column: str) -> None:
        """Update all sheets to what they are."""
        self.write(alias, lambda: self.sheets(alias, level).update(**{column: F(column)}))
