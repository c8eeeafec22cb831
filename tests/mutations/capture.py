"""What makes an event of each change, once, with the values to the last bit."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_CAPTURE = "tests/integration/test_capture.py"
_TRAPS = "tests/integration/test_traps.py"
_EDITOR = "tests/integration/test_schema_editor.py"

MUTATIONS = (
    Mutation(
        what="a capture function runs with the rights of who writes",
        find="LANGUAGE plpgsql\nSECURITY DEFINER\n{settings}",
        put="LANGUAGE plpgsql\n{settings}",
        tests=(f"{_CAPTURE}::test_a_role_that_may_only_write_the_table_is_captured",),
    ),
    Mutation(
        what="old and new rows are compared with `=` and no longer bit by bit",
        find='    return listed("pg_catalog.record_image_ne(", images, ")")',
        put='    return listed("pg_catalog.record_ne(", images, ")")',
        tests=(f"{_TRAPS}::test_a_change_that_equality_does_not_see_is_a_change",),
    ),
    Mutation(
        what="old and new rows are paired by the order of their values",
        find="row_number() OVER () AS {POSITION}",
        put="row_number() OVER (ORDER BY {row}_values.*) AS {POSITION}",
        tests=(f"{_CAPTURE}::test_swapped_keys_are_paired_by_row",),
    ),
    Mutation(
        what="a capture function reads the session's own settings",
        find="    return tuple(name for name in PINNED if name in needed)",
        put="    return ()",
        tests=(f"{_CAPTURE}::test_the_session_does_not_change_how_values_are_stored",),
    ),
    Mutation(
        what="a trigger that is ignored captures all the same",
        find="            IF @schema@.pgaudit_log_may_write() THEN\n                RETURN NULL;",
        put="            IF @schema@.pgaudit_log_may_write() THEN\n                NULL;",
        tests=(f"{_CAPTURE}::test_an_ignored_trigger_writes_nothing",),
    ),
    Mutation(
        what="a statement is captured without the number that it took as it began",
        find="        turn := @schema@.pgaudit_log_turn(TG_RELID, TG_OP);",
        put="",
        tests=(
            "tests/integration/test_causal_order.py::test_an_update_that_a_trigger_follows_with_another",
        ),
    ),
    Mutation(
        what="a capture function is planned anew for each statement",
        find='    "plan_cache_mode": "force_generic_plan",\n',
        put="",
        tests=(f"{_TRAPS}::test_every_capture_function_pins_what_its_plans_depend_on",),
    ),
    Mutation(
        what="JSON `null` and what looks like a marker are stored as they are",
        find='    is_odd = chained("OR", [f"jsonb_typeof({column}) = \'null\'", has_marker(column)])',
        put='    is_odd = "FALSE"',
        tests=(
            f"{_TRAPS}::test_a_json_null_a_sql_null_and_a_missing_column_are_three_things",
            "tests/integration/test_markers.py::test_no_json_imitates_what_stands_for_a_value",
        ),
    ),
    Mutation(
        what="minus zero is stored as zero",
        find="f\"{column} = 0 AND {column}::text = '-0'\"",
        put='"FALSE"',
        tests=("tests/integration/test_types.py::test_a_value_comes_back_to_the_last_bit",),
    ),
    Mutation(
        what="triggers are in the way where Django alters the type of a column",
        find="            aside = [capture for capture in self._standing(model) if capture.has_condition]",
        put="            aside: list[_Capture] = []",
        tests=(
            f"{_EDITOR}::test_a_column_in_a_condition_changes_its_type_and_all_is_well",
            f"{_EDITOR}::test_a_column_that_points_at_one_that_changes_its_type_is_captured_on",
        ),
    ),
    Mutation(
        what="a condition for a type that a column had is none that is missing",
        find="            if not _is_resolved(connection, call):",
        put="            if False:",
        tests=(
            "tests/integration/test_installed_triggers.py::test_no_migration_by_hand_makes_a_write_fail",
            "tests/integration/test_installed_triggers.py::test_a_check_tells_of_a_condition_for_columns_of_other_types",
        ),
    ),
)
