"""What keeps a retention, and the rewriting of partitions, from losing what has to stay."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_RETENTION = "tests/integration/test_retention.py"
_INTERRUPTIONS = "tests/integration/test_partition_interruptions.py"

MUTATIONS = (
    Mutation(
        what="retention: the newest events of what there was go, too",
        find="            self._add_baselines(cursor, number, rule)",
        put="            pass",
        tests=(f"{_RETENTION}::test_the_past_behind_the_horizon_is_as_it_was",),
    ),
    Mutation(
        what="retention: what says that a held row was gone goes",
        find="        while self._add_ends(cursor):",
        put="        while False:",
        tests=(
            f"{_RETENTION}::test_what_is_held_of_an_object_that_is_gone_does_not_bring_it_back",
        ),
    ),
    Mutation(
        what="retention: holds keep nothing",
        find="events=self._add_held(cursor, one)) for one",
        put="events=0) for one",
        tests=(f"{_RETENTION}::test_what_is_held_stays",),
    ),
    Mutation(
        what="retention: a moment before the horizon is answered with what is left",
        find="    IF at < horizon.since OR up_to < horizon.last_id THEN",
        put="    IF FALSE THEN",
        tests=(f"{_RETENTION}::test_beyond_the_horizon_nothing_is_known",),
    ),
    Mutation(
        what="retention: what came into a partition that was put aside is dropped with it",
        find="FROM {table} AS event {_TOP} WHERE {is_late} AND NOT EXISTS (",
        put="FROM {table} AS event {_TOP} WHERE FALSE AND {is_late} AND NOT EXISTS (",
        tests=(
            f"{_INTERRUPTIONS}::test_what_is_written_into_a_partition_that_was_put_aside_comes_back",
        ),
    ),
)
