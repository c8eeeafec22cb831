"""What brings who and why to each event of a block, and to no other."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_CONTEXT = "tests/integration/test_context.py"
_TRAPS = "tests/integration/test_traps.py"
_FUNCTIONS = "tests/sql/test_functions.py"
_KEPT = "tests/integration/test_anything_is_read.py::test_what_no_reader_could_have_is_kept_as_malformed"

MUTATIONS = (
    Mutation(
        what="cursors carry nothing",
        find="        driver_connection.cursor_factory = carrying(factory)",
        put="        pass",
        tests=(
            f"{_CONTEXT}::test_every_alias_carries_the_context",
            f"{_CONTEXT}::test_every_kind_of_query",
            f"{_CONTEXT}::test_awkward_values_arrive_as_they_are",
            f"{_CONTEXT}::test_copy_and_functions_and_ctes_carry_the_context",
            f"{_TRAPS}::test_outside_a_transaction_each_statement_carries_the_context",
        ),
    ),
    Mutation(
        what="`executemany()` carries nothing",
        find="            carried = self._prefixed(query, ())\n            return super().executemany(carried",
        put="            return super().executemany(query",
        tests=(f"{_CONTEXT}::test_executemany",),
    ),
    Mutation(
        what="`COPY` carries nothing",
        find="        query, params = self._carry(statement, params)\n        return super().copy(",
        put="        query = statement\n        return super().copy(",
        tests=(f"{_CONTEXT}::test_copy_and_functions_and_ctes_carry_the_context",),
    ),
    Mutation(
        what="leaving a block leaves its context running",
        find="        _current.set(None if running is None else running.outside)",
        put="",
        tests=(
            f"{_CONTEXT}::test_the_context_ends_with_its_block_inside_one_transaction",
            f"{_CONTEXT}::test_a_block_that_raises_restores_what_was_before",
        ),
    ),
    Mutation(
        what="a context anywhere in a statement counts",
        find="    IF starts_with(carried, '/*pgaudit_log:') THEN\n        carried := substr(",
        put="    IF strpos(carried, '/*pgaudit_log:') > 0 THEN\n"
        "        carried := substr(carried, strpos(carried, '/*pgaudit_log:'));\n"
        "        carried := substr(",
        tests=(f"{_CONTEXT}::test_a_marker_inside_a_value_is_not_a_context",),
    ),
    Mutation(
        what="a text in front of a statement that looks like a context is sent as it is",
        find='            return " " + query\n',
        put="            return query\n",
        tests=(
            "tests/integration/test_claims.py::test_text_in_front_of_a_statement_is_no_context",
        ),
    ),
    Mutation(
        what="NaN and infinity are taken as JSON",
        find="    return _encoder()(allow_nan=False,",
        put="    return _encoder()(allow_nan=True,",
        tests=(f"{_CONTEXT}::test_what_cannot_be_carried_is_refused_on_entering",),
    ),
    Mutation(
        what="Python carries a context of any depth",
        find='    if text.count("[") + text.count("{") > CONTEXT_MAX_DEPTH and',
        put="    if False and",
        tests=(f"{_CONTEXT}::test_a_value_nested_too_deeply_is_refused",),
    ),
    Mutation(
        what="Python carries a context of any length",
        find="    if len(text) > longest:",
        put="    if False:",
        tests=(f"{_CONTEXT}::test_what_cannot_be_carried_is_refused_on_entering",),
    ),
    Mutation(
        what="the database takes a context of any length",
        find="    IF octet_length(carried) > longest THEN",
        put="    IF false THEN",
        tests=(_KEPT,),
    ),
    Mutation(
        what="the database takes a context of any depth",
        find="            IF jsonb_path_exists(value, '$.**{501}') THEN",
        put="            IF false THEN",
        tests=(_KEPT,),
    ),
    Mutation(
        what="the database takes numbers of any length",
        find="            IF strpos(written, repeat('0', 1001)) > 0 THEN",
        put="            IF false THEN",
        tests=(_KEPT,),
    ),
    Mutation(
        what="a malformed context refuses the write",
        find="    EXCEPTION\n        WHEN OTHERS THEN\n            RETURN malformed;\n    END;",
        put="    END;",
        tests=(
            f"{_FUNCTIONS}::test_parse_context_never_raises",
            f"{_TRAPS}::test_a_malformed_setting_refuses_no_write",
        ),
    ),
    Mutation(
        what="a user of any length is indexed",
        find="        IF length(value ->> key) > 600 THEN",
        put="        IF false THEN",
        tests=(f"{_TRAPS}::test_a_long_user_refuses_no_write",),
    ),
    Mutation(
        what="without a context the application is not recorded",
        find="'application', NULLIF(current_setting('application_name'), '')",
        put="'application', NULL",
        tests=(f"{_CONTEXT}::test_without_a_context_the_session_is_recorded",),
    ),
    Mutation(
        what="each row of a statement asks for the context anew",
        find="            PERFORM set_config('pgaudit_log.memo',",
        put="            PERFORM concat('pgaudit_log.memo',",
        tests=(f"{_TRAPS}::test_a_bulk_insert_reads_the_context_once",),
    ),
    Mutation(
        what="two contexts that a function sets one after the other are taken for one",
        find="                current_setting('pgaudit_log.context', true)\n            ),\n            0",
        put="                ''\n            ),\n            0",
        tests=(f"{_TRAPS}::test_a_setting_changed_inside_a_function_counts_at_both_levels",),
    ),
)
