"""What keeps values out of the log that nobody shall find in it."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_MASKS = "tests/integration/test_masks.py"
_CONTEXTS = "tests/integration/test_masked_contexts.py"
_MASKING = "tests/integration/test_masking.py"
_PARTITIONS = "tests/integration/test_masking_partitions.py"

MUTATIONS = (
    Mutation(
        what="masks: a capture stores the values of a masked column",
        find="        return value if self.mask is None else masked_sql(self.name, value, self.mask)",
        put="        return value",
        tests=(f"{_MASKS}::test_an_event_tells_that_a_masked_column_changed_and_not_what",),
    ),
    Mutation(
        what="masks: a plan writes a masked column as the event has it",
        find="            elif column in masks_of(case.target.model):\n",
        put="            elif False:\n",
        tests=(f"{_MASKS}::test_a_revert_leaves_masked_fields_as_they_are_and_says_so",),
    ),
    Mutation(
        what="masks: a filter by a masked value finds nothing",
        find='    raise QueryError(\n        f"{field.model._meta.label}.{field.name} is masked',
        put='    QueryError(\n        f"{field.model._meta.label}.{field.name} is masked',
        tests=(
            f"{_MASKS}::test_a_typed_event_has_a_mark_and_cannot_be_asked_for_a_value",
            f"{_MASKS}::test_an_object_of_the_past_has_a_mark_and_cannot_be_asked_for_a_value",
        ),
    ),
    Mutation(
        what="masks: older events are written anew as they were",
        find='            rule += " WHEN " + belongs + " THEN " + Sql.param(text) + "::jsonb"',
        put='            rule += " WHEN " + belongs + " THEN NULL::jsonb"',
        tests=(f"{_MASKING}::test_old_values_are_hidden_by_plan",),
    ),
    Mutation(
        what="masks: what a hold keeps is written anew, too",
        find='        rule = Sql.plain(f"CASE WHEN {self._hold} <> 0 THEN NULL")',
        put='        rule = Sql.plain("CASE WHEN FALSE THEN NULL")',
        tests=(f"{_PARTITIONS}::test_what_is_held_stays_and_is_told",),
    ),
    Mutation(
        what="masks: holds that are placed meanwhile count for nothing",
        find='            refuse_others(cursor, self.holds, using=self.using)\n            own_events.write(self.using, own_events.MAINTENANCE, "mask", told)',
        put='            own_events.write(self.using, own_events.MAINTENANCE, "mask", told)',
        tests=(f"{_PARTITIONS}::test_a_hold_that_is_placed_while_events_are_copied_stops_it",),
    ),
    Mutation(
        what="masks: contexts are sent as they are",
        find="        found = _without(found, path)",
        put="        pass",
        tests=(
            f"{_CONTEXTS}::test_what_the_setting_names_is_not_sent",
            f"{_CONTEXTS}::test_what_is_masked_is_not_sent_on_to_jobs",
        ),
    ),
)
