"""What keeps the code of strangers out of captures."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_STRANGERS = "tests/integration/test_strangers.py"

MUTATIONS = (
    Mutation(
        what="names in a capture function mean what the session's path says",
        find='    "search_path": "pg_catalog, pg_temp",\n',
        put="",
        tests=(f"{_STRANGERS}::test_what_was_planted_after_installing_is_never_called",),
    ),
    Mutation(
        what="a condition may be bound to what belongs to a stranger",
        find="    IF FOUND THEN\n        RAISE EXCEPTION 'pgaudit_log: % would call %",
        put="    IF false THEN\n        RAISE EXCEPTION 'pgaudit_log: % would call %",
        tests=(f"{_STRANGERS}::test_a_condition_that_would_call_a_stranger_is_refused",),
    ),
    Mutation(
        what="the schema is made with the names that the session's path finds",
        find="    PERFORM pg_catalog.set_config('pgaudit_log.path', pg_catalog.current_setting('search_path'), true);\n"
        "    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);",
        put="    PERFORM pg_catalog.set_config('pgaudit_log.path', pg_catalog.current_setting('search_path'), true);",
        tests=(f"{_STRANGERS}::test_what_was_planted_before_installing_is_never_bound",),
    ),
    Mutation(
        what="what is there before the event table is made is taken for ours",
        find="        if is_new:\n",
        put="        if False:\n",
        tests=(
            f"{_STRANGERS}::test_what_was_planted_before_the_first_migrate_is_not_taken_for_ours",
        ),
    ),
    Mutation(
        what="a capture function calls the condition that fits its columns best",
        find="::{type_until_installed(name)}",
        put="",
        tests=(
            f"{_STRANGERS}::test_after_a_column_was_altered_by_hand_a_condition_calls_no_stranger",
        ),
    ),
)
