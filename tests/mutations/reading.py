"""What makes the past the past, and never today."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_PAST = "tests/integration/test_timetravel.py"
_QUERIES = "tests/integration/test_timetravel_queries.py"
_REFUSALS = "tests/integration/test_timetravel_refusals.py"
_TIMELINES = "tests/integration/test_whole_timelines.py"

MUTATIONS = (
    Mutation(
        what="`as_of()` reads today's rows",
        find='    return f"{join}{state.text}{rest}", [*state.params, *params]',
        put="    return sql, params",
        tests=(
            f"{_PAST}::test_a_table_is_seen_as_it_was_at_each_time",
            f"{_QUERIES}::test_every_question_is_answered_from_the_past",
        ),
    ),
    Mutation(
        what="what is tracked is written to in a block",
        find="                _refuse_write(query.model, moment)\n",
        put="                pass\n",
        tests=(f"{_REFUSALS}::test_tracked_tables_cannot_be_written_in_a_block",),
    ),
    Mutation(
        what="`extra(tables=)` is let through",
        find="        if recorded_past.of_table(table.strip('\"')) is not None:",
        put="        if False:",
        tests=(f"{_QUERIES}::test_todays_rows_cannot_be_smuggled_in",),
    ),
    Mutation(
        what="what is older than its tracking counts as not there",
        find="            _refuse_unknown(queryset, moment)",
        put="            pass",
        tests=(f"{_PAST}::test_what_is_older_than_its_tracking_is_unknown",),
    ),
    Mutation(
        what="a time to come is taken as it is",
        find="            _refuse_future(at, using)",
        put="            pass",
        tests=("tests/integration/test_future.py::test_a_moment_in_the_future_is_refused",),
    ),
    Mutation(
        what="an update says nothing of the key that its row had",
        find="    moves = [_moved_sql(called(moved[0]), moved[1])] if moved is not None else []",
        put="    moves: list[str] = []",
        tests=("tests/integration/test_keys.py::test_the_timeline_follows_a_changed_key",),
    ),
    Mutation(
        what="a timeline lacks the event that took a part away",
        find="            self._tell(record, row, {**row.state, **(record.before or {})})",
        put="            pass",
        tests=(f"{_TIMELINES}::test_a_part_that_left_has_its_events_up_to_the_one_that_took_it",),
    ),
)
