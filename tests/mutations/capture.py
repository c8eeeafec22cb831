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
)
