"""What makes an undo exact, whole, and of nothing that others did."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_UNDO = "tests/integration/test_undo.py"
_REVERSAL = "tests/integration/test_reversal.py"
_BESIDE = "tests/concurrency/test_reversal.py"
_WHOLE = "tests/integration/test_whole_reverts.py"

MUTATIONS = (
    Mutation(
        what="a plan is applied to rows that have changed since",
        find="            _refuse_stale(plan)\n",
        put="",
        tests=(
            f"{_BESIDE}::test_of_two_applies_of_one_plan_exactly_one_wins",
            f"{_BESIDE}::test_a_row_changed_by_another_under_way_refuses_all_of_the_plan",
        ),
    ),
    Mutation(
        what="a plan is carried out row by row",
        find="        with moments.today(), transaction.atomic(using=plan.using), context(**metadata):",
        put="        with moments.today(), context(**metadata):",
        tests=(f"{_REVERSAL}::test_nothing_is_half_applied_wherever_a_trigger_raises",),
    ),
    Mutation(
        what="a later change is overwritten without being asked for",
        find='            go_around=self.choices.on_conflict != "abort" or _is_automatic(case, column),\n'
        "            values=(None if was is MISSING else was, expected, now),\n        )\n"
        '        return self.choices.on_conflict == "force"',
        put="            go_around=True,\n            values=(None, expected, now),\n        )\n        return True",
        tests=(f"{_UNDO}::test_a_later_change_of_the_field_stands_in_the_way",),
    ),
    Mutation(
        what="what others wrote between two changes of a transaction is not seen",
        find="            self.broken[column] = (self.after[column], value)",
        put="            pass",
        tests=(f"{_UNDO}::test_what_others_wrote_between_two_of_its_changes_stands_in_the_way",),
    ),
    Mutation(
        what="a row goes back to before its last change in a transaction, not its first",
        find="            self.before.setdefault(column, value)",
        put="            self.before[column] = value",
        tests=(
            "tests/integration/test_undo_request.py::test_undo_of_a_request_brings_twenty_tables_back",
        ),
    ),
    Mutation(
        what="the events of a reversal do not say so",
        find="    metadata = {**plan.reverts, ",
        put="    metadata = {",
        tests=(f"{_UNDO}::test_its_events_name_the_transaction",),
    ),
    Mutation(
        what="what a project says must hold is not asked",
        find="            repairs = _repairs(plan)\n",
        put="            repairs = []\n",
        tests=(
            "tests/integration/test_invariants.py::test_what_can_be_repaired_is_told_and_repaired",
        ),
    ),
    Mutation(
        what="a part of which nothing is known is reverted by guess",
        find="        self._refuse_unknown(moment)\n",
        put="",
        tests=(f"{_WHOLE}::test_a_part_that_is_older_than_its_tracking_is_told",),
    ),
    Mutation(
        what="the row of another object that has a part's key by now is overwritten",
        find="expected={} if is_there else None",
        put="expected={}",
        tests=(f"{_WHOLE}::test_a_key_that_another_objects_part_has_by_now_is_an_obstacle",),
    ),
)
