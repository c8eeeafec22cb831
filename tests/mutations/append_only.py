"""What keeps events from being changed."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

_EVENT_TABLE = "tests/integration/test_event_table.py"
_HARDENING = "tests/integration/test_hardening.py"
_TYPED = "tests/integration/test_typed_events.py"

MUTATIONS = (
    Mutation(
        what="the trigger refuses only DELETE",
        find="BEFORE UPDATE OR DELETE ON @schema@.pgaudit_log_event",
        put="BEFORE DELETE ON @schema@.pgaudit_log_event",
        tests=(
            f"{_EVENT_TABLE}::test_events_are_append_only",
            f"{_EVENT_TABLE}::test_an_upsert_cannot_change_an_event",
        ),
    ),
    Mutation(
        what="the trigger refuses only UPDATE",
        find="BEFORE UPDATE OR DELETE ON @schema@.pgaudit_log_event",
        put="BEFORE UPDATE ON @schema@.pgaudit_log_event",
        tests=(f"{_EVENT_TABLE}::test_events_are_append_only",),
    ),
    Mutation(
        what="a partition has no trigger of its own against TRUNCATE",
        find="BEFORE TRUNCATE ON {partition}",
        put="BEFORE INSERT ON {partition}",
        tests=(f"{_EVENT_TABLE}::test_a_partition_refuses_truncate_from_the_moment_it_is_made",),
    ),
    Mutation(
        what="the trigger holds for ordinary sessions only",
        find="    ENABLE ALWAYS TRIGGER pgaudit_log_refuse_change;\n\nDO",
        put="    ENABLE TRIGGER pgaudit_log_refuse_change;\n\nDO",
        tests=(f"{_EVENT_TABLE}::test_events_are_append_only",),
    ),
    Mutation(
        what="`save()` of an event does nothing",
        find="""        raise ReadOnlyError(
            f"{self._meta.label} cannot be saved: events are append-only.""",
        put="""        return
        raise ReadOnlyError(
            f"{self._meta.label} cannot be saved: events are append-only.""",
        tests=(f"{_TYPED}::test_an_event_cannot_be_saved_or_deleted",),
    ),
    Mutation(
        what="what a queryset of events refuses does nothing",
        find="""        raise ReadOnlyError(
            f"{self.model._meta.label} is append-only:""",
        put="""        return  # type: ignore
        raise ReadOnlyError(
            f"{self.model._meta.label} is append-only:""",
        tests=(f"{_TYPED}::test_a_queryset_of_events_cannot_write",),
    ),
    Mutation(
        what="anybody may make a trigger that calls a capture function",
        find="    EXECUTE 'REVOKE ALL ON FUNCTION ' || home || '.{pgid}() FROM PUBLIC';",
        put="",
        tests=(f"{_HARDENING}::test_nobody_can_put_a_capture_function_on_a_table_of_his_own",),
    ),
    Mutation(
        what="a flush empties the event table everywhere",
        find='    return test_utils is not None and hasattr(test_utils._TestState, "saved_data")',
        put="    return True",
        tests=("tests/integration/test_projects.py::test_a_flush_outside_tests_leaves_the_events",),
    ),
    Mutation(
        what="the names and shapes that events are read with may be deleted",
        find="            ('@schema@.pgaudit_log_shape', 'UPDATE OR DELETE')",
        put="            ('@schema@.pgaudit_log_shape', 'UPDATE OF id')",
        tests=("tests/integration/test_tampering.py::test_what_events_are_read_with_is_kept",),
    ),
)
