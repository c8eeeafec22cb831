"""What makes an event of each change, once, with the values to the last bit."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_CAPTURE = "tests/integration/test_capture.py"
_TRAPS = "tests/integration/test_traps.py"

MUTATIONS = (
    Mutation(
        what="a capture function runs with the rights of who writes",
        find="LANGUAGE plpgsql\nSECURITY DEFINER\nSET search_path = pg_catalog, pg_temp\nSET jit = off",
        put="LANGUAGE plpgsql\nSET search_path = pg_catalog, pg_temp\nSET jit = off",
        tests=(f"{_CAPTURE}::test_a_role_that_may_only_write_the_table_is_captured",),
    ),
    Mutation(
        what="old and new rows are compared with `=` and no longer bit by bit",
        find='    return f"pg_catalog.record_image_ne({',
        put='    return f"pg_catalog.record_ne({',
        tests=(f"{_TRAPS}::test_a_change_that_equality_does_not_see_is_a_change",),
    ),
    Mutation(
        what="old and new rows are paired by the order of their values",
        find='f"(SELECT row_number() OVER () AS {POSITION}, * FROM {{}}_values) AS {{}}"',
        put='f"(SELECT row_number() OVER (ORDER BY {{}}_values.*) AS {POSITION}, * FROM {{}}_values) AS {{}}"'
        '.replace("{}", "{0}")',
        tests=(f"{_CAPTURE}::test_swapped_keys_are_paired_by_row",),
    ),
    Mutation(
        what="a capture function reads the session's own settings",
        find='f"SET \\"{name}\\" = \'{value}\'" for name, value in columns_.PINS.items() if name in needed',
        put='"" for name, value in columns_.PINS.items() if name in needed',
        tests=(f"{_CAPTURE}::test_the_session_does_not_change_how_values_are_stored",),
    ),
    Mutation(
        what="a trigger that is ignored captures all the same",
        find="        THEN\n            RETURN NULL;\n        END IF;\n        -- Taken",
        put="        THEN\n            NULL;\n        END IF;\n        -- Taken",
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
        find="SECURITY DEFINER\nSET search_path = pg_catalog, pg_temp\nSET jit = off\n"
        "SET plan_cache_mode = force_generic_plan",
        put="SECURITY DEFINER\nSET search_path = pg_catalog, pg_temp\nSET jit = off",
        tests=(f"{_TRAPS}::test_every_capture_function_pins_what_its_plans_depend_on",),
    ),
    Mutation(
        what="JSON `null` and what looks like a marker are stored as they are",
        find="f\"CASE WHEN jsonb_typeof({column}) = 'null' OR {_has_marker(column)}\"",
        put='f"CASE WHEN FALSE"',
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
)
