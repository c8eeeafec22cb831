"""What finds writes that went past the triggers, and tells nothing of those that did not."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_VERIFIED = "tests/integration/test_verification.py"
_OF_MODELS = "tests/integration/test_verification_of_models.py"
_SETTLED = "tests/concurrency/test_settled.py"

MUTATIONS = (
    Mutation(
        what="verify: what an event found is not compared with what the one before it had left",
        find='            yield from self._compare(known, before, "broken", touch.place)',
        put="            pass",
        tests=(f"{_VERIFIED}::test_a_value_in_between_is_told_as_a_broken_chain",),
    ),
    Mutation(
        what="verify: the table is not compared with the newest event",
        find='            yield from self._compare(self.rows[-1][1], today, "differs", None)',
        put="            pass",
        tests=(
            f"{_VERIFIED}::test_a_value_that_was_written_past_the_triggers_is_named_with_its_interval",
            f"{_VERIFIED}::test_what_pgtrigger_ignores_is_told",
        ),
    ),
    Mutation(
        what="verify: rows that are gone are not told",
        find='            yield self._difference("missing", None)',
        put="            return",
        tests=(f"{_VERIFIED}::test_a_row_that_was_deleted_past_the_triggers_is_missing",),
    ),
    Mutation(
        what="verify: rows that no event tells of are not looked for",
        find="            yield from self._untold()",
        put="            pass",
        tests=(f"{_VERIFIED}::test_a_row_that_was_inserted_past_the_triggers_is_unknown",),
    ),
    Mutation(
        what="verify: of several rows at a key the newest is taken for the one that leaves",
        find="        if not touch.leaves:\n            return self.rows.pop()[1]",
        put="        if True:\n            return self.rows.pop()[1]",
        tests=(f"{_VERIFIED}::test_keys_that_are_passed_on_in_one_statement_are_followed",),
    ),
    Mutation(
        what="verify: turns count for nothing",
        find="ORDER BY first_id, COALESCE(turn, id), id)",
        put="ORDER BY id)",
        tests=(f"{_OF_MODELS}::test_rows_that_triggers_of_others_write_again",),
    ),
    Mutation(
        what="settled time is now, whatever runs",
        find="    return start - _LEAST",
        put="    return datetime.now(timezone.utc)",
        tests=(
            f"{_SETTLED}::test_a_late_commit_changes_the_past_and_settled_time_is_before_it",
            f"{_SETTLED}::test_a_transaction_that_has_not_written_yet_keeps_it_back_too",
        ),
    ),
)
